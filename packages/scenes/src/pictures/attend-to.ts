/** Records how a model attends to images, step by step, for pictures. */
import type { InferenceOptions, Scene, SceneModel } from "@air-onnx/core";
import { recordAttention } from "./attention-record.js";
import type { AttendedImage } from "./attention-sheet.js";

/** An image with the model's steps and the inferred scene. */
export interface AttendedScene extends AttendedImage {
  /** The scene that was inferred. */
  readonly scene: Scene;
}

/**
 * Infers the scene of each image and keeps all steps, including those after its last object.
 *
 * @param images `[B, C, S, S]` in [0, 1]; only as many as a picture can show, because everything is kept in memory
 * @param trueCounts number of objects in each image, where it is known
 */
export async function attendTo(
  model: Pick<SceneModel, "config" | "infer">,
  images: Float32Array,
  options: Pick<InferenceOptions, "mode" | "seed" | "signal">,
  trueCounts?: readonly (number | undefined)[],
): Promise<AttendedScene[]> {
  const record = recordAttention(model.config);
  // A picture of steps shows every step and its output, so none may be skipped or pruned.
  const scenes = await model.infer(images, { ...options, earlyStop: false, prune: false, onStep: record.onStep });
  const length = images.length / scenes.length;
  return scenes.map((scene, i) => ({
    image: images.subarray(i * length, (i + 1) * length),
    steps: record.stepsOf(i),
    count: scene.count,
    trueCount: trueCounts?.[i],
    scene,
  }));
}
