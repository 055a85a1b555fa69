/**
 * The original multi-MNIST of the AIR literature, pixel for pixel: 60,000 grey 50x50 images with 0, 1 or 2 MNIST digits,
 * as the first public implementations drew them with NumPy's legacy generator and Pillow's nearest-neighbour resize.
 */
import { DataError } from "./data-error.js";
import { generateScenes } from "./generate.js";
import { LegacyRandomState } from "./mt19937.js";
import type { Reporting } from "./reporting.js";
import type { SceneSet } from "./scene-set.js";

export const MULTI_MNIST_IMAGE_SIZE = 50;
/** Raised whenever what is stored about the images changes. */
export const MULTI_MNIST_VERSION = 1;
const DIGIT_SIZE = 28;
const MAX_COUNT = 2;

/** What makes the published set: its seed, its size, and by what to know that it came out right. */
export const originalMultiMnist = {
  seed: 681307,
  size: 60_000,
  /** Sum of all pixels of all images. */
  pixelSum: 883_114_919,
  /** Images with 0, 1, 2 digits. */
  countTotals: [19_909, 20_054, 20_037],
  /** The last images, by convention; the digits in them occur in the others too. */
  testSize: 10_000,
} as const;

export interface MultiMnistOptions extends Reporting {
  readonly seed?: number;
  /** Number of images. */
  readonly size?: number;
}

/**
 * Draws images with 0, 1 or 2 of `digits` `[M, 28, 28]`, each shrunk by a factor from N(1.3, 0.1) and pasted anywhere.
 * With the 60,000 MNIST training digits and the default seed and size it is the published set.
 *
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 * @throws the signal's reason when aborted
 */
export async function generateMultiMnist(
  digits: Uint8Array,
  { seed = originalMultiMnist.seed, size = originalMultiMnist.size, ...reporting }: MultiMnistOptions = {},
): Promise<SceneSet> {
  const digitPixels = DIGIT_SIZE * DIGIT_SIZE;
  const digitCount = digits.length / digitPixels;
  if (digitCount === 0 || !Number.isInteger(digitCount)) {
    throw new DataError(`${digits.length} bytes are not a whole number of 28x28 digits`);
  }
  const random = new LegacyRandomState(seed);
  const pixels = new Uint8Array(MULTI_MNIST_IMAGE_SIZE ** 2);

  // The order of the draws is part of the set's definition.
  const nextPatch = () => {
    const digit = random.randint(digitCount);
    const scale = 0.1 * random.randn() + 1.3;
    const side = Math.trunc(DIGIT_SIZE / scale);
    const padding = MULTI_MNIST_IMAGE_SIZE - side;
    const y = random.randint(padding);
    const x = random.randint(padding);
    resizeNearest(digits.subarray(digit * digitPixels, (digit + 1) * digitPixels), DIGIT_SIZE, pixels, side);
    return { pixels, side, x, y };
  };
  const form = { dataset: "multi-mnist", size, imageSize: MULTI_MNIST_IMAGE_SIZE, maxObjects: MAX_COUNT };
  return generateScenes(form, () => ({ count: random.randint(MAX_COUNT + 1), nextPatch }), reporting);
}

/**
 * @throws {DataError} if `scenes` is not the published set, by its pixel sum or the number of images of each count
 */
export function checkOriginalMultiMnist(scenes: SceneSet): void {
  const { pixelSum, countTotals } = originalMultiMnist;
  // Indexed, for 150 million pixels: an iterator takes seconds.
  let foundSum = 0;
  for (let i = 0; i < scenes.images.length; i++) foundSum += scenes.images[i]!;
  const foundTotals = countTotals.map(() => 0);
  for (const count of scenes.counts) foundTotals[count]! += 1;
  if (foundSum !== pixelSum || foundTotals.join() !== countTotals.join()) {
    throw new DataError(
      `multi-mnist did not come out as published: pixel sum ${foundSum}, expected ${pixelSum}; ` +
        `images of 0, 1, 2 digits ${foundTotals.join("/")}, expected ${countTotals.join("/")}`,
    );
  }
}

/**
 * Pillow's `resize((side, side), NEAREST)` of a square image: output pixel i is input floor((i + 0.5) · from / side).
 * The position is summed up step by step, as Pillow does, because its rounding decides where that falls on an integer.
 */
export function resizeNearest(source: Uint8Array, sourceSide: number, target: Uint8Array, side: number): void {
  const step = sourceSide / side;
  const from = new Uint8Array(side);
  for (let i = 0, position = step * 0.5; i < side; i++, position += step) from[i] = Math.trunc(position);
  for (let row = 0; row < side; row++) {
    const sourceRow = from[row]! * sourceSide;
    for (let column = 0; column < side; column++) target[row * side + column] = source[sourceRow + from[column]!]!;
  }
}
