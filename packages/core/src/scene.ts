/**
 * A scene: the objects that the model finds in one image, as plain data without sessions or tensors.
 *
 * Letters: S image side, C channels, O object side, T steps, Z size of z_what.
 */
import type { ObjectExtent } from "./extent.js";
import type { Typicality } from "./typicality.js";
import type { Box, ZWhere } from "./where.js";

/** The latents of one object, from which the decoder draws it. */
export interface ObjectLatents {
  /** Scale and shift of the object's window. */
  readonly zWhere: ZWhere;
  /** Appearance code, `[Z]`. */
  readonly zWhat: ArrayLike<number>;
}

/** The latents of one scene. An inferred {@link Scene} fulfils this interface too. */
export interface SceneLatents {
  /** The objects, in drawing order. */
  readonly objects: readonly ObjectLatents[];
}

/** One object of a scene, without its pixels. */
export interface ObjectSummary extends Pick<ObjectExtent, "tightBox"> {
  /**
   * Probability that the t-th object is present, `q(n ≥ t | x) = p_1·…·p_t`. Exactly 1 if the object is given rather than
   * inferred (`decode`, `sample`).
   */
  readonly presence: number;
  /**
   * Probability that the object is really there: that its tight box has an IoU of at least 0.5 with that of a true object. It is
   * calibrated on held-out images if the model's manifest has a `score`; else it is the `presence`.
   */
  readonly score: number;
  /** The object's window: the square that the model looked at. It may extend beyond the image. See also `tightBox`. */
  readonly box: Box;
  /** Scale and shift of the object's window. */
  readonly zWhere: ZWhere;
  /** Appearance code, `[Z]`. */
  readonly zWhat: Float32Array;
}

/** One object of a scene. */
export interface SceneObject extends ObjectSummary, ObjectExtent {
  /** Appearance of the object in its own window, `[C, O, O]`, intensities in [0, 1]. */
  readonly patch: Float32Array;
}

/** Objects, and the image that they form together. */
export interface DecodedScene {
  /** Number of objects. */
  readonly count: number;
  /** The objects, in the order in which they were found or drawn. */
  readonly objects: readonly SceneObject[];
  /** Canvas with all objects written on it, `[C, S, S]`. Overlapping objects add up, so values may exceed 1. */
  readonly reconstruction: Float32Array;
}

/** What the model infers from one image, without pixels. */
export interface SceneSummary {
  /** Number of objects. */
  readonly count: number;
  /** The objects, in the order in which they were found. */
  readonly objects: readonly ObjectSummary[];
  /** q(n | x) for n = 0..T, `[T + 1]`. It includes objects that `prune` has left out. */
  readonly countProbabilities: readonly number[];
  /**
   * Σ_n q(n|x) [log p(x|c_n) − Σ_{t≤n} KL_t + log p(n) − log q(n|x)] in nats, for the latents of this scene. In mode
   * `sample`, which draws the latents, it is an unbiased estimate of the evidence lower bound. In mode `mean`, which takes
   * posterior means, it is not a bound, but a score by which images can be compared.
   */
  readonly elbo: number;
  /** Number of steps that were run; fewer than T after an early stop. */
  readonly steps: number;
  /**
   * Share of its size at which the image was inferred; only with the option `zoom`. All boxes, windows, masks and pixels are
   * those of the image itself, and so is `elbo`; `typicality` is that of the smaller image.
   */
  readonly zoom?: number;
  /**
   * Whether the image is like the model's training data. If not, the count is a guess. Undefined for a model whose manifest
   * has no `typicality`, and in mode `sample`: the limits are for scenes at the posterior means.
   */
  readonly typical?: boolean;
  /** The measures behind `typical` with their limits; undefined where it is. */
  readonly typicality?: Typicality;
}

/** Scene that the model infers from one image. */
export interface Scene extends SceneSummary, DecodedScene {
  /** The objects, in the order in which they were found. */
  readonly objects: readonly SceneObject[];
}
