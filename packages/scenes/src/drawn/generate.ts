/**
 * How every multi-object set is drawn: object patches are pasted into an image and their intensities added. Where a sum
 * would exceed what a pixel holds, a set either draws the image's objects anew, in the same number, or clips.
 */
import { DataError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { emptyScenes, type ImageForm, type ImageStream, pixelsPerImage, type SceneSet } from "../scene-set.js";

/** A square patch and the pixel of the image its upper left corner goes to; it lies wholly inside. */
export interface PlacedPatch {
  /** `[C, side, side]`; may be longer, and may be reused for the next patch. */
  readonly pixels: Uint8Array;
  readonly side: number;
  readonly x: number;
  readonly y: number;
  /** Width of the patch's border that is outside the object's box, pixels; default 0: the box is the patch. */
  readonly margin?: number;
}

/** One image to be: its number of objects, and as many patches as it takes. */
export interface SceneRecipe {
  readonly count: number;
  nextPatch(): PlacedPatch;
}

/** A kind of images, and how to draw each. */
export interface SceneGenerator extends ImageForm {
  /** For progress and errors. */
  readonly dataset: string;
  readonly maxObjects: number;
  /** What happens to an image whose sum exceeds 255 somewhere. */
  readonly overlap: "redraw" | "clip";
  /** Of image `index`; a generator that can stream answers by the index alone, in any order. */
  recipe(index: number): SceneRecipe;
}

/** Images between two looks at the signal and the event loop; a few milliseconds. */
const IMAGES_PER_SLICE = 500;
/** An image whose objects still overlap too much after so many tries never will fit. */
const MAX_TRIES = 1_000;

/**
 * Draws images 0 to `size`, in order.
 *
 * @throws {DataError} if the objects of an image cannot be placed without exceeding 255
 * @throws the signal's reason when aborted
 */
export async function generateScenes(
  generator: SceneGenerator,
  size: number,
  { onProgress, signal }: Reporting = {},
): Promise<SceneSet> {
  const { dataset, imageSize, channels, maxObjects } = generator;
  const scenes = emptyScenes(size, imageSize, channels, maxObjects);
  const pixels = pixelsPerImage(generator);
  const canvas = new SceneCanvas(generator);
  for (let index = 0; index < size; index++) {
    if (index % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset, done: index, total: size });
      await new Promise((resolve) => setTimeout(resolve));
    }
    const image = scenes.images.subarray(index * pixels, (index + 1) * pixels);
    const boxes = scenes.boxes.subarray(index * maxObjects * 4, (index + 1) * maxObjects * 4);
    scenes.counts[index] = canvas.draw(index, image, boxes);
  }
  signal?.throwIfAborted();
  onProgress?.({ phase: "generate", dataset, done: size, total: size });
  return scenes;
}

/** The generator's images without end: image i is the one that {@link generateScenes} draws. */
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

/** Draws one image after the other. */
class SceneCanvas {
  readonly #generator: SceneGenerator;
  /** Sums of intensities, `[C, S, S]`. */
  readonly #sums: Uint16Array;

  constructor(generator: SceneGenerator) {
    this.#generator = generator;
    this.#sums = new Uint16Array(pixelsPerImage(generator));
  }

  /** Writes image `index` and the boxes of its objects, and returns their number. */
  draw(index: number, image: Uint8Array, boxes: Float32Array): number {
    const { dataset, imageSize, overlap } = this.#generator;
    const { count, nextPatch } = this.#generator.recipe(index);
    for (let tries = 1; ; tries++) {
      this.#sums.fill(0);
      let brightest = 0;
      for (let object = 0; object < count; object++) {
        const patch = nextPatch();
        brightest = Math.max(brightest, this.#paste(patch));
        const { x, y, side, margin = 0 } = patch;
        const far = side - margin;
        boxes.set([x + margin, y + margin, x + far, y + far], object * 4);
      }
      if (brightest > 255 && overlap === "clip") this.#clip();
      if (brightest <= 255 || overlap === "clip") break;
      if (tries === MAX_TRIES) {
        throw new DataError(
          `${dataset}: ${count} objects do not fit into ${imageSize}x${imageSize} pixels, use fewer`,
          {
            kind: "generator",
            key: "maxCount",
          },
        );
      }
    }
    image.set(this.#sums);
    return count;
  }

  /** Adds the patch and returns the largest sum there. */
  #paste({ pixels, side, x, y }: PlacedPatch): number {
    const { imageSize, channels } = this.#generator;
    const sums = this.#sums;
    let brightest = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (let row = 0; row < side; row++) {
        const from = (channel * side + row) * side;
        const start = (channel * imageSize + y + row) * imageSize + x;
        for (let column = 0; column < side; column++) {
          const sum = sums[start + column]! + pixels[from + column]!;
          sums[start + column] = sum;
          if (sum > brightest) brightest = sum;
        }
      }
    }
    return brightest;
  }

  #clip(): void {
    const sums = this.#sums;
    for (let i = 0; i < sums.length; i++) if (sums[i]! > 255) sums[i] = 255;
  }
}
