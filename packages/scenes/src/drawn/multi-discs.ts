/**
 * The simplest data set, for trying things: 0 to `maxCount` soft discs in a grey image. Image i is a function of (seed, i).
 *
 * The recipe: the number of discs is uniform. Each has a radius uniform in [4, 9) pixels and a brightness uniform in
 * [0.5, 1); its edge fades over 2 pixels. It lies at a uniform position wholly inside the image. Intensities add up; an image
 * in which they exceed white is drawn anew, with as many discs. Random numbers are drawn in this order: count; then for each
 * disc radius, brightness, y, x.
 */
import { RandomStream } from "@air-onnx/core/random";
import { seededSet } from "./drawn-set.js";
import type { SceneGenerator } from "./generate.js";
import { checkMaxCount, maxCountSetting } from "./patch-form.js";

const RADIUS = { least: 4, below: 9 } as const;
/** Half of the width over which the edge fades, pixels. */
const FADE = 1;
/** Side of the largest patch, pixels. */
const MAX_SIDE = 2 * (RADIUS.below + FADE);

/** The form of the images of {@link multiDiscs}. */
export interface MultiDiscsForm {
  /** Side of the images, pixels; default 50. */
  readonly imageSize?: number | undefined;
  /** Most discs in an image, default 2. Every number from 0 to it is equally probable. */
  readonly maxCount?: number | undefined;
}

/**
 * Makes the generator of the images. Image i is a function of (seed, i).
 *
 * @throws {RangeError} for an image smaller than the largest disc (20), or a maxCount out of range
 */
export function multiDiscs(seed: number, { imageSize = 50, maxCount = 2 }: MultiDiscsForm = {}): SceneGenerator {
  if (imageSize < MAX_SIDE) {
    throw new RangeError(`The image must be at least ${MAX_SIDE} pixels wide, got ${imageSize}`);
  }
  checkMaxCount(maxCount);
  const pixels = new Uint8Array(MAX_SIDE ** 2);
  return {
    dataset: "multi-discs",
    imageSize,
    channels: 1,
    maxObjects: maxCount,
    overlap: "redraw",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const nextPatch = () => {
        const radius = RADIUS.least + (RADIUS.below - RADIUS.least) * random.uniform();
        const level = 255 * (0.5 + 0.5 * random.uniform());
        const side = 2 * Math.ceil(radius + FADE);
        const y = random.integer(imageSize - side + 1);
        const x = random.integer(imageSize - side + 1);
        drawDisc(radius, level, pixels, side);
        return { pixels, side, x, y };
      };
      return { count: random.integer(maxCount + 1), nextPatch };
    },
  };
}

/** Draws a disc into the middle of the first side² of `pixels`. */
function drawDisc(radius: number, level: number, pixels: Uint8Array, side: number): void {
  const middle = (side - 1) / 2;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const distance = Math.sqrt((row - middle) ** 2 + (column - middle) ** 2);
      const inside = (radius + FADE - distance) / (2 * FADE);
      pixels[row * side + column] = Math.round(level * Math.min(Math.max(inside, 0), 1));
    }
  }
}

/** The definition of the data set `multi-discs`. */
export const multiDiscsSet = seededSet({
  name: "multi-discs",
  description: "soft discs, grey",
  sizes: { train: 20_000, test: 2_000 },
  channels: 1,
  imageSize: 50,
  anySide: true,
  settings: { maxCount: maxCountSetting(2) },
  // With the default network, which does not see the remainder of the image, every image gets one count: 32.25 % are right after
  // 3,000 steps (seed 0).
  preset: {
    steps: 2000,
    model: { lstmInput: { type: "image-and-remainder", convolution: null }, glimpseInput: "remainder" },
  },
  version: 2,
  conflicts: ({ imageSize }) =>
    imageSize < MAX_SIDE
      ? [["imageSize", `must be at least ${MAX_SIDE}, the largest disc of dataset multi-discs; got ${imageSize}`]]
      : [],
  generator: (seed, form) => multiDiscs(seed, form),
});
