/**
 * Objects that explain nothing. q(n|x) is a posterior over how many steps found something, so a step that lost its way stays
 * in the scene: a window between two objects, or on part of one that a later step then drew whole. What is drawn says so.
 */

/**
 * The objects of a scene without which the image is less probable under a Gaussian likelihood. While there is one whose
 * removal brings the canvas no further from the image, the least useful of them is left out.
 *
 * @param image `[C, S, S]`
 * @param canvases the empty one, and that after each object, `[C, S, S]` each
 * @returns the objects' numbers, in order
 */
export function neededObjects(image: Float32Array, canvases: readonly Float32Array[]): number[] {
  const canvas = canvases.at(-1)!;
  const residual = new Float32Array(image.length);
  for (let i = 0; i < image.length; i++) residual[i] = image[i]! - canvas[i]!;
  let kept = [...canvases.keys()].slice(0, -1);
  while (kept.length > 0) {
    const losses = kept.map((object) => lossWithout(canvases[object]!, canvases[object + 1]!, residual));
    const least = Math.min(...losses);
    if (least > 0) break;
    const useless = kept[losses.indexOf(least)]!;
    addLayer(residual, canvases[useless]!, canvases[useless + 1]!);
    kept = kept.filter((object) => object !== useless);
  }
  return kept;
}

/** Adds to `sum` what an object did: its canvas without the one before it. */
export function addLayer(sum: Float32Array, before: Float32Array, after: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += after[i]! - before[i]!;
}

/** ‖residual + layer‖² - ‖residual‖², layer = after - before: how much further from the image the canvas is without it. */
function lossWithout(before: Float32Array, after: Float32Array, residual: Float32Array): number {
  let loss = 0;
  for (let i = 0; i < residual.length; i++) {
    const layer = after[i]! - before[i]!;
    loss += layer * (2 * residual[i]! + layer);
  }
  return loss;
}
