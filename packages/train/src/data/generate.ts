/**
 * How every multi-object set is drawn: object patches are pasted into an image and their intensities added; where the sum
 * would exceed what a pixel holds, the image's objects are drawn anew, in the same number.
 */
import { setImmediate } from "node:timers/promises";
import { DataError } from "./data-error.js";
import type { Reporting } from "./reporting.js";
import { emptyScenes, type SceneSet } from "./scene-set.js";

/** A square grey patch and the pixel of the image its upper left corner goes to; it lies wholly inside. */
export interface PlacedPatch {
  /** `[side, side]`, row-major; may be longer, and may be reused for the next patch. */
  readonly pixels: Uint8Array;
  readonly side: number;
  readonly x: number;
  readonly y: number;
}

/** One image to be: its number of objects, and as many patches as it takes. */
export interface SceneRecipe {
  readonly count: number;
  nextPatch(): PlacedPatch;
}

export interface SceneSetForm {
  /** For progress and errors. */
  readonly dataset: string;
  readonly size: number;
  readonly imageSize: number;
  readonly maxObjects: number;
}

/** Images between two looks at the signal and the event loop; a few milliseconds. */
const IMAGES_PER_SLICE = 500;
/** An image whose objects still overlap too much after so many tries never will fit. */
const MAX_TRIES = 1_000;

/**
 * Draws image 0, 1, … of a grey set by `recipe(index)`, in order.
 *
 * @throws {DataError} if the objects of an image cannot be placed without exceeding 255
 * @throws the signal's reason when aborted
 */
export async function generateScenes(
  { dataset, size, imageSize, maxObjects }: SceneSetForm,
  recipe: (index: number) => SceneRecipe,
  { onProgress, signal }: Reporting = {},
): Promise<SceneSet> {
  const scenes = emptyScenes(size, imageSize, 1, maxObjects);
  const canvas = new Uint16Array(imageSize * imageSize);
  for (let index = 0; index < size; index++) {
    if (index % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset, done: index, total: size });
      await setImmediate();
    }
    const { count, nextPatch } = recipe(index);
    const boxes = scenes.boxes.subarray(index * maxObjects * 4);
    for (let tries = 1; ; tries++) {
      canvas.fill(0);
      let brightest = 0;
      for (let object = 0; object < count; object++) {
        const patch = nextPatch();
        brightest = Math.max(brightest, paste(patch, canvas, imageSize));
        boxes.set([patch.x, patch.y, patch.x + patch.side, patch.y + patch.side], object * 4);
      }
      if (brightest <= 255) break;
      if (tries === MAX_TRIES) {
        throw new DataError(`${dataset}: ${count} objects do not fit into ${imageSize}x${imageSize} pixels, use fewer`);
      }
    }
    scenes.counts[index] = count;
    scenes.images.set(canvas, index * canvas.length);
  }
  signal?.throwIfAborted();
  onProgress?.({ phase: "generate", dataset, done: size, total: size });
  return scenes;
}

/** Adds the patch to the canvas and returns the largest sum there. */
function paste({ pixels, side, x, y }: PlacedPatch, canvas: Uint16Array, imageSize: number): number {
  let brightest = 0;
  for (let row = 0; row < side; row++) {
    const start = (y + row) * imageSize + x;
    for (let column = 0; column < side; column++) {
      const sum = canvas[start + column]! + pixels[row * side + column]!;
      canvas[start + column] = sum;
      if (sum > brightest) brightest = sum;
    }
  }
  return brightest;
}
