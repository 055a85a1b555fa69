/** Shows pictures and boxes: a canvas with the model's own pixels, and vector graphics above it in the same coordinates. */
import type { Box } from "@air-onnx/core";
import { paintAsObject } from "./colours.js";
import { makeSvg, resizeChildren, setAttributes } from "./elements.js";
import { intensityToRgba } from "./tone.js";

export function paintRgba(canvas: HTMLCanvasElement, rgba: Uint8ClampedArray<ArrayBuffer>, side: number): void {
  if (canvas.width !== side || canvas.height !== side) {
    canvas.width = side;
    canvas.height = side;
  }
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, side, side), 0, 0);
}

/** @param planes `[C, side, side]`, 1 for white */
export function paintPlanes(canvas: HTMLCanvasElement, planes: ArrayLike<number>, channels: number): void {
  const side = Math.round(Math.sqrt(planes.length / channels));
  paintRgba(canvas, intensityToRgba(planes, channels, side), side);
}

export function clearPicture(canvas: HTMLCanvasElement): void {
  canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
}

export interface ShownBox {
  readonly box: Box;
  /** Index of the object, which gives colour and number. */
  readonly index: number;
  /** Classes of the style sheet: faint, dashed. */
  readonly look?: "faint" | "dashed" | undefined;
}

/** Shows each box in its object's colour and with its number, so that nobody depends on colour alone. */
export function showBoxes(svg: SVGSVGElement, boxes: readonly ShownBox[], imageSize: number): void {
  setAttributes(svg, { viewBox: `0 0 ${imageSize} ${imageSize}` });
  const groups = resizeChildren(svg, boxes.length, () => makeSvg("g", {}, makeSvg("rect"), makeSvg("text")));
  boxes.forEach(({ box, index, look }, i) => {
    const group = groups[i]!;
    paintAsObject(group, index);
    group.setAttribute("class", look ?? "");
    placeRect(group.children[0]!, box);
    placeLabel(group.children[1]!, box, index, imageSize);
  });
}

export function placeRect(rect: Element, { xmin, ymin, xmax, ymax }: Box): void {
  setAttributes(rect, { x: xmin, y: ymin, width: xmax - xmin, height: ymax - ymin });
}

/** The object's number above its box, or inside where there is no room above. */
export function placeLabel(text: Element, { xmin, ymin }: Box, index: number, imageSize: number): void {
  const size = imageSize * 0.055;
  const y = ymin - size * 0.35;
  setAttributes(text, {
    class: "label",
    x: Math.min(Math.max(xmin, size * 0.2), imageSize - size),
    y: y < size ? Math.max(ymin, 0) + size * 1.1 : Math.min(y, imageSize - size * 0.3),
    "font-size": size,
  });
  const number = String(index + 1);
  if (text.textContent !== number) text.textContent = number;
}
