/** One rule that limits every reader of picture files, in Node and in browsers. */

/**
 * The largest pictures that are read: of 67 million pixels, as the 50 million of a phone's camera are, in a file of 256 MB. Decoding so
 * many takes 540 MB as 8-bit RGBA. Decoders keep an object for each row, so the sides are limited, too.
 */
export const pictureLimits = {
  /** Pixels of a side. */
  side: 2 ** 14,
  /** Pixels in all. */
  pixels: 2 ** 26,
  /** Bytes of the file. */
  bytes: 2 ** 28,
} as const;
