/**
 * The original multi-MNIST of the AIR literature, pixel for pixel: 60,000 grey 50x50 images with 0, 1 or 2 MNIST digits,
 * as the first public implementations drew them with NumPy's legacy generator and Pillow's nearest-neighbour resize.
 */
import { RandomStream } from "@air-onnx/core/random";
import { DataError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { type LabelledImages, pixelsPerImage, type SceneSet } from "../scene-set.js";
import { DIGIT_SIZE, digitOf, digitsIn } from "./digits.js";
import { type PublishedWhole, publishedSet } from "./drawn-set.js";
import { generatePacked, generateScenes, type PlacedPatch, type SceneGenerator } from "./generate.js";
import { LegacyRandomState } from "./mt19937.js";

const IMAGE_SIZE = 50;
const MAX_COUNT = 2;
const COMMON = {
  dataset: "multi-mnist",
  imageSize: IMAGE_SIZE,
  channels: 1,
  maxObjects: MAX_COUNT,
  overlap: "redraw",
} as const;

/** The published set's seed and size, and the checksums by which {@link checkMultiMnist} recognises it. */
export const originalMultiMnist = {
  seed: 681307,
  size: 60_000,
  /** Sum of all pixels of all images. */
  pixelSum: 883_114_919,
  /** Images with 0, 1, 2 digits. */
  countTotals: [19_909, 20_054, 20_037],
  /** Number of test images. By convention they are the last ones; their digits occur in the training images too. */
  testSize: 10_000,
} as const;

/**
 * A set drawn by the same recipe from the 10,000 MNIST *test* digits, so that not even a digit of it was seen in training.
 * Its seed is that of the published set plus 1.
 */
export const freshMultiMnist = {
  seed: 681308,
  size: 10_000,
  pixelSum: 150_224_525,
  countTotals: [3287, 3356, 3357],
} as const;

/** The checksums of a set: the sum of its pixels, and the number of images with each count. */
export type MultiMnistChecksum = Pick<typeof originalMultiMnist | typeof freshMultiMnist, "pixelSum" | "countTotals">;

/** The options of {@link generateMultiMnist}. */
export interface MultiMnistOptions extends Reporting {
  /** Seed of NumPy's generator, 0 to 2³² - 1. Default: that of the published set. */
  readonly seed?: number;
  /** Number of images. Default: 60,000, as in the published set. */
  readonly size?: number;
}

/**
 * Draws images with 0, 1 or 2 of `digits` `[M, 28, 28]`, each shrunk by a factor from N(1.3, 0.1) and pasted at a random
 * place. The 60,000 MNIST training digits with the default seed and size give the published set.
 *
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 * @throws the signal's reason when aborted
 */
export async function generateMultiMnist(
  digits: Uint8Array,
  { seed = originalMultiMnist.seed, size = originalMultiMnist.size, ...reporting }: MultiMnistOptions = {},
): Promise<SceneSet> {
  return generateScenes(multiMnistInOrder(digits, seed), size, reporting);
}

/** The generator of {@link generateMultiMnist}. Its images can only be drawn one after the other, from the first on. */
function multiMnistInOrder(digits: Uint8Array, seed: number, labels?: Uint8Array): SceneGenerator {
  const random = new LegacyRandomState(seed);
  const draws = { integer: (bound: number) => random.randint(bound), normal: () => random.randn() };
  const nextPatch = digitPatches(digits, draws, new Uint8Array(IMAGE_SIZE ** 2), { labels });
  // The order of the draws is part of the set's definition.
  return { ...COMMON, recipe: () => ({ count: random.randint(MAX_COUNT + 1), nextPatch }) };
}

/**
 * Images of the same kind, to be drawn in any order: the recipe of {@link generateMultiMnist} with random numbers of which
 * image i's are a function of (seed, i). Never the published images: those come from one long sequence.
 *
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 */
export function multiMnistKind(digits: Uint8Array, seed: number): SceneGenerator {
  digitsIn(digits);
  const pixels = new Uint8Array(IMAGE_SIZE ** 2);
  return {
    ...COMMON,
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      return { count: random.integer(MAX_COUNT + 1), nextPatch: digitPatches(digits, random, pixels) };
    },
  };
}

/**
 * A function that draws the next patch into `pixels`, anywhere in an image of side `imageSize`. The random numbers are drawn in the order of the original.
 */
export function digitPatches(
  digits: Uint8Array,
  random: { integer(bound: number): number; normal(): number },
  pixels: Uint8Array,
  { imageSize = IMAGE_SIZE, labels }: { readonly imageSize?: number; readonly labels?: Uint8Array | undefined } = {},
): () => PlacedPatch {
  const digitCount = digitsIn(digits);
  return () => {
    const digit = random.integer(digitCount);
    const scale = 0.1 * random.normal() + 1.3;
    const side = Math.trunc(DIGIT_SIZE / scale);
    const padding = imageSize - side;
    const y = random.integer(padding);
    const x = random.integer(padding);
    resizeNearest(digitOf(digits, digit), DIGIT_SIZE, pixels, side);
    return { pixels, side, x, y, kind: labels?.[digit] };
  };
}

/**
 * Checks that `scenes` is the published set, or the one whose checksums are `expected`.
 *
 * @throws {DataError} if the pixel sum or the number of images with a count differs
 */
export function checkMultiMnist(scenes: LabelledImages, expected: MultiMnistChecksum = originalMultiMnist): void {
  const { pixelSum, countTotals } = expected;
  const foundSum = sumOfPixels(scenes);
  const foundTotals = countTotals.map(() => 0);
  for (const count of scenes.counts) foundTotals[count]! += 1;
  if (foundSum !== pixelSum || foundTotals.join() !== countTotals.join()) {
    throw new DataError(
      `multi-mnist did not come out as it should: pixel sum ${foundSum}, expected ${pixelSum}; ` +
        `images of 0, 1, 2 digits ${foundTotals.join("/")}, expected ${countTotals.join("/")}`,
      { kind: "generator" },
    );
  }
}

function sumOfPixels(scenes: LabelledImages): number {
  const pixels = pixelsPerImage(scenes);
  const buffer = new Uint8Array(pixels);
  let sum = 0;
  for (let index = 0; index < scenes.size; index++) {
    let image: Uint8Array = buffer;
    if ("packed" in scenes) scenes.packed.unpack(scenes.first + index, buffer);
    else image = scenes.images.subarray(index * pixels, (index + 1) * pixels);
    // An iterator would take seconds for 150 million pixels.
    for (let i = 0; i < pixels; i++) sum += image[i]!;
  }
  return sum;
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

/** A set whose checksums are known, and checked once it is drawn. */
function checkedWhole(
  content: string,
  part: "train" | "test",
  expected: typeof originalMultiMnist | typeof freshMultiMnist,
): PublishedWhole {
  const { seed, size } = expected;
  return {
    content,
    generator: async (material) => multiMnistInOrder(await material.digits(part), seed, await material.labels?.(part)),
    async draw(material, reporting) {
      const scenes = await generatePacked(multiMnistInOrder(await material.digits(part), seed), size, reporting);
      checkMultiMnist(scenes, expected);
      return scenes;
    },
  };
}

const original = checkedWhole("multi-mnist", "train", originalMultiMnist);
const trainSize = originalMultiMnist.size - originalMultiMnist.testSize;

/** The definition of the data set `multi-mnist`. */
export const multiMnistSet = publishedSet({
  name: "multi-mnist",
  description: "MNIST digits, the original set bit for bit, grey",
  sizes: { train: trainSize, test: originalMultiMnist.testSize },
  channels: 1,
  imageSize: IMAGE_SIZE,
  anySide: false,
  settings: {},
  preset: {
    steps: 10_000,
    // A low prior at first makes every object expensive: otherwise the model would mend a blurred patch with a second one.
    // In the end the prior fits the data, so that two digits close together are not counted as one.
    presencePriorSchedule: { from: 0.01, to: 0.5, share: 0.5 },
    composition: { overlap: "redraw" },
  },
  version: 2,
  published: {
    train: { whole: original, start: 0 },
    test: { whole: original, start: trainSize },
    fresh: { whole: checkedWhole("multi-mnist-fresh", "test", freshMultiMnist), start: 0 },
  },
  generator: async (seed, _, material) => multiMnistKind(await material.digits("train"), seed),
});
