/** What a step sees of an image: pooled pixels, and what the canvas leaves to explain. */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { stopGradient } from "./stop-gradient.js";

/**
 * The remainder: the image minus the canvas, [B, C, S, S]. It counts as an observation, like the image: no gradient
 * flows through it to the steps that drew the canvas.
 */
export function remainderOf(image: tf.Tensor, canvas: tf.Tensor | undefined): tf.Tensor {
  return canvas === undefined ? image : stopGradient(() => tf.sub(image, canvas));
}

/**
 * Average pooling over squares of `imagePooling` x `imagePooling` pixels, times `imagePooling`. The factor keeps the
 * variance of independent pixels, and so the scale of the first layer's gradients.
 *
 * @param image [B, C, S, S]
 * @returns [B, C · (S / imagePooling)²]
 */
export function pooledPixels({ imagePooling: side }: AirConfig, image: tf.Tensor): tf.Tensor {
  const [batch, channels, size] = image.shape as [number, number, number, number];
  const pixels = [batch, channels * (size / side) ** 2];
  if (side === 1) return tf.reshape(image, pixels);
  const planes = tf.reshape(image, [batch * channels, size, size, 1]) as tf.Tensor4D;
  return tf.mul(tf.reshape(tf.avgPool(planes, side, side, "valid"), pixels), side);
}
