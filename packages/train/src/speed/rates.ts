/** Times of a repeated job, and what they come to per image and against the device's peak. */
import type { MatmulPeak } from "./matmul-peak.js";

/** Of repeats, milliseconds. */
export interface Times {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Rates {
  readonly milliseconds: Times;
  readonly imagesPerSecond: number;
  /** Of matrix products and convolutions alone. */
  readonly gigaflopsPerSecond: number;
  readonly matmulPeak: MatmulPeak;
  readonly shareOfPeak: number;
}

/** What `times` of one job on `images` images with `work` floating-point operations come to. */
export function ratesOf(times: readonly number[], images: number, work: number, matmulPeak: MatmulPeak): Rates {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  const gigaflopsPerSecond = work / median / 1e6;
  return {
    milliseconds: { median, least: sorted[0]!, most: sorted.at(-1)! },
    imagesPerSecond: (1000 * images) / median,
    gigaflopsPerSecond,
    matmulPeak,
    shareOfPeak: gigaflopsPerSecond / matmulPeak.gigaflopsPerSecond,
  };
}
