/** The MNIST digits as one array of bytes, `[M, 28, 28]`. */
import { DataError } from "../errors.js";

/** Side of a digit's image, pixels. */
export const DIGIT_SIZE = 28;
const DIGIT_PIXELS = DIGIT_SIZE * DIGIT_SIZE;

/**
 * Counts the digits M in `[M, 28, 28]`.
 *
 * @throws {DataError} if the bytes are not a whole, positive number of 28x28 images
 */
export function digitsIn(digits: Uint8Array): number {
  const count = digits.length / DIGIT_PIXELS;
  if (count > 0 && Number.isInteger(count)) return count;
  throw new DataError(`${digits.length} bytes are not a whole number of ${DIGIT_SIZE}x${DIGIT_SIZE} digits`, {
    kind: "option",
  });
}

/** A view of digit `index`, `[28, 28]`. */
export function digitOf(digits: Uint8Array, index: number): Uint8Array {
  return digits.subarray(index * DIGIT_PIXELS, (index + 1) * DIGIT_PIXELS);
}
