/** Fits the limits by which an exported model tells images that are unlike its training data. */
import {
  fitTypicalityLimits,
  LEAST_TYPICALITY_IMAGES,
  measureTypicality,
  type SceneModel,
  type TypicalityLimits,
  type TypicalityMeasures,
} from "@air-onnx/core";
import { fillBatch, type LabelledImages, pixelsPerImage } from "@air-onnx/scenes";
import type { OnNotice } from "@air-onnx/train";

/** Most held-out images that limits are fitted to. */
export const TYPICALITY_IMAGES = 2000;
const BATCH_SIZE = 250;

/** Options of {@link fitTypicality}. */
export interface FitTypicalityOptions {
  /** Number of images, the first ones of the set; 2,000 by default, or all if there are fewer. */
  readonly images?: number;
  /** Is told if there are too few images. */
  readonly onNotice?: OnNotice;
  /** Stops between batches. */
  readonly signal?: AbortSignal;
}

/**
 * Fits the limits to scenes that `model` infers, with default options, from held-out images.
 *
 * @returns undefined, with a notice, if there are fewer than 100 images
 */
export async function fitTypicality(
  model: Pick<SceneModel, "config" | "infer">,
  heldOut: LabelledImages,
  { images = TYPICALITY_IMAGES, onNotice = () => {}, signal }: FitTypicalityOptions = {},
): Promise<TypicalityLimits | undefined> {
  const total = Math.min(images, heldOut.size);
  if (total < LEAST_TYPICALITY_IMAGES) {
    onNotice(
      `The exported model cannot tell images that are unlike its training data: that is fitted to at least ` +
        `${LEAST_TYPICALITY_IMAGES} held-out images, and there are ${total}.`,
    );
    return undefined;
  }
  const length = pixelsPerImage(heldOut);
  const measures: TypicalityMeasures[] = [];
  for (let start = 0; start < total; start += BATCH_SIZE) {
    const indices = Array.from({ length: Math.min(BATCH_SIZE, total - start) }, (_, i) => start + i);
    const batch = new Float32Array(indices.length * length);
    fillBatch(heldOut, indices, batch);
    const scenes = await model.infer(batch, { signal });
    scenes.forEach((scene, i) => {
      measures.push(measureTypicality(batch.subarray(i * length, (i + 1) * length), scene, model.config));
    });
  }
  return fitTypicalityLimits(measures);
}
