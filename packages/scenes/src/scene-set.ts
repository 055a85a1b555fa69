/**
 * Sets of images, with the truth about all, some or none of them: how many objects there are, and where. Every data set
 * consists of them. The truth is for measuring alone; training never sees it.
 */
import type { Box, TrainedFit } from "@air-onnx/core";
import { DataError } from "./errors.js";
import { PackedImages } from "./packed-images.js";

/** The form of every image of a set. */
export interface ImageForm {
  /** Side S of the square images, pixels. */
  readonly imageSize: number;
  /** Channels C. */
  readonly channels: number;
  /** How pictures became the images; absent unless the images were files of pictures. */
  readonly pictures?: TrainedFit;
}

/** Images without labels. */
export interface ImageSet extends ImageForm {
  /** Intensities `[N, C, S, S]`, 0..255. */
  readonly images: Uint8Array;
  /** Number N of images. */
  readonly size: number;
}

/** Images without labels, kept without their black areas. */
export interface PackedSet extends ImageForm {
  /** The images, and perhaps others before and after them. */
  readonly packed: PackedImages;
  /** Index in `packed` of the first image. */
  readonly first: number;
  /** Number N of images. */
  readonly size: number;
}

/**
 * The truth about the first K of the N images of a set. K is N for drawn images. It is less for a user's images of which some
 * have no count, and 0 if none has.
 */
export interface SceneLabels {
  /** Number of objects in each image whose count is known, `[K]`: the images with counts come first. */
  readonly counts: Uint8Array;
  /**
   * True boxes `[K, maxObjects, 4]`: xmin, ymin, xmax, ymax in pixels, `max` edges exclusive; NaN where there is no object or
   * its box is not known, as in most images of users. A true box is tight: the smallest rectangle of all pixels that the
   * object inks. A generated object inks the pixels of its patch whose intensity is above 0 in any channel, also where another
   * object covers them.
   */
  readonly boxes: Float32Array;
  /** Most objects in an image whose count is known. */
  readonly maxObjects: number;
}

/** Images with the truth about them, as far as it is known. */
export interface SceneSet extends ImageSet, SceneLabels {}

/** A {@link SceneSet} whose images are kept without their black areas. {@link unpackScenes} gives the pixels. */
export interface PackedScenes extends PackedSet, SceneLabels {}

/** Images with the truth about them, as far as it is known, packed or not. */
export type LabelledImages = SceneSet | PackedScenes;

/** An endless sequence of images 0, 1, 2, …, each drawn when it is asked for. */
export interface ImageStream extends ImageForm {
  /** Always Infinity. */
  readonly size: number;
  /** Writes the images at `indices`, 0..255, into `target` `[indices.length, C, S, S]`; see {@link fillBatch}. */
  draw(indices: ArrayLike<number>, target: Uint8Array): void;
}

/** The images that training draws its batches from. */
export type ImageSource = ImageSet | PackedSet | ImageStream;

/** Images to train on, of any source, and others to evaluate on during training. */
export interface TrainingData {
  /** Name of the data set. */
  readonly name: string;
  /** Images to train on. */
  readonly train: ImageSource;
  /** Held-out images to evaluate on. */
  readonly test: LabelledImages;
}

/** Training data that is neither packed nor a stream. */
export interface Dataset extends TrainingData {
  readonly train: SceneSet;
  readonly test: SceneSet;
}

/** Length of the longest array in Node 20. */
const MAX_IMAGE_BYTES = 2 ** 32;
/** Room for the boxes of 3,000,000 images of ten objects. */
const MAX_BOX_BYTES = 2 ** 29;
/** Most images of a set: the boxes of more do not fit, even of one object each. */
export const MAX_IMAGES = MAX_BOX_BYTES / (4 * Float32Array.BYTES_PER_ELEMENT);
/** Images of a stream that are bytes at a time: a whole batch of them would take a quarter of its memory once more. */
const IMAGES_AT_ONCE = 64;

/**
 * Makes a set of black images without objects, to be drawn on.
 *
 * @param labelled number of images whose count is known; all by default
 * @throws {DataError} if so many images do not fit into one set
 */
export function emptyScenes(
  size: number,
  imageSize: number,
  channels: number,
  maxObjects: number,
  labelled = size,
): SceneSet {
  const bytes = imageBytes({ imageSize, channels }, size);
  const labels = emptyLabels(labelled, maxObjects);
  return { imageSize, channels, images: new Uint8Array(bytes), ...labels, size };
}

/**
 * Makes the labels of `size` images without objects.
 *
 * @throws {DataError} if the boxes do not fit into one set
 */
export function emptyLabels(size: number, maxObjects: number): SceneLabels {
  return { counts: new Uint8Array(size), boxes: unknownBoxes(size, maxObjects), maxObjects };
}

/**
 * The number of bytes of `size` unpacked images.
 *
 * @throws {DataError} if they are more than a set has
 */
export function imageBytes(form: ImageForm, size: number): number {
  const { channels, imageSize } = form;
  const bytes = size * pixelsPerImage(form);
  if (bytes > MAX_IMAGE_BYTES) {
    throw new DataError(
      `${size} images of ${channels}x${imageSize}x${imageSize} take ${bytes} bytes, a set has at most ${MAX_IMAGE_BYTES}: use fewer`,
    );
  }
  return bytes;
}

/** Packs the images of a set. The labels are not copied. */
export function packScenes({ images, ...others }: SceneSet): PackedScenes {
  const pixels = pixelsPerImage(others);
  const packed = new PackedImages(pixels, others.size);
  for (let i = 0; i < others.size; i++) packed.add(images.subarray(i * pixels, (i + 1) * pixels));
  return { ...others, packed, first: 0 };
}

/** Returns a set with its images unpacked: `set` itself if they are. The labels are not copied. */
export function unpackScenes(set: LabelledImages): SceneSet {
  if (!("packed" in set)) return set;
  const { packed, first, ...others } = set;
  const pixels = pixelsPerImage(set);
  const images = new Uint8Array(set.size * pixels);
  for (let i = 0; i < set.size; i++) packed.unpack(first + i, images.subarray(i * pixels, (i + 1) * pixels));
  return { ...others, images };
}

/**
 * Makes boxes `[size, maxObjects, 4]`, all of them NaN.
 *
 * @throws {DataError} if they do not fit into one set
 */
export function unknownBoxes(size: number, maxObjects: number): Float32Array<ArrayBuffer> {
  const length = size * maxObjects * 4;
  if (length * Float32Array.BYTES_PER_ELEMENT > MAX_BOX_BYTES) {
    throw new DataError(
      `The boxes of ${size} images of up to ${maxObjects} objects take more than ${MAX_BOX_BYTES} bytes: use fewer images`,
    );
  }
  return new Float32Array(length).fill(Number.NaN);
}

/**
 * Takes images `start` to `end` (exclusive) of a set as views. Nothing is copied.
 *
 * @throws {RangeError} unless 0 ≤ start ≤ end ≤ size
 */
export function sliceScenes<Set extends LabelledImages>(set: Set, start: number, end: number): Set {
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start > end || end > set.size) {
    throw new RangeError(`Cannot take images ${start} to ${end} of a set of ${set.size}`);
  }
  const part = <A extends Uint8Array | Float32Array>(array: A, perImage: number) =>
    array.subarray(start * perImage, end * perImage) as A;
  return {
    ...set,
    ...("packed" in set ? { first: set.first + start } : { images: part(set.images, pixelsPerImage(set)) }),
    counts: part(set.counts, 1),
    boxes: part(set.boxes, set.maxObjects * 4),
    size: end - start,
  };
}

/**
 * Writes a batch: the images at `indices`, scaled to [0, 1], into `target` `[indices.length, C, S, S]`.
 *
 * @throws {RangeError} if `target` is not exactly that long, or an index is not in the set
 */
export function fillBatch(source: ImageSource, indices: ArrayLike<number>, target: Float32Array): void {
  const pixels = pixelsPerImage(source);
  if (target.length !== indices.length * pixels) {
    throw new RangeError(
      `A batch of ${indices.length} images of ${pixels} values needs ${indices.length * pixels} numbers, not ${target.length}`,
    );
  }
  for (let b = 0; b < indices.length; b++) checkIndex(source, indices[b]!);
  if ("draw" in source) {
    const images = new Uint8Array(Math.min(IMAGES_AT_ONCE, indices.length) * pixels);
    for (let start = 0; start < indices.length; start += IMAGES_AT_ONCE) {
      const count = Math.min(IMAGES_AT_ONCE, indices.length - start);
      const some = Array.from({ length: count }, (_, i) => indices[start + i]!);
      const drawn = images.subarray(0, count * pixels);
      source.draw(some, drawn);
      for (let i = 0; i < drawn.length; i++) target[start * pixels + i] = INTENSITY[drawn[i]!]!;
    }
    return;
  }
  if ("packed" in source) {
    for (let b = 0; b < indices.length; b++) {
      const image = target.subarray(b * pixels, (b + 1) * pixels);
      source.packed.unpackLevels(source.first + indices[b]!, INTENSITY, image);
    }
    return;
  }
  for (let b = 0; b < indices.length; b++) {
    const from = indices[b]! * pixels;
    const start = b * pixels;
    for (let i = 0; i < pixels; i++) target[start + i] = INTENSITY[source.images[from + i]!]!;
  }
}

/**
 * Returns the true boxes of one image: one for each of its objects whose box is known, and none if its count is not.
 *
 * @throws {RangeError} if `index` is not in the set
 */
export function trueBoxes(set: LabelledImages, index: number): Box[] {
  checkIndex(set, index);
  return Array.from({ length: set.counts[index] ?? 0 }, (_, object) => {
    const [xmin, ymin, xmax, ymax] = set.boxes.subarray((index * set.maxObjects + object) * 4) as unknown as number[];
    return { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! };
  }).filter(({ xmin }) => !Number.isNaN(xmin));
}

/** The number of values in one image, C · S · S. */
export function pixelsPerImage({ channels, imageSize }: ImageForm): number {
  return channels * imageSize * imageSize;
}

const INTENSITY = Float32Array.from({ length: 256 }, (_, level) => level / 255);

function checkIndex(set: ImageSource, index: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= set.size) {
    throw new RangeError(`There is no image ${index} in a set of ${set.size}`);
  }
}
