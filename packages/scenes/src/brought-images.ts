/** Images that users bring: some have counts, some may not. How they become something to train on and to evaluate on. */
import { RandomStream } from "@air-onnx/core";
import { DataError } from "./errors.js";
import { type ImageSet, pixelsPerImage, type SceneSet } from "./scene-set.js";

export interface BroughtImages {
  /** Those whose number of objects is known; their boxes may be. */
  readonly labelled: SceneSet;
  /** The others, of the same form. */
  readonly unlabelled: ImageSet;
}

export interface SplitOptions {
  /** Share of all the images that is held out for evaluation, in (0, 1); taken from the labelled ones. */
  readonly testFraction: number;
  /** Which are held out; they are chosen at random, because the order of files often means something. */
  readonly seed: number;
}

/** First part of the name of the random stream that chooses. */
const SPLIT_STREAM = 0x73706c69;

/**
 * Holds out some labelled images; the other labelled ones stay labelled. The order of the images is kept.
 *
 * @param source whose images they are, for error messages
 * @throws {DataError} if no image is labelled, too few are, or none would be left to train on
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

/** All the images, the labelled ones first, as if none were labelled. */
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
