/**
 * Digits drawn as those of multi-mnist are, in other numbers and on canvases of other sides: to see how a model counts on
 * beyond the images that it was trained on.
 */
import { RandomStream } from "@air-onnx/core/random";
import { digitsIn } from "./digits.js";
import { type DrawnForm, seededSet } from "./drawn-set.js";
import type { SceneGenerator } from "./generate.js";
import { digitPatches } from "./multi-mnist.js";
import { checkMaxCount, MOST_OBJECTS } from "./patch-form.js";

type OpenForm = DrawnForm<"minCount" | "maxCount" | "skippedCount">;

/** The value of `skippedCount` that skips none. */
const NO_COUNT = MOST_OBJECTS;
/** Side of an image into which any digit fits: they are about 21 pixels wide. */
const LEAST_SIDE = 40;
/** Images with many digits are drawn anew often before none of their sums exceeds 255. */
const MAX_TRIES = 1_000_000;

/**
 * Makes the generator of the images: `minCount` to `maxCount` digits, all numbers equally probable but `skippedCount`, which
 * never occurs. Image i is a function of (seed, i).
 *
 * @param digits `[M, 28, 28]`, 0..255
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 * @throws {RangeError} if there is no such count
 */
export function multiMnistOpen(digits: Uint8Array, seed: number, form: OpenForm, labels?: Uint8Array): SceneGenerator {
  const { imageSize, minCount, maxCount, skippedCount } = form;
  checkMaxCount(maxCount);
  const counts = countsOf(form);
  if (imageSize < LEAST_SIDE) {
    throw new RangeError(`The image must be at least ${LEAST_SIDE} pixels wide, got ${imageSize}`);
  }
  if (counts.length === 0)
    throw new RangeError(`There is no count from ${minCount} to ${maxCount} but ${skippedCount}`);
  digitsIn(digits);
  const pixels = new Uint8Array(imageSize ** 2);
  return {
    dataset: "multi-mnist-open",
    imageSize,
    channels: 1,
    maxObjects: maxCount,
    overlap: "redraw",
    maxTries: MAX_TRIES,
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      return {
        count: counts[random.integer(counts.length)]!,
        nextPatch: digitPatches(digits, random, pixels, { imageSize, labels }),
      };
    },
  };
}

function countsOf({ minCount, maxCount, skippedCount }: OpenForm): number[] {
  const all = Array.from({ length: Math.max(0, maxCount - minCount + 1) }, (_, i) => minCount + i);
  return all.filter((count) => count !== skippedCount);
}

/** The definition of the data set `multi-mnist-open`. */
export const multiMnistOpenSet = seededSet({
  name: "multi-mnist-open",
  description: "MNIST digits as in multi-mnist, in any number, on a canvas of any side, grey",
  sizes: { train: 50_000, test: 2_000 },
  channels: 1,
  imageSize: 50,
  anySide: true,
  settings: {
    minCount: { meaning: "least number of objects in a drawn image", default: 0, least: 0, most: MOST_OBJECTS },
    maxCount: { meaning: "largest number of objects in a drawn image", default: 2, most: MOST_OBJECTS },
    skippedCount: {
      meaning: `a number of objects that no drawn image has; ${NO_COUNT} for none`,
      default: NO_COUNT,
      least: 0,
      most: NO_COUNT,
    },
  },
  preset: {
    steps: 10_000,
    presencePriorSchedule: { from: 0.01, to: 0.5, share: 0.5 },
    composition: { overlap: "redraw" },
  },
  version: 1,
  conflicts: (form) => {
    if (form.imageSize < LEAST_SIDE) {
      return [["imageSize", `must be at least ${LEAST_SIDE}, for a digit to fit; got ${form.imageSize}`]];
    }
    if (countsOf(form).length > 0) return [];
    return [
      [
        "maxCount",
        `must leave a count from minCount (${form.minCount}) on but ${form.skippedCount}; got ${form.maxCount}`,
      ],
    ];
  },
  // Test images show MNIST test digits, which no training image shows.
  generator: async (seed, form, material, split) => multiMnistOpen(await material.digits(split), seed, form),
});
