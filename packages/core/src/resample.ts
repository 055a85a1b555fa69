/** Makes planes of another size. */
import type { Planes } from "./images.js";

/**
 * Scales planes, antialiased: a pixel of the result is the mean of the pixels around its place, weighted by a hat that reaches to the
 * next pixel of the coarser of both grids. So each pixel counts when a picture becomes smaller, and neighbours are interpolated linearly
 * when it becomes larger.
 */
export function resamplePlanes(planes: Planes, size: { readonly width: number; readonly height: number }): Planes {
  const { data, width, height, channels } = planes;
  const columns = weightsOf(width, size.width);
  const rows = weightsOf(height, size.height);
  const result = new Float32Array(channels * size.width * size.height);
  const narrow = new Float32Array(size.width * height);
  for (let c = 0; c < channels; c++) {
    const from = c * width * height;
    for (let y = 0; y < height; y++) {
      columns.forEach(({ first, weights }, x) => {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[from + y * width + first + k]!;
        narrow[y * size.width + x] = sum;
      });
    }
    rows.forEach(({ first, weights }, y) => {
      const to = (c * size.height + y) * size.width;
      weights.forEach((weight, k) => {
        for (let x = 0; x < size.width; x++) result[to + x]! += weight * narrow[(first + k) * size.width + x]!;
      });
    });
  }
  return { data: result, width: size.width, height: size.height, channels };
}

/** For each pixel of the new length the pixels of the old one that it is made of, and their weights, whose sum is 1. */
function weightsOf(length: number, wanted: number): { readonly first: number; readonly weights: Float64Array }[] {
  const ratio = length / wanted;
  const reach = Math.max(1, ratio);
  return Array.from({ length: wanted }, (_, i) => {
    const middle = (i + 0.5) * ratio - 0.5;
    const first = Math.max(0, Math.ceil(middle - reach));
    const last = Math.min(length - 1, Math.floor(middle + reach));
    const weights = Float64Array.from({ length: last - first + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k - middle) / reach),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
