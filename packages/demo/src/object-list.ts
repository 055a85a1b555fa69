/** Shows objects as rows: number in the object's colour, patch, and position. */
import type { Box } from "@air-onnx/core";
import { paintAsObject } from "./colours.js";
import { make, resizeChildren, within } from "./elements.js";
import { paintPlanes } from "./picture-view.js";
import { placeInWords, shareInWords, sizeInWords } from "./words.js";

export interface ListedObject {
  readonly box: Box;
  /** `[C, O, O]`; undefined until the decoder has drawn it. */
  readonly patch: ArrayLike<number> | undefined;
  readonly presence: number;
}

interface ListOptions {
  readonly imageSize: number;
  readonly channels: number;
  /** Called with the row that the user chooses; makes the rows buttons. */
  readonly onSelect?: (index: number) => void;
  readonly selected?: number;
}

export function showObjects(
  list: HTMLElement,
  objects: readonly ListedObject[],
  { imageSize, channels, onSelect, selected }: ListOptions,
): void {
  const rows = resizeChildren(list, objects.length, (index) => makeRow(index, onSelect));
  objects.forEach(({ box, patch, presence }, i) => {
    const row = rows[i]!.firstElementChild!;
    if (patch) paintPlanes(within(row, "canvas", HTMLCanvasElement), patch, channels);
    within(row, "b", HTMLElement).textContent = capital(placeInWords(box, imageSize));
    within(row, "small", HTMLElement).textContent =
      `${sizeInWords(box)}${presence < 1 ? `, ${shareInWords(presence)}` : ""}`;
    if (onSelect) row.setAttribute("aria-pressed", String(i === selected));
  });
}

function makeRow(index: number, onSelect: ((index: number) => void) | undefined): HTMLElement {
  const contents = [
    make("span", { className: "number", textContent: String(index + 1) }),
    make("canvas", { className: "pixels" }),
    make("span", {}, make("b"), make("br"), make("small")),
  ];
  const row = onSelect
    ? make("button", { type: "button", className: "row", onclick: () => onSelect(index) }, ...contents)
    : make("div", { className: "row" }, ...contents);
  const item = make("li", {}, row);
  paintAsObject(item, index);
  return item;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
