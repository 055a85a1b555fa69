/**
 * Pillow's `resize((side, side), BICUBIC)` of square grey images of 8 bits, bit for bit (Pillow's Resample.c). The filter is
 * Catmull-Rom's cubic (a = -0.5). When shrinking, it is widened by the factor of shrinking to avoid aliasing. Rows come
 * first, then columns; each pass is rounded to 8 bits, with weights of 22 fractional bits.
 */

const FRACTION_BITS = 22;
const SUPPORT = 2;

/** Resizes the image in `source` into `target`. */
export type Resize = (source: Uint8Array, target: Uint8Array) => void;

/** Makes a function that resizes `[from, from]` to `[side, side]`. The weights are computed once. */
export function cubicResize(from: number, side: number): Resize {
  const taps = weightsOf(from, side);
  const rows = new Uint8Array(from * side);
  return (source, target) => {
    for (let row = 0; row < from; row++) {
      for (let column = 0; column < side; column++) {
        const { first, weights } = taps[column]!;
        let sum = 1 << (FRACTION_BITS - 1);
        const start = row * from + first;
        for (let i = 0; i < weights.length; i++) sum += source[start + i]! * weights[i]!;
        rows[row * side + column] = clamp8(sum >> FRACTION_BITS);
      }
    }
    for (let row = 0; row < side; row++) {
      const { first, weights } = taps[row]!;
      for (let column = 0; column < side; column++) {
        let sum = 1 << (FRACTION_BITS - 1);
        for (let i = 0; i < weights.length; i++) sum += rows[(first + i) * side + column]! * weights[i]!;
        target[row * side + column] = clamp8(sum >> FRACTION_BITS);
      }
    }
  };
}

interface Taps {
  /** Index of the first input pixel. */
  readonly first: number;
  /** Weights of the input pixels from `first` on. */
  readonly weights: Int32Array;
}

/** The input pixels and their weights for each output pixel. */
function weightsOf(from: number, side: number): Taps[] {
  const scale = from / side;
  const widening = Math.max(scale, 1);
  const reach = SUPPORT * widening;
  return Array.from({ length: side }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) => cubic((first + k - centre + 0.5) / widening));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: Int32Array.from(raw, (weight) => Math.round((weight / total) * 2 ** FRACTION_BITS)) };
  });
}

function cubic(offset: number): number {
  const a = -0.5;
  const x = Math.abs(offset);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function clamp8(value: number): number {
  return Math.min(Math.max(value, 0), 255);
}
