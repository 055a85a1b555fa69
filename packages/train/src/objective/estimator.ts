/**
 * The interface of estimators: a loss of a batch of images and noise, whose gradient trains the model.
 */
import type { AirConfig } from "@air-onnx/core";
import type * as tf from "@tensorflow/tfjs";
import { type ParameterTensors, parameterShapes } from "../model/parameters.js";

/** Noise tensors of one batch by name. {@link Estimator.noise} gives their shapes and distributions. */
export type Noise = Readonly<Record<string, tf.Tensor>>;

/** Specification of a noise tensor, whose elements are drawn independently. */
export interface NoiseSpec {
  /** `normal` is N(0, 1), `uniform` is uniform over [0, 1). */
  readonly distribution: "normal" | "uniform";
  /** Shape of the tensor, including the batch. */
  readonly shape: number[];
}

/** Values that are not learned but may change from one update to the next. */
export interface Schedules {
  /** log p(n) of n = 0..T objects, [T + 1], finite. */
  readonly logCountPrior: tf.Tensor;
}

/** Loss of one batch, and numbers for the log. */
export interface Loss {
  /** The number to minimise. */
  readonly loss: tf.Scalar;
  /** Mean evidence lower bound per image, nats. */
  readonly elbo: tf.Scalar;
  /** Further means over the batch by name, for the log; KLs and log-likelihoods in nats. */
  readonly metrics: Readonly<Record<string, tf.Scalar>>;
}

/** An estimator of the bound and its gradient. */
export interface Estimator {
  /** Name in a configuration. */
  readonly name: string;
  /**
   * Shapes of the parameters that the estimator learns beside the model's, such as a baseline's, by name. Checkpoints
   * have them, evaluations and exports do not. Their gradients are clipped apart from the model's, and they have a
   * learning rate of their own.
   */
  parameters(config: AirConfig): Record<string, number[]>;
  /** Noise tensors that a batch of `batch` images needs, by name. */
  noise(config: AirConfig, batch: number): Record<string, NoiseSpec>;
  /**
   * Loss of one batch.
   *
   * @param p the model's parameters and the estimator's own, by name
   * @param image [B, C, S, S]
   * @param noise see {@link Estimator.noise}
   * @throws {Error} if a parameter or a noise tensor is missing
   */
  loss(p: ParameterTensors, config: AirConfig, image: tf.Tensor, noise: Noise, schedules: Schedules): Loss;
}

/** Shape of every parameter that training changes, by name: the model's, then the estimator's own. */
export function trainedParameterShapes(estimator: Estimator, config: AirConfig): Record<string, number[]> {
  return { ...parameterShapes(config), ...estimator.parameters(config) };
}

/**
 * The noise tensor `name`.
 *
 * @throws {Error} if there is none; the message lists the names that there are
 */
export function noiseTensor(noise: Noise, name: string): tf.Tensor {
  const tensor = noise[name];
  if (tensor === undefined)
    throw new Error(`The noise tensor ${name} is missing; given are: ${Object.keys(noise).join(", ") || "none"}`);
  return tensor;
}
