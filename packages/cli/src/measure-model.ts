/** An exported model on images whose truth is known: the same measurements as of a run's parameters, by the runtime. */
import type { AirModel } from "@air-onnx/runtime-node";
import { type Evaluation, EvaluationTally, fillBatch, pixelsPerImage, type SceneSet } from "@air-onnx/train";
import { CommandError } from "./failures.js";

export interface MeasureOptions {
  /** Measures the first so many images; default all. */
  readonly images?: number | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

const BATCH_SIZE = 100;

/**
 * Latents are drawn once per image, so that the mean ELBO is an estimate of the bound.
 *
 * @throws {CommandError} if the images are not of the model's size
 */
export async function measureModel(
  model: AirModel,
  scenes: SceneSet,
  { images = scenes.size, signal, onProgress }: MeasureOptions = {},
): Promise<Evaluation> {
  const { imageSize, channels, maxSteps } = model.config;
  if (scenes.imageSize !== imageSize || scenes.channels !== channels) {
    throw new CommandError(
      `${model.manifest.name} takes images of ${imageSize}x${imageSize} with ${channels} channel(s), ` +
        `but those of the data set are ${scenes.imageSize}x${scenes.imageSize} with ${scenes.channels}`,
    );
  }
  const total = Math.min(images, scenes.size);
  const tally = new EvaluationTally(maxSteps, scenes.maxObjects);
  for (let start = 0; start < total; start += BATCH_SIZE) {
    const size = Math.min(BATCH_SIZE, total - start);
    const batch = new Float32Array(size * pixelsPerImage(scenes));
    fillBatch(
      scenes,
      Array.from({ length: size }, (_, i) => start + i),
      batch,
    );
    // The seed is the batch's start, as the noise of an image depends on its place in the call.
    const inferred = await model.infer(batch, {
      mode: "sample",
      seed: start,
      earlyStop: false,
      batchSize: size,
      signal,
    });
    inferred.forEach((scene, i) => {
      tally.add(scenes.counts[start + i]!, scene.countProbabilities, scene.elbo);
    });
    onProgress?.(start + size, total);
  }
  return tally.result();
}
