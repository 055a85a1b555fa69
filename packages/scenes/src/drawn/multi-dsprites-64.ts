/**
 * Coloured sprites after dSprites (Matthey et al., 2017), drawn from formulas: 64x64 RGB images with 0, 1 or 2 of them.
 *
 * The recipe: the number of sprites is uniform. Each is a square, an equilateral triangle or an ellipse (axes 2 : 1), in
 * one of the 7 colours that have every channel off or full, black excepted, at one of 40 angles evenly around and one of
 * 6 scales 0.5, 0.6, …, 1. It is inscribed in a circle, of the patch's diameter times the scale, in the middle of an
 * 18x18 patch; a pixel has the colour by the share of its 4x4 sample points that lie inside. The patch is pasted at a
 * uniform position wholly inside the image; intensities add up, and are clipped at 255. Random numbers are drawn in this
 * order: count; then for each sprite shape, colour, angle, scale, y, x.
 */
import { RandomStream } from "@air-onnx/core/random";
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

const defaultForm: PatchForm = { imageSize: 64, patchSize: 18, maxCount: 2 };

const CHANNELS = 3;
const ANGLES = 40;
const SCALES = [0.5, 0.6, 0.7, 0.8, 0.9, 1] as const;
const COLOURS = 7;
/** Sample points along each side of a pixel. */
const SAMPLES = 4;

/** Tells whether the point (x, y) is inside a shape whose outer circle has radius 1; y points down. */
type Shape = (x: number, y: number) => boolean;

const shapes: readonly Shape[] = [
  /** Square. */
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= Math.SQRT1_2,
  /** Triangle, one corner up: the half-planes within the inner circle's radius of ½. */
  (x, y) => y <= 0.5 && Math.abs(x) * (Math.sqrt(3) / 2) - y * 0.5 <= 0.5,
  /** Ellipse. */
  (x, y) => x * x + 4 * y * y <= 1,
];

/**
 * Makes the generator of the images. Image i is a function of (seed, i).
 *
 * @throws {RangeError} unless patches fit the image, and 1 ≤ maxCount ≤ 255
 */
export function multiDsprites64(seed: number, form: PatchFormInput = {}): SceneGenerator {
  const { imageSize, patchSize, maxCount } = patchForm(form, defaultForm);
  const masks = new Map<number, Uint8Array>();
  const plane = patchSize * patchSize;
  const pixels = new Uint8Array(CHANNELS * plane);
  const room = imageSize - patchSize + 1;

  const maskOf = (shape: number, angle: number, scale: number): Uint8Array => {
    const key = (shape * ANGLES + angle) * SCALES.length + scale;
    let mask = masks.get(key);
    if (!mask) {
      mask = drawSprite(shapes[shape]!, (2 * Math.PI * angle) / ANGLES, SCALES[scale]!, patchSize);
      masks.set(key, mask);
    }
    return mask;
  };

  return {
    dataset: "multi-dsprites-64",
    imageSize,
    channels: CHANNELS,
    maxObjects: maxCount,
    overlap: "clip",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const nextPatch = () => {
        const shape = random.integer(shapes.length);
        // Bits 0, 1, 2 are red, green, blue.
        const colour = random.integer(COLOURS) + 1;
        const angle = random.integer(ANGLES);
        const scale = random.integer(SCALES.length);
        const y = random.integer(room);
        const x = random.integer(room);
        const mask = maskOf(shape, angle, scale);
        for (let channel = 0; channel < CHANNELS; channel++) {
          if (colour & (1 << channel)) pixels.set(mask, channel * plane);
          else pixels.fill(0, channel * plane, (channel + 1) * plane);
        }
        return { pixels, side: patchSize, x, y, kind: shape };
      };
      return { count: random.integer(maxCount + 1), nextPatch };
    },
  };
}

/** Draws the turned and scaled shape: the share of each pixel that it covers, `[side, side]`, 0..255. */
function drawSprite(shape: Shape, angle: number, scale: number, side: number): Uint8Array {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const radius = (side / 2) * scale;
  const at = (pixel: number, sample: number) => (pixel + (sample + 0.5) / SAMPLES - side / 2) / radius;
  return Uint8Array.from({ length: side * side }, (_, pixel) => {
    let inside = 0;
    for (let sample = 0; sample < SAMPLES * SAMPLES; sample++) {
      const u = at(pixel % side, sample % SAMPLES);
      const v = at(Math.floor(pixel / side), Math.floor(sample / SAMPLES));
      if (shape(cos * u + sin * v, cos * v - sin * u)) inside++;
    }
    return Math.round((255 * inside) / SAMPLES ** 2);
  });
}

/** The definition of the data set `multi-dsprites-64`. */
export const multiDsprites64Set = seededSet({
  name: "multi-dsprites-64",
  description: "squares, triangles and ellipses in colour",
  sizes: { train: 30_000, test: 5_000 },
  channels: CHANNELS,
  imageSize: defaultForm.imageSize,
  anySide: true,
  // A patch is as wide as the circle around the largest sprite.
  settings: { maxCount: maxCountSetting(defaultForm.maxCount), patchSize: patchSizeSetting(defaultForm.patchSize) },
  preset: {
    architecture: "local",
    model: { objectSize: 18, where: { type: "bounded", side: [8, 20] } },
  },
  // Drawing the set is as fast as reading and checking 430 MB from the cache.
  version: undefined,
  conflicts: (form) => patchConflicts(form),
  generator: (seed, form) => multiDsprites64(seed, form),
});
