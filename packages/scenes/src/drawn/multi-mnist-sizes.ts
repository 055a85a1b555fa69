/**
 * MNIST digits of many sizes, thin and thick, anywhere, and cut by the border: 64x64 grey images with 0 to 4 of them, 12 to 40
 * pixels long. They are like what people draw.
 *
 * The recipe: the number of digits is uniform. All lengths (of the longer side of a digit's ink) are uniform in [12, 40) and all
 * middles uniform where at most {@link CUT} of the length lies beyond the border; both are drawn anew, for all digits of the image
 * together, until no two middles are nearer than {@link APART} of the mean of their lengths. So digits stay separate, and an image with
 * many has smaller ones. Each digit is any of the MNIST digits; the sides of its strokes move by
 * a distance uniform in [-0.6, 0.9) pixels of the original 28x28, where strokes are about 2.5 pixels wide, or by half as
 * much and so on where they would fall apart. Intensities add up to at most 255. Random numbers are drawn in this order: count; length, x
 * and y of each digit; then for each digit which one and its growth.
 */
import { RandomStream } from "@air-onnx/core/random";
import { between } from "./camera.js";
import { DigitOutline } from "./digit-outline.js";
import { digitOf, digitsIn } from "./digits.js";
import { seededSet } from "./drawn-set.js";
import type { SceneGenerator } from "./generate.js";
import { checkMaxCount, maxCountSetting } from "./patch-form.js";

const LENGTH = [12, 40] as const;
const GROWTH = [-0.6, 0.9] as const;
/** Largest share of a digit's length that the border may cut off. */
const CUT = 0.2;
/** Least distance of two middles, as a share of the mean of the two lengths. */
const APART = 1;
/** Tries to place the digits of an image, of which four in 64x64 need some ten. */
const MAX_TRIES = 100_000;

/** Length and middle of a digit, pixels. */
interface Spot {
  readonly length: number;
  readonly x: number;
  readonly y: number;
}

/**
 * Makes the generator of the images. Image i is a function of (seed, i).
 *
 * @param digits `[M, 28, 28]`, 0..255
 * @param labels `[M]`, 0..9; without them the kinds of objects are not known
 * @throws {DataError} if `digits` is not a whole, positive number of 28x28 images
 * @throws {RangeError} for an image smaller than the largest digit (40), or a maxCount out of range
 */
export function multiMnistSizes(
  digits: Uint8Array,
  seed: number,
  { imageSize = 64, maxCount = 4 }: { readonly imageSize?: number; readonly maxCount?: number } = {},
  labels?: Uint8Array,
): SceneGenerator {
  if (imageSize < LENGTH[1]) {
    throw new RangeError(`The image must be at least ${LENGTH[1]} pixels wide, got ${imageSize}`);
  }
  checkMaxCount(maxCount);
  const digitCount = digitsIn(digits);
  const pixels = new Uint8Array(imageSize ** 2);
  return {
    dataset: "multi-mnist-sizes",
    imageSize,
    channels: 1,
    maxObjects: maxCount,
    overlap: "clip",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const count = random.integer(maxCount + 1);
      const spots = drawSpots(random, count, imageSize);
      let drawn = 0;
      const nextPatch = () => {
        const digit = random.integer(digitCount);
        const outline = new DigitOutline(digitOf(digits, digit));
        const growth = outline.wholeGrowth(between(random, GROWTH));
        outline.draw(pixels, imageSize, { ...spots[drawn++]!, growth });
        // The patch is the whole image, since the border may cut the digit.
        return { pixels, side: imageSize, x: 0, y: 0, kind: labels?.[digit] };
      };
      return { count, nextPatch };
    },
  };
}

/** Lengths and middles of the digits of one image. */
function drawSpots(random: RandomStream, count: number, imageSize: number): readonly Spot[] {
  for (let tries = 1; ; tries++) {
    const spots: Spot[] = [];
    while (spots.length < count) {
      const length = between(random, LENGTH);
      const margin = (0.5 - CUT) * length;
      const place = (): number => between(random, [margin, imageSize - margin]);
      const spot = { length, x: place(), y: place() };
      if (tries < MAX_TRIES && spots.some((other) => areTooNear(spot, other))) break;
      spots.push(spot);
    }
    if (spots.length === count) return spots;
  }
}

function areTooNear(a: Spot, b: Spot): boolean {
  return Math.hypot(a.x - b.x, a.y - b.y) < (APART * (a.length + b.length)) / 2;
}

/** The definition of the data set `multi-mnist-sizes`. */
export const multiMnistSizesSet = seededSet({
  name: "multi-mnist-sizes",
  description: "MNIST digits of 12 to 40 pixels, thin and thick, cut by the border, grey",
  sizes: { train: 30_000, test: 5_000 },
  channels: 1,
  imageSize: 64,
  anySide: true,
  settings: { maxCount: maxCountSetting(4) },
  preset: {
    architecture: "local",
    // Places 8 pixels apart that see 68 pixels: a large digit whole, and what is around it.
    model: {
      objectSize: 28,
      imagePooling: 4,
      stepNetwork: { type: "local", contextKernel: 5 },
      where: { type: "bounded", side: [12, 48], spacing: "logarithmic", centre: "free" },
    },
    steps: 12_000,
    trainingMaxSteps: 4,
    // All counts occur in the images themselves, and composed ones did harm.
    composition: null,
  },
  version: 1,
  conflicts: ({ imageSize }) =>
    imageSize < LENGTH[1]
      ? [
          [
            "imageSize",
            `must be at least ${LENGTH[1]}, the largest digit of dataset multi-mnist-sizes; got ${imageSize}`,
          ],
        ]
      : [],
  // Test images show MNIST test digits, which no training image shows.
  generator: async (seed, form, material, split) =>
    multiMnistSizes(await material.digits(split), seed, form, await material.labels?.(split)),
});
