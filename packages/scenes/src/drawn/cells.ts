/**
 * Cells as under a microscope, after the idea of BBBC005 (Broad Bioimage Benchmark Collection: simulated cells, counted at
 * several degrees of focus): 0 to `maxCount` soft ellipses on an even or shaded ground, with shot noise. Two data sets have
 * them: `cells`, bright on dark as in fluorescence, and `dark-cells`, dark on light as in transmitted light. Image i is a
 * function of (seed, i).
 *
 * The recipe: the number of cells is uniform. An image has one focus: the edges of its cells fade over a distance uniform in
 * [1.5, 4) pixels. Each cell has a length uniform in [8, 24) pixels, a width of 0.55 to 1 of the length, any direction, and a
 * level uniform in [0.6, 1). It lies at a uniform position wholly inside the image; a position is drawn anew, up to 100 times,
 * while the centre is nearer to that of an earlier cell than 0.55 of the sum of their mean radii, so that cells overlap but do
 * not hide each other. Levels of overlapping cells add up to at most 1. Then the image is taken, see camera.ts; half of the
 * images are lit unevenly. Random numbers are drawn in this order: count and fade; for each cell length, width, angle, level,
 * then y and x for each position. The exposure is drawn from the stream (index, 1) and the noise from (index, 2).
 */
import { RandomStream } from "@air-onnx/core/random";
import { crowdedLikelihood, crowdedTraining } from "../crowded.js";
import { between, drawExposure, type Exposure, type ExposureRanges, takeImage } from "./camera.js";
import { type SeededSet, seededSet } from "./drawn-set.js";
import type { SceneGenerator } from "./generate.js";
import { checkMaxCount, maxCountSetting } from "./patch-form.js";
import { Places } from "./places.js";
import { drawEllipse, sideOfEllipse } from "./soft-ellipse.js";

const LENGTH = [8, 24] as const;
const WIDTH = [0.55, 1] as const;
const LEVEL = [0.6, 1] as const;
const FADE = [1.5, 4] as const;
/** Least distance of two cells, as a share of the sum of their mean radii. */
const APART = 0.55;
/** Side of the largest patch, pixels. */
const MAX_SIDE = LENGTH[1] + FADE[1];

const fluorescence: ExposureRanges = {
  dark: false,
  ground: [0.05, 0.25],
  contrast: [0.35, 0.7],
  shade: [0.25, 0.6],
  photons: [150, 600],
};
const transmitted: ExposureRanges = {
  dark: true,
  ground: [0.75, 0.95],
  contrast: [0.35, 0.65],
  shade: [0.25, 0.6],
  photons: [150, 600],
};

/** The form of the images of {@link cells}. */
export interface CellsForm {
  /** Side of the images, pixels; default 96. */
  readonly imageSize?: number | undefined;
  /** Most cells in an image, default 8. Every number from 0 to it is equally probable. */
  readonly maxCount?: number | undefined;
  /** Whether the cells are darker than their ground; false by default. */
  readonly dark?: boolean | undefined;
}

/**
 * Makes the generator of the images. Image i is a function of (seed, i).
 *
 * @throws {RangeError} for an image smaller than the largest cell (28), or a maxCount out of range
 */
export function cells(seed: number, { imageSize = 96, maxCount = 8, dark = false }: CellsForm = {}): SceneGenerator {
  if (imageSize < MAX_SIDE) {
    throw new RangeError(`The image must be at least ${MAX_SIDE} pixels wide, got ${imageSize}`);
  }
  checkMaxCount(maxCount);
  const pixels = new Uint8Array(MAX_SIDE ** 2);
  return {
    dataset: dark ? "dark-cells" : "cells",
    imageSize,
    channels: 1,
    maxObjects: maxCount,
    overlap: "clip",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const count = random.integer(maxCount + 1);
      const fade = between(random, FADE);
      const places = new Places(imageSize, APART);
      const nextPatch = () => {
        const length = between(random, LENGTH);
        const width = length * between(random, WIDTH);
        const angle = Math.PI * random.uniform();
        const ellipse = { length, width, angle, level: 255 * between(random, LEVEL), fade };
        const side = sideOfEllipse(ellipse);
        drawEllipse(ellipse, side, pixels);
        return { pixels, side, ...places.next(random, side, (length + width) / 4) };
      };
      return { count, nextPatch };
    },
    expose: (index, levels, image) =>
      takeImage(levels, imageSize, cellsExposure(seed, index, dark), new RandomStream(seed, index, 2), image),
  };
}

/** The conditions under which image `index` of {@link cells} is taken, by which its images can be told apart. */
export function cellsExposure(seed: number, index: number, dark = false): Exposure {
  return drawExposure(new RandomStream(seed, index, 1), dark ? transmitted : fluorescence);
}

function definition<const Name extends "cells" | "dark-cells">(
  name: Name,
  description: string,
  ranges: ExposureRanges,
): SeededSet<Name, "maxCount"> {
  return seededSet({
    name,
    description,
    sizes: { train: 2_000, test: 2_000 },
    channels: 1,
    imageSize: 96,
    anySide: true,
    settings: { maxCount: maxCountSetting(8) },
    // Nearly what `settingsFor` makes of the true sizes and the greatest number; it is not called here, as names of sets load at once.
    // Windows are smaller: soft cells that touch leave little when one window takes both.
    preset: {
      architecture: "local",
      preprocessing: {
        backgroundDegree: 2,
        polarity: [ranges.dark ? "dark" : "light"],
        contrast: [0.37, 0.6],
        noise: 2,
      },
      model: {
        objectSize: 24,
        maxSteps: 10,
        imagePooling: 3,
        encoderSize: 200,
        decoderSize: 200,
        where: { type: "bounded", side: [10, 26], spacing: "logarithmic", centre: "free" },
        likelihood: crowdedLikelihood,
        prior: { presence: 0.1 },
      },
      steps: 6_000,
      ...crowdedTraining,
      // Cells have no right way up. They are not moved: all lie wholly inside the image.
      augmentation: { flips: true, turns: true, shift: 0, brightness: 0.1 },
    },
    version: 1,
    conflicts: ({ imageSize }) =>
      imageSize < MAX_SIDE
        ? [["imageSize", `must be at least ${MAX_SIDE}, the largest cell of dataset ${name}; got ${imageSize}`]]
        : [],
    generator: (seed, form) => cells(seed, { ...form, dark: ranges.dark }),
  });
}

/** The definition of the data set `cells`. */
export const cellsSet = definition("cells", "bright cells as under a fluorescence microscope", fluorescence);
/** The definition of the data set `dark-cells`. */
export const darkCellsSet = definition("dark-cells", "dark cells as in transmitted light", transmitted);
