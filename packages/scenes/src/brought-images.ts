/** Splits the user's own images, of which all, some or none are labelled, into images to train on and held-out ones. */
import { RandomStream } from "@air-onnx/core";
import { DataError } from "./errors.js";
import { emptyScenes, type ImageSet, pixelsPerImage, type SceneSet } from "./scene-set.js";

/** The choice of images that {@link holdOut} holds out. */
export interface SplitOptions {
  /** Share of all images that is held out for evaluation, in (0, 1). Images whose count is known are held out first. */
  readonly testFraction: number;
  /** Seed of the random choice. The choice is random because the order of files often means something. */
  readonly seed: number;
}

/** Key of the random stream that chooses the images. */
const SPLIT_STREAM = 0x73706c69;

/**
 * Splits images into held-out ones and the rest to train on. Both keep the order of the images. Training needs no counts, so
 * the held-out images are those with counts as far as there are enough, and then others.
 *
 * @param source name of the images in error messages: the path they were read from
 * @throws {DataError} if no image would be left to train on, or `testFraction` is out of range
 */
export function holdOut(
  set: SceneSet,
  { testFraction, seed }: SplitOptions,
  source: string,
): { readonly train: SceneSet; readonly test: SceneSet } {
  if (!(testFraction > 0 && testFraction < 1)) {
    throw new DataError(`testFraction must be between 0 and 1, got ${testFraction}`, {
      kind: "option",
      key: "testFraction",
    });
  }
  const { size } = set;
  const labelled = set.counts.length;
  const wanted = Math.max(1, Math.round(testFraction * size));
  if (wanted >= size) throw new DataError(`${source} has ${size} image(s): none is left to train on`, { file: source });
  const random = new RandomStream(seed, SPLIT_STREAM);
  const order = new Uint32Array(size);
  order.set(random.permutation(labelled));
  order.set(
    random.permutation(size - labelled).map((index) => labelled + index),
    labelled,
  );
  return { train: pick(set, order.slice(wanted).sort()), test: pick(set, order.slice(0, wanted).sort()) };
}

/**
 * Joins two sets of images of one form. Images with counts come first, of `first` and then of `last`; then the others, in the
 * same order.
 *
 * @throws {RangeError} if the images differ in size or channels, or the sets in `maxObjects`
 * @throws {DataError} if so many images do not fit into one set
 */
export function joinScenes(first: SceneSet, last: SceneSet): SceneSet {
  const { imageSize, channels, maxObjects } = first;
  if (last.imageSize !== imageSize || last.channels !== channels || last.maxObjects !== maxObjects) {
    throw new RangeError("Only images of one size, with as many channels and boxes, can be joined");
  }
  const labelled = first.counts.length + last.counts.length;
  const all = emptyScenes(first.size + last.size, imageSize, channels, maxObjects, labelled);
  const pixels = pixelsPerImage(all);
  let at = 0;
  const add = (images: Uint8Array): void => {
    all.images.set(images, at);
    at += images.length;
  };
  for (const { images, counts } of [first, last]) add(images.subarray(0, counts.length * pixels));
  for (const { images, counts } of [first, last]) add(images.subarray(counts.length * pixels));
  for (const key of ["counts", "boxes"] as const) {
    all[key].set(first[key]);
    all[key].set(last[key], first[key].length);
  }
  return all;
}

/**
 * Orders images so that those with counts come first, as in every set. The order within both parts is kept.
 *
 * @param counts number of objects in each image; undefined where it is not known
 * @param boxes true boxes `[N, maxObjects, 4]`
 */
export function labelledFirst(
  set: ImageSet,
  counts: readonly (number | undefined)[],
  { boxes, maxObjects }: Pick<SceneSet, "boxes" | "maxObjects">,
): SceneSet {
  const order = counts.map((_, index) => index);
  const known = order.filter((index) => counts[index] !== undefined);
  const all = { ...set, counts: Uint8Array.from(counts, (count) => count ?? 0), boxes, maxObjects };
  if (known.length === set.size) return all;
  const { images } = pick(all, Uint32Array.from([...known, ...order.filter((index) => counts[index] === undefined)]));
  const labels = pick(all, Uint32Array.from(known));
  return { ...labels, images, size: set.size };
}

/** The images at `indices`, which ascend, so that those with counts still come first. */
function pick(set: SceneSet, indices: Uint32Array): SceneSet {
  const labelled = indices.filter((index) => index < set.counts.length);
  const gather = <A extends Uint8Array | Float32Array>(from: A, to: A, perImage: number, taken: Uint32Array): A => {
    taken.forEach((index, i) => {
      to.set(from.subarray(index * perImage, (index + 1) * perImage), i * perImage);
    });
    return to;
  };
  const { length } = indices;
  const [pixels, corners] = [pixelsPerImage(set), set.maxObjects * 4];
  return {
    ...set,
    images: gather(set.images, new Uint8Array(length * pixels), pixels, indices),
    counts: gather(set.counts, new Uint8Array(labelled.length), 1, labelled),
    boxes: gather(set.boxes, new Float32Array(labelled.length * corners), corners, labelled),
    size: length,
  };
}
