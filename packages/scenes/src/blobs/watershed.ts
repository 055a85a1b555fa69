/**
 * Divides a mask into objects: connected components, of which those with a neck are split. Pixels are visited from the highest to
 * the lowest, as if water fell; a pixel that touches no visited one begins a new object. Where two objects meet, they stay two if
 * the lower one rises high enough above their meeting place, and are one otherwise.
 */

/** Objects of a mask. */
export interface Segments {
  /** Number of the object of each pixel from 1 on, and 0 outside of the mask. */
  readonly labels: Int32Array;
  /** Number of objects. */
  readonly count: number;
}

/**
 * Divides the pixels above 0 of `heights`, such as a {@link distanceTransform}, into objects.
 *
 * @param heights `[height, width]`
 * @param prominence share of its own height by which the peak of the lower of two touching objects must rise above the place
 *   where they meet, in [0, 1]; with 1 or more, an object is a whole component with its diagonal neighbours
 */
export function watershed(heights: Float32Array, width: number, height: number, prominence: number): Segments {
  const inside = Int32Array.from(heights.keys()).filter((i) => heights[i]! > 0);
  // Ties by place, so that the order does not depend on the sort.
  const order = inside.sort((a, b) => heights[b]! - heights[a]! || a - b);
  const labels = new Int32Array(heights.length);
  const peaks = [0];
  const parents = [0];
  const root = (label: number): number => {
    let top = label;
    while (parents[top] !== top) {
      parents[top] = parents[parents[top]!]!;
      top = parents[top]!;
    }
    return top;
  };
  for (const pixel of order) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    let own = 0;
    for (let dy = y > 0 ? -1 : 0; dy <= (y < height - 1 ? 1 : 0); dy++) {
      for (let dx = x > 0 ? -1 : 0; dx <= (x < width - 1 ? 1 : 0); dx++) {
        const label = labels[pixel + dy * width + dx]!;
        if (label === 0) continue;
        const other = root(label);
        if (own === 0 || own === other) {
          own = other;
          continue;
        }
        const [lower, upper] =
          peaks[other]! > peaks[own]! || (peaks[other] === peaks[own] && other < own) ? [own, other] : [other, own];
        if (peaks[lower]! - heights[pixel]! < prominence * peaks[lower]!) parents[lower] = upper;
        own = upper;
      }
    }
    if (own === 0) {
      own = peaks.length;
      peaks.push(heights[pixel]!);
      parents.push(own);
    }
    labels[pixel] = own;
  }
  const numbers = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === 0) continue;
    const top = root(labels[i]!);
    if (!numbers.has(top)) numbers.set(top, numbers.size + 1);
    labels[i] = numbers.get(top)!;
  }
  return { labels, count: numbers.size };
}
