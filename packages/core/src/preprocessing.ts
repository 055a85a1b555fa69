/**
 * Preprocessing of images whose ground is not black: afterwards their objects are bright on 0, as the model needs them. The
 * parameters are fitted to the training images and stand in the manifest, so that inference does the same as training.
 *
 * In each image and channel, the ground is estimated and taken away, with its noise; then the objects' contrast becomes 1:
 * `v = (±(x − ground) − noise·σ) / (contrast − noise·σ)`, cut off to [0, 1]. σ is the noise of the image, and its contrast is
 * that of its brightest object, within the bounds `contrast` of the training images.
 *
 * Letters: S side of a model's image, H and W height and width of a picture of any size, C channels.
 */
import { z } from "zod";
import { type Background, estimatePlane, type PlaneSize, squareOf } from "./background.js";
import { modelLimits } from "./limits.js";

const polarity = z.enum(["light", "dark"]);
const contrast = z.number().gt(0).lte(1);

/** The schema of {@link Preprocessing}. */
export const preprocessingSchema = z.strictObject({
  /** Degree of the polynomial in x and y that the ground is: 0 for an even ground, 2 for uneven light. */
  backgroundDegree: z.int().min(0).max(4),
  /** Whether the objects are lighter or darker than the ground, for each channel. */
  polarity: z.array(polarity).min(1).max(modelLimits.channels),
  /** Least and greatest contrast of an image: the difference of intensity that becomes 1. */
  contrast: z.tuple([contrast, contrast]).refine(([least, most]) => least <= most, {
    error: "must be two contrasts, the smaller first",
  }),
  /** Multiple of its noise by which a pixel must differ from the ground to be more than 0. */
  noise: z.number().nonnegative().max(10).default(2),
});

/** How images are preprocessed. */
export type Preprocessing = z.output<typeof preprocessingSchema>;

/** An image's ground, and how its intensities were scaled; by them {@link restoreImage} undoes the preprocessing. */
export interface ImageGround {
  /** Intensity of the ground, `[C, H, W]`. */
  readonly ground: Float32Array;
  /** For each channel, the difference from the ground that became 0. */
  readonly thresholds: readonly number[];
  /** Difference from the ground that became 1. */
  readonly contrast: number;
}

/** Multiple of its noise by which a pixel differs from the ground if it belongs to an object. */
const OBJECT_NOISE = 5;
/** Share of the objects' pixels that may be brighter than the contrast of the image. */
const BRIGHTER = 0.05;
/** Least share of an image that is an object; with less, its brightest pixels are noise or dirt. */
const LEAST_OBJECTS = 5e-4;
/** Preprocessed intensity below which {@link restoreImage} adds only a part of the noise that was taken away. */
const FAINT = 0.1;
/** Least part of the contrast that is left when the noise is taken away. */
const LEAST_RANGE = 0.25;

/**
 * Preprocesses one image.
 *
 * @param image intensities in [0, 1], `[C, S, S]`
 * @param target receives the intensities in [0, 1], `[C, S, S]`; it may be `image`
 * @throws {RangeError} if the parameters have another number of channels than the image
 */
export function preprocessImage(
  image: Float32Array,
  { imageSize, channels }: { readonly imageSize: number; readonly channels: number },
  preprocessing: Preprocessing,
  target: Float32Array,
): ImageGround {
  const form = { width: imageSize, height: imageSize, channels };
  return preprocessPlanes(image, form, preprocessing, { target, square: squareOf(imageSize) });
}

/**
 * Preprocesses a picture of any size, or a part of one, as {@link preprocessImage} does: its ground, noise and contrast are those of
 * all its pixels.
 *
 * @param image intensities in [0, 1], `[C, H, W]`
 * @throws {RangeError} if the parameters have another number of channels than the picture
 */
export function preprocessPlanes(
  image: Float32Array,
  form: PlaneSize & { readonly channels: number },
  preprocessing: Preprocessing,
  {
    target,
    square,
  }: {
    /** Receives the intensities in [0, 1], `[C, H, W]`; it may be `image`. */
    readonly target: Float32Array;
    /** Side of the squares whose means the ground is fitted to, pixels. */
    readonly square: number;
  },
): ImageGround {
  const plane = form.width * form.height;
  const { noise } = preprocessing;
  const grounds = groundsOf(image, form, preprocessing, square);
  const differences = new Float32Array(image.length);
  const objects: number[] = [];
  grounds.forEach(({ ground, noise: sigma }, c) => {
    const sign = preprocessing.polarity[c] === "light" ? 1 : -1;
    for (let i = 0; i < plane; i++) {
      const difference = sign * (image[c * plane + i]! - ground[i]!);
      differences[c * plane + i] = difference;
      if (difference > OBJECT_NOISE * sigma) objects.push(difference);
    }
  });
  const [least, most] = preprocessing.contrast;
  const own = contrastOf(objects, image.length);
  const contrast = own === undefined ? most : Math.min(most, Math.max(least, own));
  const thresholds = grounds.map(({ noise: sigma }) => Math.min(noise * sigma, (1 - LEAST_RANGE) * contrast));
  for (let c = 0, i = 0; c < grounds.length; c++) {
    const threshold = thresholds[c]!;
    for (const end = i + plane; i < end; i++) {
      target[i] = Math.min(1, Math.max(0, (differences[i]! - threshold) / (contrast - threshold)));
    }
  }
  const ground = new Float32Array(image.length);
  grounds.forEach((each, c) => {
    ground.set(each.ground, c * plane);
  });
  return { ground, thresholds, contrast };
}

/**
 * The contrast of an image: the difference from the ground that 5 % of the objects' pixels exceed.
 *
 * @param objects differences of the objects' pixels
 * @param values number of values of the image
 * @returns undefined if there is no object
 */
export function contrastOf(objects: readonly number[], values: number): number | undefined {
  if (objects.length < Math.max(4, LEAST_OBJECTS * values)) return undefined;
  const ascending = Float32Array.from(objects).sort();
  return ascending[Math.floor((1 - BRIGHTER) * (ascending.length - 1))]!;
}

/** A batch as a model takes it, and the way back to the pixels of the original images. */
export interface PreparedBatch {
  /** Intensities in [0, 1], `[B, C, S, S]`. */
  readonly images: Float32Array<ArrayBuffer>;
  /** For each image what undoes its preprocessing, `[B]`; undefined if there was none. */
  readonly grounds: readonly ImageGround[] | undefined;
  /**
   * Turns what the model says about image i of the batch into intensities of the original, see {@link restoreImage}. Without a
   * preprocessing it returns `values`.
   */
  restore(i: number, values: Float32Array): Float32Array;
}

/**
 * Prepares a batch `[B, C, S, S]` for a model. Without `preprocessing`, as of models whose images are bright on black, it is
 * returned as it is.
 *
 * @throws {RangeError} if the parameters have another number of channels than the images
 */
export function prepareBatch(
  images: Float32Array<ArrayBuffer>,
  form: { readonly imageSize: number; readonly channels: number },
  preprocessing: Preprocessing | null | undefined,
): PreparedBatch {
  if (!preprocessing) return { images, grounds: undefined, restore: (_, values) => values };
  const length = form.channels * form.imageSize ** 2;
  const prepared = new Float32Array(images.length);
  const grounds = Array.from({ length: images.length / length }, (_, i) => {
    const [from, to] = [i * length, (i + 1) * length];
    return preprocessImage(images.subarray(from, to), form, preprocessing, prepared.subarray(from, to));
  });
  const restore = (i: number, values: Float32Array) => restoreImage(values, grounds[i]!, preprocessing);
  return { images: prepared, grounds, restore };
}

/** Scenes of a prepared batch, with their reconstructions in the pixels of the original images. */
export function restoreScenes<S extends object>(scenes: readonly S[], batch: PreparedBatch): S[] {
  return scenes.map((scene, i) =>
    "reconstruction" in scene && scene.reconstruction instanceof Float32Array
      ? { ...scene, reconstruction: batch.restore(i, scene.reconstruction) }
      : scene,
  );
}

/**
 * Undoes the preprocessing: what the model says about the preprocessed image becomes intensities of the original. It is
 * exact for intensities from 0.1 on that were not cut off to 1; pixels of 0 become ground.
 *
 * @param values intensities of a preprocessed image or of its reconstruction, `[C, S, S]`
 * @returns intensities in [0, 1], `[C, S, S]`
 */
export function restoreImage(
  values: Float32Array,
  { ground, thresholds, contrast }: ImageGround,
  { polarity }: Preprocessing,
): Float32Array<ArrayBuffer> {
  const plane = values.length / polarity.length;
  const restored = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / plane);
    const [value, threshold] = [values[i]!, thresholds[c]!];
    // The faint parts of a reconstruction are no object: with the whole threshold, its windows would show.
    const shown = threshold * Math.min(1, value / FAINT) + value * (contrast - threshold);
    restored[i] = Math.min(1, Math.max(0, ground[i]! + (polarity[c] === "light" ? shown : -shown)));
  }
  return restored;
}

/** Estimates the ground and the noise of each channel of an image `[C, S, S]`. */
export function estimateGrounds(
  image: Float32Array,
  { imageSize, channels }: { readonly imageSize: number; readonly channels: number },
  parameters: Pick<Preprocessing, "polarity" | "backgroundDegree">,
): Background[] {
  return groundsOf(image, { width: imageSize, height: imageSize, channels }, parameters, squareOf(imageSize));
}

function groundsOf(
  image: Float32Array,
  { channels, ...size }: PlaneSize & { readonly channels: number },
  { polarity, backgroundDegree }: Pick<Preprocessing, "polarity" | "backgroundDegree">,
  square: number,
): Background[] {
  if (polarity.length !== channels) {
    throw new RangeError(`The preprocessing is for ${polarity.length} channel(s), the image has ${channels}`);
  }
  const plane = size.width * size.height;
  return polarity.map((objects, c) =>
    estimatePlane(image.subarray(c * plane, (c + 1) * plane), size, objects, backgroundDegree, square),
  );
}
