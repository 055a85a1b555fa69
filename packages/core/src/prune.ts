/**
 * Leaves objects that explain nothing out of a scene. q(n|x) decides only how many of the first steps count, so a step
 * that failed stays in the scene: its window may lie between two objects, or on a part of an object that a later step
 * drew whole. Such an object is recognised by what it draws.
 */

import type { Layer } from "./extent.js";

/** A scene without the objects that explain nothing. */
export interface NeededObjects {
  /** Indices of the objects that stay, rising. */
  readonly needed: readonly number[];
  /** Canvas with these objects only, `[C, S, S]`; undefined if none stays. */
  readonly canvas: Float32Array | undefined;
}

/**
 * Finds the objects of a scene without which the image is less probable under a Gaussian likelihood. As long as some
 * object's removal does not increase the squared distance between canvas and image, the least useful object is removed.
 *
 * @param image `[C, S, S]`
 * @param canvases the canvas after each object, `[C, S, S]` each
 */
export function neededObjects(image: Float32Array, canvases: readonly Float32Array[]): NeededObjects {
  let needed = [...canvases.keys()];
  let canvas = canvases.at(-1);
  while (canvas !== undefined) {
    const losses = needed.map((object) => lossWithout(image, canvas!, canvases[object - 1], canvases[object]!));
    const least = Math.min(...losses);
    if (least > 0) break;
    const useless = needed[losses.indexOf(least)]!;
    needed = needed.filter((object) => object !== useless);
    canvas =
      needed.length === 0
        ? undefined
        : withoutLayer(canvas, { before: canvases[useless - 1], after: canvases[useless]! });
  }
  return { needed, canvas };
}

/**
 * Increase of the squared distance between image and canvas when an object is removed: ‖image - canvas + layer‖² -
 * ‖image - canvas‖², where layer = after - before is what the object added to the canvas.
 */
function lossWithout(
  image: Float32Array,
  canvas: Float32Array,
  before: Float32Array | undefined,
  after: Float32Array,
): number {
  let loss = 0;
  for (let i = 0; i < image.length; i++) {
    const layer = before === undefined ? after[i]! : after[i]! - before[i]!;
    // Most of a layer is empty.
    if (layer !== 0) loss += layer * (2 * (image[i]! - canvas[i]!) + layer);
  }
  return loss;
}

/** Subtracts from a canvas what an object added to it. */
export function withoutLayer(canvas: Float32Array, { before, after }: Layer): Float32Array {
  return canvas.map((value, i) => value - (after[i]! - (before?.[i] ?? 0)));
}
