/**
 * Binary MNIST digits of one size on a larger canvas: 64x64 pixels that are 0 or 255, with 0, 1 or 2 digits of 18x18.
 *
 * The recipe: the number of digits is uniform; each is any of the MNIST digits, resized by {@link cubicResize} and rounded
 * to black or white (white from 128), and pasted at a uniform position wholly inside; where digits overlap, white stays
 * white. Random numbers are drawn in this order: count; then for each digit which one, y, x.
 */
import { RandomStream } from "@air-onnx/core/random";
import { DIGIT_SIZE, digitOf, digitsIn } from "./digits.js";
import { seededSet } from "./drawn-set.js";
import type { SceneGenerator } from "./generate.js";
import {
  maxCountSetting,
  type PatchForm,
  type PatchFormInput,
  patchConflicts,
  patchForm,
  patchSizeSetting,
} from "./patch-form.js";
import { cubicResize } from "./resize-cubic.js";

const defaultForm: PatchForm = { imageSize: 64, patchSize: 18, maxCount: 2 };

/**
 * Makes the generator of the images. Image i is a function of (seed, i).
 *
 * @param digits `[M, 28, 28]`, 0..255
 * @param labels `[M]`, 0..9; without them the kinds of objects are not known
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 * @throws {RangeError} unless patches fit the image, and 1 ≤ maxCount ≤ 255
 */
export function multiMnist64(
  digits: Uint8Array,
  seed: number,
  form: PatchFormInput = {},
  labels?: Uint8Array,
): SceneGenerator {
  const { imageSize, patchSize, maxCount } = patchForm(form, defaultForm);
  const digitCount = digitsIn(digits);
  const resize = cubicResize(DIGIT_SIZE, patchSize);
  const pixels = new Uint8Array(patchSize * patchSize);
  const room = imageSize - patchSize + 1;
  return {
    dataset: "multi-mnist-64",
    imageSize,
    channels: 1,
    maxObjects: maxCount,
    overlap: "clip",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const nextPatch = () => {
        const digit = random.integer(digitCount);
        resize(digitOf(digits, digit), pixels);
        for (let i = 0; i < pixels.length; i++) pixels[i] = pixels[i]! < 128 ? 0 : 255;
        const y = random.integer(room);
        const x = random.integer(room);
        return { pixels, side: patchSize, x, y, kind: labels?.[digit] };
      };
      return { count: random.integer(maxCount + 1), nextPatch };
    },
  };
}

/** The definition of the data set `multi-mnist-64`. */
export const multiMnist64Set = seededSet({
  name: "multi-mnist-64",
  description: "MNIST digits of 18x18 on a larger canvas, black and white",
  sizes: { train: 50_000, test: 10_000 },
  channels: 1,
  imageSize: defaultForm.imageSize,
  anySide: true,
  settings: { maxCount: maxCountSetting(defaultForm.maxCount), patchSize: patchSizeSetting(defaultForm.patchSize) },
  preset: {
    architecture: "local",
    // Every patch is 18 pixels wide; its digit fills 13 of them. A window that cannot grow much further cannot cover two.
    model: {
      objectSize: 18,
      encoderSize: 200,
      decoderSize: 200,
      where: { type: "bounded", side: [14, 18] },
    },
    steps: 4_000,
    // Composed images did harm.
    composition: null,
  },
  version: 2,
  conflicts: (form) => patchConflicts(form),
  // Test images show MNIST test digits, which no training image shows.
  generator: async (seed, form, material, split) =>
    multiMnist64(await material.digits(split), seed, form, await material.labels?.(split)),
});
