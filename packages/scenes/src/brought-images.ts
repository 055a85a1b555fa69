/** The user's own images: some labelled with counts, some perhaps not. Splits them into training and held-out images. */
import { RandomStream } from "@air-onnx/core";
import { DataError } from "./errors.js";
import { type ImageSet, pixelsPerImage, type SceneSet } from "./scene-set.js";

/** The user's own images, by whether their number of objects is known. */
export interface BroughtImages {
  /** The images whose number of objects is known. Their boxes may be known too. */
  readonly labelled: SceneSet;
  /** The other images, with the same size and channels. */
  readonly unlabelled: ImageSet;
}

/** The choice of images that {@link holdOut} holds out. */
export interface SplitOptions {
  /** Share of all images, labelled or not, that is held out for evaluation, in (0, 1). Only labelled images are held out. */
  readonly testFraction: number;
  /** Seed of the random choice. The choice is random because the order of files often means something. */
  readonly seed: number;
}

/** Key of the random stream that chooses the images. */
const SPLIT_STREAM = 0x73706c69;

/**
 * Splits images into held-out ones, all of them labelled, and the rest to train on. The order of the images is kept.
 *
 * @param source name of the images in error messages: the path they were read from
 * @throws {DataError} if too few images are labelled, none would be left to train on, or `testFraction` is out of range
 */
export function holdOut(
  { labelled, unlabelled }: BroughtImages,
  { testFraction, seed }: SplitOptions,
  source: string,
): { readonly train: BroughtImages; readonly test: SceneSet } {
  if (!(testFraction > 0 && testFraction < 1)) {
    throw new DataError(`testFraction must be between 0 and 1, got ${testFraction}`, {
      kind: "option",
      key: "testFraction",
    });
  }
  const total = labelled.size + unlabelled.size;
  const wanted = Math.max(1, Math.round(testFraction * total));
  if (labelled.size < wanted) {
    throw new DataError(
      `${source} has counts for ${labelled.size} of its ${total} images, but ${wanted} are to be held out for evaluation: ` +
        "give more counts, or a smaller testFraction",
      { file: source, key: "testFraction" },
    );
  }
  if (wanted === total)
    throw new DataError(`${source} has ${total} image(s): none is left to train on`, { file: source });
  const order = new RandomStream(seed, SPLIT_STREAM).permutation(labelled.size);
  return {
    train: { labelled: pick(labelled, order.slice(wanted).sort()), unlabelled },
    test: pick(labelled, order.slice(0, wanted).sort()),
  };
}

/** All images without their labels, the labelled ones first. */
export function withoutLabels({ labelled, unlabelled }: BroughtImages): ImageSet {
  if (unlabelled.size === 0) return labelled;
  const { imageSize, channels } = unlabelled;
  const images = new Uint8Array(labelled.images.length + unlabelled.images.length);
  images.set(labelled.images);
  images.set(unlabelled.images, labelled.images.length);
  return { imageSize, channels, size: labelled.size + unlabelled.size, images };
}

function pick(set: SceneSet, indices: Uint32Array): SceneSet {
  const gather = <A extends Uint8Array | Float32Array>(from: A, to: A, perImage: number): A => {
    indices.forEach((index, i) => {
      to.set(from.subarray(index * perImage, (index + 1) * perImage), i * perImage);
    });
    return to;
  };
  const { length } = indices;
  const [pixels, corners] = [pixelsPerImage(set), set.maxObjects * 4];
  return {
    ...set,
    images: gather(set.images, new Uint8Array(length * pixels), pixels),
    counts: gather(set.counts, new Uint8Array(length), 1),
    boxes: gather(set.boxes, new Float32Array(length * corners), corners),
    size: length,
  };
}
