/**
 * The likelihood: how the objects' layers add up to a canvas, and the probability of the image given the canvas.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { bernoulliLogDensity, gaussianLogDensity, SMALLEST_PROBABILITY } from "./distributions.js";

/**
 * The canvas with one more object drawn on it, [B, C, S, S]: their sum. Under a Bernoulli likelihood, a sum clamped to
 * [0, 1] or a union, a + b - ab.
 *
 * @param canvas [B, C, S, S]
 * @param layer the object alone on black, [B, C, S, S]
 */
export function drawOn({ likelihood }: AirConfig, canvas: tf.Tensor, layer: tf.Tensor): tf.Tensor {
  const sum = tf.add(canvas, layer);
  if (likelihood.type === "gaussian") return sum;
  return likelihood.canvas === "clamp" ? tf.clipByValue(sum, 0, 1) : tf.sub(sum, tf.mul(canvas, layer));
}

/**
 * 1 / std² of a pixel: half of it is what a squared residual of 1 costs, nats.
 *
 * @throws {Error} unless the likelihood is Gaussian
 */
export function gaussianPrecision({ likelihood }: AirConfig): number {
  if (likelihood.type !== "gaussian") throw new Error(`The likelihood must be gaussian, not ${likelihood.type}`);
  return 1 / likelihood.std ** 2;
}

/**
 * log p(image | canvas), nats.
 *
 * @param image [B, C, S, S]
 * @param canvas [B, C, S, S]; undefined stands for the black canvas
 * @returns [B]
 */
export function logLikelihood({ likelihood }: AirConfig, image: tf.Tensor, canvas: tf.Tensor | undefined): tf.Tensor {
  if (likelihood.type === "gaussian") {
    return gaussianLogDensity(canvas === undefined ? image : tf.sub(canvas, image), likelihood.std);
  }
  const { pixelNoise } = likelihood;
  const drawn = canvas ?? tf.zerosLike(image);
  const noisy = pixelNoise === 0 ? drawn : tf.add(tf.mul(drawn, 1 - 2 * pixelNoise), pixelNoise);
  return bernoulliLogDensity(image, tf.clipByValue(noisy, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY));
}
