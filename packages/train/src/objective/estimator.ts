/**
 * An estimator turns images and noise into a number to minimise whose gradient trains the model.
 */
import type { AirConfig } from "@air-onnx/core";
import type * as tf from "@tensorflow/tfjs";
import { type ParameterTensors, parameterShapes } from "../model/parameters.js";

/** Noise tensors by name; what their elements are drawn from, `Estimator.noise` says. */
export type Noise = Readonly<Record<string, tf.Tensor>>;

/** A noise tensor: every element is an independent draw from N(0, 1), or uniform over [0, 1). */
export interface NoiseSpec {
  readonly distribution: "normal" | "uniform";
  readonly shape: number[];
}

/** What is not learned but may change from one update to the next. */
export interface Schedules {
  /** log p(n) of n = 0..T objects, [T + 1], finite. */
  readonly logCountPrior: tf.Tensor;
}

export interface Loss {
  /** To minimise; a scalar. */
  readonly loss: tf.Scalar;
  /** Mean evidence lower bound per image, nats. */
  readonly elbo: tf.Scalar;
  /** Further means over the batch, for the log. */
  readonly metrics: Readonly<Record<string, tf.Scalar>>;
}

export interface Estimator {
  readonly name: string;
  /**
   * The shapes of what it learns beside the model: these parameters are in checkpoints, and in nothing that is evaluated
   * or exported. Their gradients are clipped apart from the model's, and they have a learning rate of their own.
   */
  parameters(config: AirConfig): Record<string, number[]>;
  /** The noise tensors that one batch needs. */
  noise(config: AirConfig, batch: number): Record<string, NoiseSpec>;
  /**
   * @param p the model's parameters and its own
   * @param image [B, C, S, S]
   */
  loss(p: ParameterTensors, config: AirConfig, image: tf.Tensor, noise: Noise, schedules: Schedules): Loss;
}

/** The shape of every parameter that training changes: the model's, then the estimator's own. */
export function trainedParameterShapes(estimator: Estimator, config: AirConfig): Record<string, number[]> {
  return { ...parameterShapes(config), ...estimator.parameters(config) };
}

/** The noise tensor `name`. */
export function noiseTensor(noise: Noise, name: string): tf.Tensor {
  const tensor = noise[name];
  if (tensor === undefined)
    throw new Error(`The noise tensor ${name} is missing; given are: ${Object.keys(noise).join(", ") || "none"}`);
  return tensor;
}
