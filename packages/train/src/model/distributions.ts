/**
 * Log-densities and KL divergences of the model's distributions, in nats, in forms that stay finite in float32. Some
 * functions define their own gradient, where differentiating their operations one by one would take many more passes
 * over memory.
 */
import * as tf from "@tensorflow/tfjs";

/**
 * KL(N(mean, std²) ‖ N(0, 1)), summed over the last axis: [B, D] → [B], nats. For a prior N(m, s²), pass (mean - m)/s
 * and std/s: the KL divergence does not change under shifts and scalings.
 */
export const klFromStandardNormal: (mean: tf.Tensor, std: tf.Tensor) => tf.Tensor = tf.customGrad(
  (...[mean, std, save]) => {
    const [m, s] = [mean as tf.Tensor, std as tf.Tensor];
    (save as unknown as tf.GradSaveFunc)([m, s]);
    const variance = tf.square(s);
    const twice = tf.sum(tf.sub(tf.add(tf.square(m), variance), tf.log(variance)), -1);
    return {
      value: tf.mul(tf.sub(twice, m.shape.at(-1)!), 0.5),
      gradFunc: (dy: tf.Tensor, [m, s]: tf.Tensor[]) => {
        const slope = tf.expandDims(dy, -1);
        return [tf.mul(slope, m!), tf.mul(slope, tf.sub(s!, tf.div(1, s!)))];
      },
    };
  },
);

/**
 * log N(x; mean, std²), summed over the last three axes.
 *
 * @param residual mean - x or x - mean, [..., C, S, S]
 * @param std standard deviation of every pixel
 * @returns [...], nats
 */
export function gaussianLogDensity(residual: tf.Tensor, std: number): tf.Tensor {
  const pixels = residual.shape.slice(-3).reduce((product, side) => product * side, 1);
  const logNormaliser = -pixels * (Math.log(std) + 0.5 * Math.log(2 * Math.PI));
  return tf.add(tf.mul(sumOfSquares(residual), -0.5 / std ** 2), logNormaliser);
}

/**
 * Smallest probability of a black or a white pixel: the spacing of float32 numbers next to 1, so that log p and log(1 -
 * p) are both finite.
 */
export const SMALLEST_PROBABILITY = 2 ** -23;

/**
 * Σ x log p + (1 - x) log(1 - p) over the last three axes. For pixels x in {0, 1} this is their log-probability; for
 * grey pixels it is minus their cross-entropy.
 *
 * @param x intensities in [0, 1], [..., C, S, S]; no gradient flows to them
 * @param probability p of a white pixel, from SMALLEST_PROBABILITY to 1 - SMALLEST_PROBABILITY, [..., C, S, S]
 * @returns [...], nats
 */
export function bernoulliLogDensity(x: tf.Tensor, probability: tf.Tensor): tf.Tensor {
  const density = tf.customGrad((input, save) => {
    const p = input as tf.Tensor;
    (save as tf.GradSaveFunc)([p, x]);
    const perPixel = tf.add(tf.mul(x, tf.log(p)), tf.mul(tf.sub(1, x), tf.log(tf.sub(1, p))));
    return {
      value: tf.sum(perPixel, [-3, -2, -1]),
      gradFunc: (dy: tf.Tensor, [p, x]: tf.Tensor[]) =>
        tf.mul(tf.reshape(dy, [...dy.shape, 1, 1, 1]), tf.div(tf.sub(x!, p!), tf.mul(p!, tf.sub(1, p!)))),
    };
  });
  return density(probability);
}

/** Sum of squares over the last three axes: [..., C, S, S] → [...]. */
const sumOfSquares: (x: tf.Tensor) => tf.Tensor = tf.customGrad((x, save) => {
  const input = x as tf.Tensor;
  (save as tf.GradSaveFunc)([input]);
  return {
    value: tf.sum(tf.square(input), [-3, -2, -1]),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
      tf.mul(saved!, tf.reshape(tf.mul(dy, 2), [...dy.shape, 1, 1, 1])),
  };
});

/**
 * log σ(x), element by element, computed as min(x, 0) + log σ(|x|), which is accurate for large x of either sign. The
 * log-probability of the opposite outcome is log(1 - σ(x)) = log σ(x) - x.
 */
export const logSigmoid: (logits: tf.Tensor) => tf.Tensor = tf.customGrad((x, save) => {
  const logits = x as tf.Tensor;
  (save as tf.GradSaveFunc)([logits]);
  return {
    value: tf.sub(tf.log(tf.sigmoid(tf.abs(logits))), tf.relu(tf.neg(logits))),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.sigmoid(tf.neg(saved!))),
  };
});

/**
 * Lower bound of standard deviations, which keeps the logarithm of their squares finite in float32. It is far too small
 * to change any other standard deviation. A larger bound would: 1e-6 added to the standard deviation of a window
 * changes gradients at the edge of a patch by 1e-4.
 */
const SMALLEST_STD = 1e-18;

/** Standard deviations from a network's outputs x: log(1 + eˣ), which is positive. */
export function stdFromRaw(raw: tf.Tensor): tf.Tensor {
  return tf.add(tf.softplus(raw), SMALLEST_STD);
}
