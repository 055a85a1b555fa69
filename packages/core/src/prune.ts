/**
 * Objects that explain nothing. q(n|x) is a posterior over how many steps found something, so a step that lost its way stays
 * in the scene: a window between two objects, or on part of one that a later step then drew whole. What is drawn says so.
 */

/**
 * The objects of a scene without which the image is less probable under a Gaussian likelihood. While there is one whose
 * removal brings the canvas no further from the image, the least useful of them is left out.
 *
 * @param image `[C, S, S]`
 * @param layers what each object adds to the canvas, `[C, S, S]` each
 * @returns their numbers, in order
 */
export function neededObjects(image: Float32Array, layers: readonly Float32Array[]): number[] {
  const residual = image.slice();
  for (const layer of layers) addTo(residual, layer, -1);
  let kept = [...layers.keys()];
  while (kept.length > 0) {
    const losses = kept.map((object) => lossWithout(layers[object]!, residual));
    const least = Math.min(...losses);
    if (least > 0) break;
    const useless = kept[losses.indexOf(least)]!;
    addTo(residual, layers[useless]!, 1);
    kept = kept.filter((object) => object !== useless);
  }
  return kept;
}

function addTo(sum: Float32Array, layer: Float32Array, sign: 1 | -1): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += sign * layer[i]!;
}

/** ‖residual + layer‖² - ‖residual‖²: how much further from the image the canvas is without the layer. */
function lossWithout(layer: Float32Array, residual: Float32Array): number {
  let loss = 0;
  for (let i = 0; i < layer.length; i++) loss += layer[i]! * (2 * residual[i]! + layer[i]!);
  return loss;
}
