/** Shows held-out images, each above what the network makes of it: its boxes, its reconstruction and its count. */
import { boxFromZWhere, type ZWhere } from "@air-onnx/core";
import { make, makeSvg, resizeChildren, within } from "./elements.js";
import { paintPlanes, showBoxes } from "./picture-view.js";
import { countObjects } from "./words.js";

/** Makes room for `size` images, and returns the canvas of each. */
export function showExamples(list: HTMLOListElement, size: number): readonly HTMLCanvasElement[] {
  const items = resizeChildren(list, size, () =>
    make(
      "li",
      {},
      make("div", { className: "frame" }, picture()),
      make("div", { className: "frame" }, picture(), overlay()),
      make("p"),
    ),
  );
  return items.map((item) => within(item, ".frame:first-child canvas", HTMLCanvasElement));
}

/** The canvas of the reconstruction of image `index`. */
export function reconstructionOf(list: HTMLOListElement, index: number): HTMLCanvasElement {
  return within(list.children[index]!, ".frame + .frame canvas", HTMLCanvasElement);
}

/** Shows the count and the windows of each image. */
export function showFindings(
  list: HTMLOListElement,
  found: readonly { readonly count: number; readonly zWhere: readonly ZWhere[] }[],
  { imageSize, counts }: { readonly imageSize: number; readonly counts: readonly number[] | undefined },
): void {
  found.forEach(({ count, zWhere }, i) => {
    const item = list.children[i]!;
    const boxes = zWhere.map((each, index) => ({ box: boxFromZWhere(each, imageSize), index }));
    showBoxes(within(item, "svg", SVGSVGElement), boxes, imageSize);
    const truth = counts?.[i];
    const isWrong = truth !== undefined && truth !== count;
    const words = within(item, "p", HTMLParagraphElement);
    words.textContent =
      countObjects(count) +
      (truth === undefined ? "" : isWrong ? `, but there ${truth === 1 ? "is" : "are"} ${truth}` : ", right");
    words.classList.toggle("wrong", isWrong);
  });
}

export function showReconstructions(
  list: HTMLOListElement,
  reconstructions: readonly Float32Array[],
  channels: number,
): void {
  reconstructions.forEach((planes, i) => {
    paintPlanes(reconstructionOf(list, i), planes, channels);
  });
}

function picture(): HTMLCanvasElement {
  return make("canvas", { className: "pixels" });
}

function overlay(): SVGSVGElement {
  const svg = makeSvg("svg", { "aria-hidden": "true" });
  svg.setAttribute("class", "overlay");
  return svg;
}
