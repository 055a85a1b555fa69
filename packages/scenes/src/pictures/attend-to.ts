/** Images as a model attends to them, step by step, ready to be drawn. */
import type { InferenceOptions, Scene, SceneModel } from "@air-onnx/core";
import { recordAttention } from "./attention-record.js";
import type { AttendedImage } from "./attention-sheet.js";

export interface AttendedScene extends AttendedImage {
  readonly scene: Scene;
}

/**
 * Infers the scene of each image and keeps all steps, also those after its last object.
 *
 * @param images `[B, C, S, S]` in [0, 1]; as many as a picture can show, for everything is kept
 * @param trueCounts objects in each image, where they are known
 */
export async function attendTo(
  model: Pick<SceneModel, "config" | "infer">,
  images: Float32Array,
  options: Pick<InferenceOptions, "mode" | "seed" | "signal">,
  trueCounts?: readonly number[],
): Promise<AttendedScene[]> {
  const record = recordAttention(model.config);
  // A picture of steps shows them all, and what each of them said.
  const scenes = await model.infer(images, { ...options, earlyStop: false, prune: false, onStep: record.onStep });
  const length = images.length / scenes.length;
  return scenes.map((scene, i) => ({
    image: images.subarray(i * length, (i + 1) * length),
    steps: record.stepsOf(i),
    count: scene.count,
    ...(trueCounts && { trueCount: trueCounts[i]! }),
    scene,
  }));
}
