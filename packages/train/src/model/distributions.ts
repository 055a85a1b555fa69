/**
 * Densities and divergences of the model's distributions, in nats, in forms that stay finite in float32.
 */
import * as tf from "@tensorflow/tfjs";

/**
 * KL(N(mean, std²) ‖ N(0, 1)), summed over the last axis: [..., D] → [...]. A normal prior N(m, s²) takes standardised
 * arguments, (mean - m)/s and std/s: the divergence does not change under shifts and scalings.
 */
export function klFromStandardNormal(mean: tf.Tensor, std: tf.Tensor): tf.Tensor {
  const twice = tf.sub(tf.add(tf.square(mean), tf.square(std)), tf.mul(2, tf.log(std)));
  return tf.mul(tf.sub(tf.sum(twice, -1), mean.shape.at(-1)!), 0.5);
}

/**
 * log N(x; mean, std²), summed over the last three axes.
 *
 * @param residual x - mean, [..., C, S, S]
 * @param std one number for all pixels
 * @returns [...]
 */
export function gaussianLogDensity(residual: tf.Tensor, std: number): tf.Tensor {
  const pixels = residual.shape.slice(-3).reduce((product, side) => product * side, 1);
  const logNormaliser = -pixels * (Math.log(std) + 0.5 * Math.log(2 * Math.PI));
  return tf.add(tf.mul(sumOfSquares(residual), -0.5 / std ** 2), logNormaliser);
}

/**
 * Sum of squares over the last three axes. Its gradient, 2x·dy, is one pass over the pixels; the chain rule of Sum and Square takes three.
 */
const sumOfSquares = tf.customGrad((x, save) => {
  const input = x as tf.Tensor;
  (save as tf.GradSaveFunc)([input]);
  const axes = [-3, -2, -1];
  return {
    value: tf.sum(tf.square(input), axes),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
      tf.mul(saved[0]!, tf.reshape(tf.mul(dy, 2), [...dy.shape, 1, 1, 1])),
  };
});

/**
 * log σ(x), exact at both ends: min(x, 0) + log σ(|x|). The logarithm of the other outcome, log(1 - σ(x)), is log σ(x) - x.
 */
export const logSigmoid: (logits: tf.Tensor) => tf.Tensor = tf.customGrad((x, save) => {
  const logits = x as tf.Tensor;
  (save as tf.GradSaveFunc)([logits]);
  return {
    value: tf.sub(tf.log(tf.sigmoid(tf.abs(logits))), tf.relu(tf.neg(logits))),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, tf.sigmoid(tf.neg(saved[0]!))),
  };
});

/** A standard deviation can shrink to this, so that its logarithm stays finite. */
const SMALLEST_STD = 1e-6;

/** The positive number log(1 + eˣ) as a standard deviation. */
export function stdFromRaw(raw: tf.Tensor): tf.Tensor {
  return tf.add(tf.softplus(raw), SMALLEST_STD);
}
