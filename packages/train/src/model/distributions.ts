/**
 * Densities and divergences of the model's distributions, in nats, in forms that stay finite in float32. Where the
 * chain rule of the single operations would take many more passes, a function brings its gradient with it.
 */
import * as tf from "@tensorflow/tfjs";

/**
 * KL(N(mean, std²) ‖ N(0, 1)), summed over the last axis: [B, D] → [B]. A normal prior N(m, s²) takes standardised
 * arguments, (mean - m)/s and std/s: the divergence does not change under shifts and scalings.
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
 * @param std one number for all pixels
 * @returns [...]
 */
export function gaussianLogDensity(residual: tf.Tensor, std: number): tf.Tensor {
  const pixels = residual.shape.slice(-3).reduce((product, side) => product * side, 1);
  const logNormaliser = -pixels * (Math.log(std) + 0.5 * Math.log(2 * Math.PI));
  return tf.add(tf.mul(sumOfSquares(residual), -0.5 / std ** 2), logNormaliser);
}

/** Sum of squares over the last three axes. */
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
 * log σ(x), exact at both ends: min(x, 0) + log σ(|x|). The logarithm of the other outcome, log(1 - σ(x)), is log σ(x) - x.
 */
export const logSigmoid: (logits: tf.Tensor) => tf.Tensor = tf.customGrad((x, save) => {
  const logits = x as tf.Tensor;
  (save as tf.GradSaveFunc)([logits]);
  return {
    value: tf.sub(tf.log(tf.sigmoid(tf.abs(logits))), tf.relu(tf.neg(logits))),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.sigmoid(tf.neg(saved!))),
  };
});

/** A standard deviation can shrink to this, so that its logarithm stays finite. */
const SMALLEST_STD = 1e-6;

/** The positive number log(1 + eˣ) as a standard deviation. */
export function stdFromRaw(raw: tf.Tensor): tf.Tensor {
  return tf.add(tf.softplus(raw), SMALLEST_STD);
}
