/** The calls that opened models of all runtimes and checkpoints have in common. */
import type { InferenceOptions } from "./attention-loop.js";
import type { AirConfig } from "./config.js";
import type { SampleOptions } from "./loaded-model.js";
import type { DecodedScene, Scene } from "./scene.js";

/** A model that infers scenes from images and samples new ones: an opened model of any runtime, or a checkpoint. */
export interface SceneModel {
  /** Architecture and priors of the model. */
  readonly config: AirConfig;
  /**
   * Infers the scene of every image.
   *
   * @param images `[B, C, S, S]`, intensities in [0, 1]
   */
  infer(images: Float32Array, options?: InferenceOptions): Promise<Scene[]>;
  /**
   * Draws scenes from the prior.
   *
   * @param n number of scenes
   */
  sample(n: number, options?: SampleOptions): Promise<DecodedScene[]>;
}
