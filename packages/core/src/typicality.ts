/**
 * Tells images that are unlike a model's training data, by two numbers that inference has anyway: how much of the image
 * its scene does not explain, and how thick what is bright in it is. Both have an upper limit, fitted to held-out images.
 *
 * Letters: S image side, C channels.
 */
import { z } from "zod";
import type { AirConfig } from "./config.js";
import { boxFromZWhere, type ZWhere } from "./where.js";

/** What is measured of a scene: the windows of its objects, and the image `[C, S, S]` that they form. */
export interface ExplainedImage {
  /** The objects, of which only the windows matter. */
  readonly objects: readonly { readonly zWhere: ZWhere }[];
  /** Canvas with all objects, `[C, S, S]`. */
  readonly reconstruction: Float32Array;
}

/** The numbers of an image by which {@link judgeTypicality} judges it. Larger is less typical. */
export interface TypicalityMeasures {
  /**
   * Σ |image − reconstruction| over all pixels and channels. A pixel outside the windows of all objects counts twice: there
   * the model has not even looked.
   */
  readonly unexplained: number;
  /**
   * Mean thickness of what is bright, pixels: 2·Σ image / (sum of the absolute differences of neighbouring pixels, with
   * black around the image). A long bar that is w pixels wide has thickness w.
   */
  readonly thickness: number;
}

/** The names of the measures. */
export const typicalityMeasures = ["unexplained", "thickness"] as const satisfies (keyof TypicalityMeasures)[];

/** The schema of {@link TypicalityLimits} in a manifest. */
export const typicalityLimitsSchema = z.strictObject({
  /** Number of held-out images that the limits were fitted to. */
  images: z.int().positive(),
  /** Largest share of these images that may exceed a limit; see {@link fitTypicalityLimits}. */
  falseAlarms: z.number().gt(0).lt(1),
  limits: z.strictObject({ unexplained: z.number().nonnegative(), thickness: z.number().nonnegative() }),
});

/** The largest values that a model's measures take on images like its training data, and what they were fitted to. */
export type TypicalityLimits = z.output<typeof typicalityLimitsSchema>;

/** A measure of one image, and its limit; see {@link TYPICALITY_ROUNDING}. */
export interface JudgedMeasure {
  /** Value of the image. */
  readonly value: number;
  /** Largest value of a typical image. */
  readonly limit: number;
}

/** How an image was judged: each measure with its limit. The image is typical if none is exceeded. */
export type Typicality = Readonly<Record<keyof TypicalityMeasures, JudgedMeasure>>;

/** Default of `falseAlarms` of {@link fitTypicalityLimits}. */
export const TYPICALITY_FALSE_ALARMS = 0.01;
/**
 * Factor by which a measure may exceed its limit. A limit is the value of one of the images that it was fitted to, and that
 * image must not be beyond it because another device or another graph sums up in another order.
 */
export const TYPICALITY_ROUNDING = 1 + 1e-5;
/** Fewest images to fit limits to: with 1 % false alarms, one of them may lie beyond. */
export const LEAST_TYPICALITY_IMAGES = 100;

/**
 * Measures one image and its scene.
 *
 * @param image `[C, S, S]`, intensities in [0, 1]
 * @param scene scene inferred from it
 */
export function measureTypicality(
  image: Float32Array,
  { objects, reconstruction }: ExplainedImage,
  { channels, imageSize }: Pick<AirConfig, "channels" | "imageSize">,
): TypicalityMeasures {
  const weights = new Uint8Array(imageSize ** 2).fill(2);
  // Pixels whose centres lie in a window.
  const inside = (edge: number): number => Math.min(imageSize, Math.max(0, Math.ceil(edge - 0.5)));
  for (const { zWhere } of objects) {
    const { xmin, ymin, xmax, ymax } = boxFromZWhere(zWhere, imageSize);
    for (let y = inside(ymin); y < inside(ymax); y++) {
      weights.fill(1, y * imageSize + inside(xmin), y * imageSize + inside(xmax));
    }
  }
  let unexplained = 0;
  let sum = 0;
  let variation = 0;
  for (let c = 0, i = 0; c < channels; c++) {
    for (let y = 0, at = 0; y < imageSize; y++) {
      let left = 0;
      for (let x = 0; x < imageSize; x++, i++, at++) {
        const value = image[i]!;
        const above = y === 0 ? 0 : image[i - imageSize]!;
        unexplained += weights[at]! * Math.abs(value - reconstruction[i]!);
        sum += value;
        variation += Math.abs(value - left) + Math.abs(value - above);
        if (y === imageSize - 1) variation += value;
        left = value;
      }
      variation += left;
    }
  }
  return { unexplained, thickness: variation > 0 ? (2 * sum) / variation : 0 };
}

/**
 * Fits limits to the measures of held-out images. Equally many images lie beyond each limit, as many as can be while at
 * most the share `falseAlarms` of all images lies beyond any.
 *
 * @param measures measures of at least {@link LEAST_TYPICALITY_IMAGES} images
 * @throws {RangeError} for fewer images, or a share that is not between 0 and 1
 */
export function fitTypicalityLimits(
  measures: readonly TypicalityMeasures[],
  falseAlarms: number = TYPICALITY_FALSE_ALARMS,
): TypicalityLimits {
  const images = measures.length;
  if (images < LEAST_TYPICALITY_IMAGES) {
    throw new RangeError(`Limits are fitted to at least ${LEAST_TYPICALITY_IMAGES} images, not to ${images}`);
  }
  if (!(falseAlarms > 0 && falseAlarms < 1)) {
    throw new RangeError(`falseAlarms must be above 0 and below 1, got ${falseAlarms}`);
  }
  const descending = Object.fromEntries(
    typicalityMeasures.map((name) => [name, measures.map((each) => each[name]).sort((a, b) => b - a)] as const),
  ) as Record<keyof TypicalityMeasures, number[]>;
  const limitsBelow = (beyond: number): TypicalityMeasures => ({
    unexplained: descending.unexplained[beyond]!,
    thickness: descending.thickness[beyond]!,
  });
  const allowed = Math.floor(falseAlarms * images);
  let limits = limitsBelow(0);
  for (let beyond = 1; beyond <= allowed; beyond++) {
    const next = limitsBelow(beyond);
    if (measures.filter((each) => !isWithin(each, next)).length > allowed) break;
    limits = next;
  }
  return { images, falseAlarms, limits };
}

/**
 * Judges whether an image is typical of the model's training data.
 *
 * @param measures those of the image and its scene, see {@link measureTypicality}
 */
export function judgeTypicality(
  measures: TypicalityMeasures,
  { limits }: TypicalityLimits,
): { readonly typical: boolean; readonly typicality: Typicality } {
  const judged = (name: keyof TypicalityMeasures): JudgedMeasure => ({ value: measures[name], limit: limits[name] });
  return {
    typical: typicalityMeasures.every((name) => measures[name] <= limits[name] * TYPICALITY_ROUNDING),
    typicality: { unexplained: judged("unexplained"), thickness: judged("thickness") },
  };
}

function isWithin(measures: TypicalityMeasures, limits: TypicalityMeasures): boolean {
  return typicalityMeasures.every((name) => measures[name] <= limits[name]);
}
