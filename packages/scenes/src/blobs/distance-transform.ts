/** The distance of each pixel of a mask from what is outside of it. */

/**
 * Computes exact Euclidean distances (Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012). What
 * lies beyond the image counts as inside, so that an object which the edge of the image cuts has no ridge there.
 *
 * @param mask 1 for pixels of the mask, `[height, width]`
 * @returns for each pixel the distance to the middle of the nearest pixel outside of the mask, pixels; 0 outside of the mask, and
 *   width + height where there is no pixel outside
 */
export function distanceTransform(mask: Uint8Array, width: number, height: number): Float32Array {
  const far = (width + height) ** 2;
  // Loops, as the typed arrays' `from` goes through an iterator and takes ten times as long.
  const squares = new Float64Array(mask.length);
  for (let i = 0; i < mask.length; i++) squares[i] = mask[i] ? far : 0;
  const line = new LowerEnvelope(Math.max(width, height));
  for (let x = 0; x < width; x++) line.transform(squares, x, width, height);
  for (let y = 0; y < height; y++) line.transform(squares, y * width, 1, width);
  const distances = new Float32Array(squares.length);
  for (let i = 0; i < squares.length; i++) distances[i] = Math.sqrt(squares[i]!);
  return distances;
}

/** The lower envelope of parabolas along one line of an image. */
class LowerEnvelope {
  readonly #values: Float64Array;
  /** Places of the parabolas of the envelope, and where each of them begins to be the lowest. */
  readonly #places: Int32Array;
  readonly #starts: Float64Array;

  constructor(longest: number) {
    this.#values = new Float64Array(longest);
    this.#places = new Int32Array(longest);
    this.#starts = new Float64Array(longest + 1);
  }

  /** Replaces the values f at `first`, `first + stride`, … by min over q of (p − q)² + f(q). */
  transform(data: Float64Array, first: number, stride: number, length: number): void {
    const [values, places, starts] = [this.#values, this.#places, this.#starts];
    for (let i = 0; i < length; i++) values[i] = data[first + i * stride]!;
    const meet = (q: number, p: number): number => (values[q]! + q * q - values[p]! - p * p) / (2 * (q - p));
    let last = 0;
    places[0] = 0;
    starts[0] = Number.NEGATIVE_INFINITY;
    for (let q = 1; q < length; q++) {
      let start = meet(q, places[last]!);
      while (start <= starts[last]!) {
        last--;
        start = meet(q, places[last]!);
      }
      places[++last] = q;
      starts[last] = start;
    }
    starts[last + 1] = Number.POSITIVE_INFINITY;
    for (let p = 0, k = 0; p < length; p++) {
      while (starts[k + 1]! < p) k++;
      data[first + p * stride] = (p - places[k]!) ** 2 + values[places[k]!]!;
    }
  }
}
