/** The inputs of training steps as a function of seed and step: images, noise and scheduled values. */
import { fillNoise, type NoiseDistribution } from "./noise.js";
import { scheduledValue } from "./schedules.js";
import type { TrainingManifest, TrainingStage } from "./training-manifest.js";
import type { NamedArrays } from "./training-state.js";

/**
 * Draws training images.
 *
 * @param indices which images: those of step s are s·B to (s + 1)·B - 1, where steps count from 0 and B is the batch size
 * @param target is filled with them, `[B, C, S, S]`, intensities in [0, 1]
 */
export type DrawImages = (indices: Uint32Array, target: Float32Array) => void;

/**
 * The inputs of steps `done` + 1 to `done` + `steps` by the graph's names, `[steps, …]`.
 *
 * @param past inputs of an earlier call that are no longer needed: arrays of the right size are overwritten and returned
 */
export function stepInputs(
  { batchSize, schedules }: TrainingManifest,
  { perStep, maxSteps }: TrainingStage,
  seed: number,
  drawImages: DrawImages,
  done: number,
  steps: number,
  past: NamedArrays = {},
): NamedArrays {
  const sizes = perStep.map(({ shape }) => shape.reduce((product, side) => product * side, 1));
  const inputs: NamedArrays = {};
  perStep.forEach(({ input }, i) => {
    const length = steps * sizes[i]!;
    inputs[input] = past[input]?.length === length ? past[input] : new Float32Array(length);
  });
  for (let k = 0; k < steps; k++) {
    const noise: { distribution: NoiseDistribution; data: Float32Array<ArrayBuffer> }[] = [];
    perStep.forEach(({ input, holds }, i) => {
      const data = inputs[input]!.subarray(k * sizes[i]!, (k + 1) * sizes[i]!);
      if (holds === "images") {
        drawImages(
          Uint32Array.from({ length: batchSize }, (_, image) => (done + k) * batchSize + image),
          data,
        );
      } else if (holds === "normal" || holds === "uniform") {
        noise.push({ distribution: holds, data });
      } else {
        data.set(scheduledValue(holds, done + k + 1, schedules, maxSteps));
      }
    });
    fillNoise(seed, done + k, noise);
  }
  return inputs;
}
