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

/** Values that are not learned but may change from one update to the next, by name. */
export interface Schedules {
  /** log p(n) of n = 0..T objects, [T + 1], finite. */
  readonly logCountPrior: tf.Tensor;
  /** Scale of the noise by which a local step network's places are chosen, a scalar. */
  readonly placeTemperature?: tf.Tensor;
  /** Weight of the bound of one object beside that of the best count, a scalar. */
  readonly firstObjectWeight?: tf.Tensor;
  /** Weight of the evidence beside the ELBO, from 0 to 1, a scalar. */
  readonly evidenceWeight?: tf.Tensor;
}
/** Name of a scheduled value. */
export type ScheduleName = keyof Schedules;

/** Images composed of known objects, which an estimator can learn from beside the training images. */
export interface ComposedBatch {
  /** Composed images K of a batch. */
  readonly images: number;
  /** Most objects N of one of them. */
  readonly objects: number;
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
  /**
   * Noise tensors that a batch needs, by name.
   *
   * @param batch number of training images
   * @param composed the composed images of the batch, if it has any
   */
  noise(config: AirConfig, batch: number, composed?: ComposedBatch): Record<string, NoiseSpec>;
  /** Shapes of the scheduled values that the loss depends on. */
  schedules(config: AirConfig): Partial<Record<ScheduleName, number[]>> & { readonly logCountPrior: number[] };
  /**
   * Loss of one batch.
   *
   * @param p the model's parameters and the estimator's own, by name
   * @param image [B, C, S, S]
   * @param noise see {@link Estimator.noise}
   * @param layers the objects of composed images, each alone on black, [K, N, C, S, S]; black where there are fewer. Only
   *   estimators whose `composes` is true take them
   * @throws {Error} if a parameter or a noise tensor is missing
   */
  loss(
    p: ParameterTensors,
    config: AirConfig,
    image: tf.Tensor,
    noise: Noise,
    schedules: Schedules,
    layers?: tf.Tensor,
  ): Loss;
  /** Whether the estimator can learn from composed images. */
  readonly composes: boolean;
}

/** Schedules of estimators that depend on the prior of the count alone. */
export const countPriorSchedule = ({ maxSteps }: AirConfig): { readonly logCountPrior: number[] } => ({
  logCountPrior: [maxSteps + 1],
});

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
