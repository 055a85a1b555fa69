/**
 * Draws the images of every multi-object set: object patches are pasted into an image and their intensities are added. Where
 * a sum would exceed 255, a set either draws the image's objects anew, the same number of them, or clips the sum.
 */
import { DataError } from "../errors.js";
import { PackedImages } from "../packed-images.js";
import type { Reporting } from "../reporting.js";
import {
  emptyLabels,
  emptyScenes,
  type ImageForm,
  type ImageStream,
  imageBytes,
  type PackedScenes,
  pixelsPerImage,
  type SceneLabels,
  type SceneSet,
} from "../scene-set.js";

/** A square patch with an object, and its place wholly inside the image. */
export interface PlacedPatch {
  /** Intensities `[C, side, side]`, 0..255. The array may be longer, and may be reused for the next patch. */
  readonly pixels: Uint8Array;
  /** Side of the patch, pixels. */
  readonly side: number;
  /** Column of the image where the patch begins. */
  readonly x: number;
  /** Row of the image where the patch begins. */
  readonly y: number;
  /** Kind of the object, a number from 0, such as its digit; undefined where it is not known. */
  readonly kind?: number | undefined;
}

/** The recipe of one image: its number of objects, and a source of patches. */
export interface SceneRecipe {
  /** Number of objects. */
  readonly count: number;
  /** Draws a patch. It is called once for each object, and again for each if the image is drawn anew. */
  nextPatch(): PlacedPatch;
}

/** A generator of images: their form, and a recipe for each. */
export interface SceneGenerator extends ImageForm {
  /** Name of the data set in progress reports and errors. */
  readonly dataset: string;
  /** Most objects in an image. */
  readonly maxObjects: number;
  /** Treatment of an image whose sum exceeds 255 somewhere: its objects are drawn anew, or the sum is clipped. */
  readonly overlap: "redraw" | "clip";
  /**
   * Tries after which an image is given up whose objects cannot be placed. If it is given, an image is drawn anew as soon as
   * an object does not fit. If not, all objects are drawn first, as in the published sets, and 1,000 tries are made.
   */
  readonly maxTries?: number;
  /**
   * Makes image `index`, `[C, S, S]`, of the sums of its objects' intensities, at most 255; without this method the sums are the
   * image. A set whose ground is not black has it.
   */
  expose?(index: number, sums: Uint16Array, image: Uint8Array): void;
  /** Returns the recipe of image `index`. A generator that can stream depends on the index alone, in any order of calls. */
  recipe(index: number): SceneRecipe;
}

/** Images, a few milliseconds' worth, between two checks of the abort signal and two turns of the event loop. */
const IMAGES_PER_SLICE = 500;
/** Tries, by default, after which an image whose objects overlap too much is given up: they do not fit. */
const MAX_TRIES = 1_000;

/**
 * Draws the images 0 to `size` - 1, in order.
 *
 * @throws {DataError} if the objects of an image cannot be placed without exceeding 255
 * @throws the signal's reason when aborted
 */
export async function generateScenes(
  generator: SceneGenerator,
  size: number,
  reporting: Reporting = {},
): Promise<SceneSet> {
  const { imageSize, channels, maxObjects } = generator;
  const scenes = emptyScenes(size, imageSize, channels, maxObjects);
  const pixels = pixelsPerImage(generator);
  await drawScenes(generator, size, scenes, reporting, (index) =>
    scenes.images.subarray(index * pixels, (index + 1) * pixels),
  );
  return scenes;
}

/**
 * Draws the same images as {@link generateScenes} and packs each as soon as it is drawn.
 *
 * @throws as {@link generateScenes}
 */
export async function generatePacked(
  generator: SceneGenerator,
  size: number,
  reporting: Reporting = {},
): Promise<PackedScenes> {
  const { imageSize, channels, maxObjects } = generator;
  imageBytes(generator, size);
  const labels = emptyLabels(size, maxObjects);
  const packed = new PackedImages(pixelsPerImage(generator), size);
  const image = new Uint8Array(packed.pixels);
  await drawScenes(
    generator,
    size,
    labels,
    reporting,
    () => image,
    () => packed.add(image),
  );
  return { imageSize, channels, packed, first: 0, ...labels, size };
}

/** Draws images with their labels, in order: each into the array that `place` returns for it, then calls `onDrawn`. */
async function drawScenes(
  generator: SceneGenerator,
  size: number,
  labels: SceneLabels,
  { onProgress, signal }: Reporting,
  place: (index: number) => Uint8Array,
  onDrawn: () => void = () => {},
): Promise<void> {
  const { dataset, maxObjects } = generator;
  const canvas = new SceneCanvas(generator);
  for (let index = 0; index < size; index++) {
    if (index % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset, done: index, total: size });
      await new Promise((resolve) => setTimeout(resolve));
    }
    const boxes = labels.boxes.subarray(index * maxObjects * 4, (index + 1) * maxObjects * 4);
    labels.counts[index] = canvas.draw(index, place(index), boxes);
    onDrawn();
  }
  signal?.throwIfAborted();
  onProgress?.({ phase: "generate", dataset, done: size, total: size });
}

/** Returns the generator's images as an endless stream. Its image i is the one that {@link generateScenes} draws. */
export function streamScenes(generator: SceneGenerator): ImageStream {
  const { imageSize, channels, maxObjects } = generator;
  const pixels = pixelsPerImage(generator);
  const canvas = new SceneCanvas(generator);
  const boxes = new Float32Array(maxObjects * 4);
  return {
    imageSize,
    channels,
    size: Number.POSITIVE_INFINITY,
    draw(indices, target) {
      for (let b = 0; b < indices.length; b++) {
        canvas.draw(indices[b]!, target.subarray(b * pixels, (b + 1) * pixels), boxes);
      }
    },
  };
}

/** Mark of a pixel in {@link ObjectTruth} that several objects ink. */
export const SHARED_PIXEL = 255;
/** Mark in {@link ObjectTruth} of an object whose kind is not known, and of none. */
export const UNKNOWN_KIND = 255;

/** The objects of N drawn images: which pixels are theirs, and of what kind they are. */
export interface ObjectTruth {
  /** Number N of images. */
  readonly size: number;
  /**
   * Owner of each pixel, `[N, S, S]`: 0 where no object inks it, n for the n-th object of the image alone, 255 where several do.
   */
  readonly owners: Uint8Array;
  /** Kind of each object, `[N, maxObjects]`; 255 where there is no object or its kind is not known. */
  readonly kinds: Uint8Array;
  /** Number of objects in each image, `[N]`. */
  readonly counts: Uint8Array;
  /** Most objects in an image. */
  readonly maxObjects: number;
}

/**
 * Draws images `start` to `end` again for the truth about their objects, which sets do not store.
 *
 * @param inOrder whether the generator's images can only be drawn one after the other, from the first on
 * @throws {DataError} if an image can have more objects than owners can tell apart
 * @throws as {@link generateScenes}
 */
export async function drawTruth(
  generator: SceneGenerator,
  { start, end, inOrder }: { readonly start: number; readonly end: number; readonly inOrder: boolean },
  { onProgress, signal }: Reporting = {},
): Promise<ObjectTruth> {
  const { imageSize, maxObjects, dataset } = generator;
  if (maxObjects >= SHARED_PIXEL) {
    throw new DataError(`The pixels of ${maxObjects} objects cannot be told apart: use at most ${SHARED_PIXEL - 1}`);
  }
  const size = end - start;
  const plane = imageSize ** 2;
  const owners = new Uint8Array(imageBytes({ imageSize, channels: 1 }, size));
  const kinds = new Uint8Array(size * maxObjects);
  const counts = new Uint8Array(size);
  const canvas = new SceneCanvas(generator);
  const image = new Uint8Array(pixelsPerImage(generator));
  const boxes = new Float32Array(maxObjects * 4);
  const passed = { owners: new Uint8Array(plane), kinds: new Uint8Array(maxObjects) };
  for (let index = inOrder ? 0 : start; index < end; index++) {
    if (index % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset, done: index, total: end });
      await new Promise((resolve) => setTimeout(resolve));
    }
    const at = index - start;
    const truth =
      at < 0
        ? passed
        : {
            owners: owners.subarray(at * plane, (at + 1) * plane),
            kinds: kinds.subarray(at * maxObjects, (at + 1) * maxObjects),
          };
    const count = canvas.draw(index, image, boxes, truth);
    if (at >= 0) counts[at] = count;
  }
  signal?.throwIfAborted();
  onProgress?.({ phase: "generate", dataset, done: end, total: end });
  return { size, owners, kinds, counts, maxObjects };
}

/** The truth about one image. */
interface ImageTruth {
  /** `[S, S]` */
  readonly owners: Uint8Array;
  /** `[maxObjects]` */
  readonly kinds: Uint8Array;
}

/** Draws one image after the other. */
class SceneCanvas {
  readonly #generator: SceneGenerator;
  /** Sums of intensities, `[C, S, S]`. */
  readonly #sums: Uint16Array;

  constructor(generator: SceneGenerator) {
    this.#generator = generator;
    this.#sums = new Uint16Array(pixelsPerImage(generator));
  }

  /** Writes image `index`, the boxes of its objects and, if it is asked for, their truth, and returns their number. */
  draw(index: number, image: Uint8Array, boxes: Float32Array, truth?: ImageTruth): number {
    const { dataset, imageSize, overlap, maxTries } = this.#generator;
    const { count, nextPatch } = this.#generator.recipe(index);
    for (let tries = 1; ; tries++) {
      this.#sums.fill(0);
      truth?.owners.fill(0);
      truth?.kinds.fill(UNKNOWN_KIND);
      let brightest = 0;
      for (let object = 0; object < count; object++) {
        const corners = boxes.subarray(object * 4, (object + 1) * 4);
        const patch = nextPatch();
        brightest = Math.max(brightest, this.#paste(patch, corners));
        if (truth) this.#mark(patch, object, truth);
        if (brightest > 255 && overlap === "redraw" && maxTries !== undefined) break;
      }
      if (brightest > 255 && overlap === "clip") this.#clip();
      if (brightest <= 255 || overlap === "clip") break;
      if (tries === (maxTries ?? MAX_TRIES)) {
        throw new DataError(
          `${dataset}: ${count} objects do not fit into ${imageSize}x${imageSize} pixels, use fewer`,
          {
            kind: "generator",
            key: "maxCount",
          },
        );
      }
    }
    if (this.#generator.expose) this.#generator.expose(index, this.#sums, image);
    else image.set(this.#sums);
    return count;
  }

  /**
   * Adds the patch and returns the largest sum there.
   *
   * @param corners receives the box of the pixels that are not black in the patch; NaN if all are
   */
  #paste({ pixels, side, x, y }: PlacedPatch, corners: Float32Array): number {
    const { imageSize, channels } = this.#generator;
    const sums = this.#sums;
    let brightest = 0;
    let [left, top, right, bottom] = [side, side, -1, -1];
    for (let channel = 0; channel < channels; channel++) {
      for (let row = 0; row < side; row++) {
        const from = (channel * side + row) * side;
        const start = (channel * imageSize + y + row) * imageSize + x;
        for (let column = 0; column < side; column++) {
          const intensity = pixels[from + column]!;
          if (intensity === 0) continue;
          const sum = sums[start + column]! + intensity;
          sums[start + column] = sum;
          if (sum > brightest) brightest = sum;
          if (column < left) left = column;
          if (column > right) right = column;
          if (row < top) top = row;
          if (row > bottom) bottom = row;
        }
      }
    }
    if (right < 0) corners.fill(Number.NaN);
    else corners.set([x + left, y + top, x + right + 1, y + bottom + 1]);
    return brightest;
  }

  /** Marks the pixels that object number `object` inks, and its kind. */
  #mark({ pixels, side, x, y, kind = UNKNOWN_KIND }: PlacedPatch, object: number, { owners, kinds }: ImageTruth): void {
    const { imageSize, channels } = this.#generator;
    kinds[object] = kind;
    for (let at = 0; at < side * side; at++) {
      let inked = false;
      for (let channel = 0; channel < channels; channel++) inked ||= pixels[channel * side * side + at]! > 0;
      if (!inked) continue;
      const pixel = (y + Math.floor(at / side)) * imageSize + x + (at % side);
      owners[pixel] = owners[pixel] === 0 ? object + 1 : SHARED_PIXEL;
    }
  }

  #clip(): void {
    const sums = this.#sums;
    for (let i = 0; i < sums.length; i++) if (sums[i]! > 255) sums[i] = 255;
  }
}
