/**
 * A scene: what the model says is in one image, as plain data without sessions or tensors.
 *
 * Letters: S image side, C channels, O object side, T steps, Z size of z_what.
 */
import type { Box, ZWhere } from "./where.js";

/** The latents of one object: enough to draw it. */
export interface ObjectLatents {
  /** Where the object is: scale and shift of its window. */
  readonly zWhere: ZWhere;
  /** `[Z]` */
  readonly zWhat: ArrayLike<number>;
}

/** The latents of one scene, in drawing order. An inferred {@link Scene} is one too. */
export interface SceneLatents {
  /** The objects, first drawn first. */
  readonly objects: readonly ObjectLatents[];
}

/** One object of a scene. */
export interface SceneObject {
  /**
   * Probability that the image has at least this many objects: `q(n ≥ t | x) = p_1·…·p_t` for the t-th object. Exactly
   * 1 where the object is given rather than inferred (`decode`, `sample`).
   */
  readonly presence: number;
  /** The pixels of the image that the object's window covers. */
  readonly box: Box;
  /** Where the object is: scale and shift of its window. */
  readonly zWhere: ZWhere;
  /** `[Z]` */
  readonly zWhat: Float32Array;
  /** What the object looks like in its own window, `[C, O, O]`, intensities in [0, 1]. */
  readonly patch: Float32Array;
}

/** Objects and the image that they make together. */
export interface DecodedScene {
  /** Number of objects. */
  readonly count: number;
  /** In the order in which they were found or drawn. */
  readonly objects: readonly SceneObject[];
  /** The canvas with the objects written on it, `[C, S, S]`. Overlapping objects add, so it may exceed 1. */
  readonly reconstruction: Float32Array;
}

/** What the model infers from one image. */
export interface Scene extends DecodedScene {
  /** q(n | x) for n = 0..T, `[T + 1]`; of all that the steps found, also where `prune` has left some out. */
  readonly countProbabilities: readonly number[];
  /**
   * Σ_n q(n|x) [log p(x|c_n) − Σ_{t≤n} KL_t + log p(n) − log q(n|x)] in nats, along the latents that the steps took.
   * Drawn latents (mode `sample`) make it an unbiased estimate of the evidence lower bound; posterior means (mode
   * `mean`) make it a score to compare images by, not a bound.
   */
  readonly elbo: number;
  /** How many steps were run: fewer than T after an early stop. */
  readonly steps: number;
}
