/** Times of a repeated job, and the rates that follow: images a second, and the share of the device's matmul peak. */
import type { MatmulPeak } from "./matmul-peak.js";

/** Times of the repeats of a job, milliseconds. */
export interface Times {
  /** Median of all repeats. */
  readonly median: number;
  /** Time of the fastest repeat. */
  readonly least: number;
  /** Time of the slowest repeat. */
  readonly most: number;
}

/** Speed of a repeated job. The rates are those of the median time. */
export interface Rates {
  /** Times of the job. */
  readonly milliseconds: Times;
  /** Images that the job takes in a second. */
  readonly imagesPerSecond: number;
  /** Rate of matrix products and convolutions alone, 10⁹ floating-point operations a second. */
  readonly gigaflopsPerSecond: number;
  /** The matmul peak on the same backend. */
  readonly matmulPeak: MatmulPeak;
  /** `gigaflopsPerSecond` as a share of the peak's; 1 is the peak. */
  readonly shareOfPeak: number;
}

/**
 * The speed of a job.
 *
 * @param times of its repeats, milliseconds
 * @param images that one repeat takes
 * @param work floating-point operations of one repeat's matrix products and convolutions
 */
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
