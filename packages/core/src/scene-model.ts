/** What finds scenes in images and imagines new ones: an opened model of either runtime, or a checkpoint. */
import type { InferenceOptions } from "./attention-loop.js";
import type { AirConfig } from "./config.js";
import type { SampleOptions } from "./loaded-model.js";
import type { DecodedScene, Scene } from "./scene.js";

export interface SceneModel {
  readonly config: AirConfig;
  /** @param images `[B, C, S, S]` in [0, 1] */
  infer(images: Float32Array, options?: InferenceOptions): Promise<Scene[]>;
  /** @param n how many scenes to draw from the prior */
  sample(n: number, options?: SampleOptions): Promise<DecodedScene[]>;
}
