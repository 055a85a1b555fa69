/**
 * From objects to the image: how the layer of one more object joins the canvas, and how probable the image is given it.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { bernoulliLogDensity, gaussianLogDensity, SMALLEST_PROBABILITY } from "./distributions.js";

/**
 * The canvas with one more object on it. Under a Bernoulli likelihood it stays in [0, 1].
 *
 * @param canvas [B, C, S, S]
 * @param layer what the object alone looks like, [B, C, S, S]
 */
export function drawOn({ likelihood }: AirConfig, canvas: tf.Tensor, layer: tf.Tensor): tf.Tensor {
  const sum = tf.add(canvas, layer);
  if (likelihood.type === "gaussian") return sum;
  return likelihood.canvas === "clamp" ? tf.clipByValue(sum, 0, 1) : tf.sub(sum, tf.mul(canvas, layer));
}

/**
 * log p(image | canvas), nats.
 *
 * @param image [B, C, S, S]
 * @param canvas [B, C, S, S], or undefined for the empty canvas
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
