/** The form of images on which patches of one size are pasted. */
import type { DrawnForm, DrawnSetting } from "./drawn-set.js";

/** The form of images on which square patches of one size are pasted. */
export interface PatchForm {
  /** Side of the square image, pixels. */
  readonly imageSize: number;
  /** Side of the square patches, pixels. */
  readonly patchSize: number;
  /** Most objects in an image. Every number from 0 to it is equally probable. */
  readonly maxCount: number;
}

/** Largest `maxCount`: counts are kept in bytes, and the sum of as many saturated objects fits 16 bits. */
export const MOST_OBJECTS = 255;

/** A form with defaults for what is left out. */
export type PatchFormInput = { readonly [K in keyof PatchForm]?: PatchForm[K] | undefined };

/**
 * Completes the given form by the defaults.
 *
 * @throws {RangeError} unless patches fit the image, and 1 ≤ maxCount ≤ 255
 */
export function patchForm(given: PatchFormInput, defaults: PatchForm): PatchForm {
  const { imageSize = defaults.imageSize, patchSize = defaults.patchSize, maxCount = defaults.maxCount } = given;
  if (!Number.isInteger(patchSize) || patchSize < 1 || patchSize > imageSize) {
    throw new RangeError(`Patches must be 1 to ${imageSize} pixels wide, as the image is; got ${patchSize}`);
  }
  checkMaxCount(maxCount);
  return { imageSize, patchSize, maxCount };
}

/**
 * Checks the largest number of objects in an image.
 *
 * @throws {RangeError} unless it is an integer from 1 to 255
 */
export function checkMaxCount(maxCount: number): void {
  if (!Number.isInteger(maxCount) || maxCount < 1 || maxCount > MOST_OBJECTS) {
    throw new RangeError(`maxCount must be an integer from 1 to ${MOST_OBJECTS}, got ${maxCount}`);
  }
}

/** The definition of the setting `maxCount` with its default. */
export function maxCountSetting(usual: number): DrawnSetting {
  return { meaning: "largest number of objects in a drawn image", default: usual, most: MOST_OBJECTS };
}

/** The definition of the setting `patchSize` with its default. */
export function patchSizeSetting(usual: number): DrawnSetting {
  return { meaning: "side of the square patch of each drawn object, pixels", default: usual };
}

/** The conflict of a form whose patches are larger than the image; empty if they fit. */
export function patchConflicts({ imageSize, patchSize }: DrawnForm<"patchSize">) {
  return patchSize > imageSize
    ? ([["patchSize", `must not exceed the side of the image (${imageSize}), got ${patchSize}`]] as const)
    : [];
}
