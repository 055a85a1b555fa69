/**
 * Objects that explain nothing. q(n|x) is a posterior over how many steps found something, so a step that lost its way stays
 * in the scene: a window between two objects, or on part of one that a later step then drew whole. What is drawn says so.
 */

/** What is left of a scene without the objects that explain nothing. */
export interface NeededObjects {
  /** The objects' numbers, in order. */
  readonly needed: readonly number[];
  /** The canvas with them alone, `[C, S, S]`; undefined if that is empty. */
  readonly canvas: Float32Array | undefined;
}

/**
 * The objects of a scene without which the image is less probable under a Gaussian likelihood. While there is one whose
 * removal brings the canvas no further from the image, the least useful of them is left out.
 *
 * @param image `[C, S, S]`
 * @param canvases that after each object, `[C, S, S]` each
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
    canvas = needed.length === 0 ? undefined : without(canvas, canvases[useless - 1], canvases[useless]!);
  }
  return { needed, canvas };
}

/**
 * ‖image - canvas + layer‖² - ‖image - canvas‖², layer = after - before: how much further from the image the canvas is
 * without what an object added to it.
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

/** The canvas without what an object added to that before it. */
function without(canvas: Float32Array, before: Float32Array | undefined, after: Float32Array): Float32Array {
  return canvas.map((value, i) => value - (after[i]! - (before?.[i] ?? 0)));
}
