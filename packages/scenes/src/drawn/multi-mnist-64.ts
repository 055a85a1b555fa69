/**
 * Binary MNIST digits, all of one size, on a larger canvas: 64x64 pixels that are 0 or 255, with 0, 1 or 2 digits of 18x18.
 *
 * The recipe: the number of digits is uniform; each is any of the MNIST digits, resized by {@link cubicResize} and rounded
 * to black or white (white from 128), and pasted at a uniform position wholly inside; where digits overlap, white stays
 * white. Random numbers are drawn in this order: count; then for each digit which one, y, x.
 */
import { RandomStream } from "@air-onnx/core";
import { DIGIT_SIZE, digitOf, digitsIn } from "./digits.js";
import type { SceneGenerator } from "./generate.js";
import { type PatchForm, type PatchFormInput, patchForm } from "./patch-form.js";
import { cubicResize } from "./resize-cubic.js";

/** Raised whenever the images of the same options change. */
export const MULTI_MNIST_64_VERSION = 1;
export const multiMnist64Form: PatchForm = { imageSize: 64, patchSize: 18, maxCount: 2 };

/**
 * The images, of which number i is a function of (seed, i). A box is the resized digit's frame: its patch.
 *
 * @param digits `[M, 28, 28]`, 0..255
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 * @throws {RangeError} for a form that cannot be
 */
export function multiMnist64(digits: Uint8Array, seed: number, form: PatchFormInput = {}): SceneGenerator {
  const { imageSize, patchSize, maxCount } = patchForm(form, multiMnist64Form);
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
        resize(digitOf(digits, random.integer(digitCount)), pixels);
        for (let i = 0; i < pixels.length; i++) pixels[i] = pixels[i]! < 128 ? 0 : 255;
        const y = random.integer(room);
        const x = random.integer(room);
        return { pixels, side: patchSize, x, y };
      };
      return { count: random.integer(maxCount + 1), nextPatch };
    },
  };
}
