/** Tests that repeat something: fewer times in a usual run, and as often as they should in `npm run test:long`. */

/** Whether this run is `npm run test:long`. */
export const isLong = Boolean(process.env.AIR_ONNX_LONG);

/** A number of repetitions, or of images. */
export interface LongNumber {
  /** What is repeated, as in "images compared". */
  readonly what: string;
  /** The number in a usual run. */
  readonly now: number;
  readonly inFull: number;
}

/** Returns the number for this run, and prints it, so that nobody takes the short run for the long one. */
export function long({ what, now, inFull }: LongNumber): number {
  const count = isLong ? inFull : now;
  console.log(`${what}: ${count}${isLong ? "" : `; npm run test:long has ${inFull}`}`);
  return count;
}
