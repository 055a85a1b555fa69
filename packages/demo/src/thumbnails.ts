/** A row of small pictures to choose from. */
import { make, resizeChildren } from "./elements.js";
import { paintPlanes } from "./picture-view.js";
import { markRadio } from "./radio-row.js";
import { canvasFromRaster, type Raster } from "./raster.js";

export interface Thumbnail {
  readonly raster: Raster;
  readonly label: string;
}

/**
 * Fills a row with thumbnails.
 *
 * @param selected index of the chosen picture of a group of radio buttons; if absent, the pictures are plain buttons
 */
export function showThumbnails(
  row: HTMLElement,
  thumbnails: readonly Thumbnail[],
  onChoose: (index: number) => void,
  selected?: number,
): void {
  const buttons = resizeChildren(row, thumbnails.length, () =>
    make("button", { type: "button" }, make("canvas", { className: "pixels" })),
  );
  thumbnails.forEach(({ raster, label }, i) => {
    const button = buttons[i] as HTMLButtonElement;
    button.setAttribute("aria-label", label);
    button.title = label;
    button.onclick = () => onChoose(i);
    if (selected !== undefined) markRadio(button, i === selected);
    paintPlanes(button.firstElementChild as HTMLCanvasElement, canvasFromRaster(raster), raster.channels);
  });
}
