/**
 * An estimator turns images and noise into a number to minimise whose gradient trains the model.
 */
import type { AirConfig } from "@air-onnx/core";
import type * as tf from "@tensorflow/tfjs";
import type { Parameters } from "../model/parameters.js";

/** Noise tensors by name; every element is a draw from N(0, 1). */
export type Noise = Readonly<Record<string, tf.Tensor>>;

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
  /** The noise tensors that one batch needs, and their shapes. */
  noise(config: AirConfig, batch: number): Record<string, number[]>;
  /** @param image [B, C, S, S] */
  loss(p: Parameters, config: AirConfig, image: tf.Tensor, noise: Noise, schedules: Schedules): Loss;
}

/** The noise tensor `name`. */
export function noiseTensor(noise: Noise, name: string): tf.Tensor {
  const tensor = noise[name];
  if (tensor === undefined)
    throw new Error(`The noise tensor ${name} is missing; given are: ${Object.keys(noise).join(", ") || "none"}`);
  return tensor;
}
