/** Values that count as observed, not trained. */
import * as tf from "@tensorflow/tfjs";

/** The value of `compute`, through which no gradient flows back. */
export function stopGradient(compute: () => tf.Tensor): tf.Tensor {
  return tf.customGrad(() => ({ value: tf.clone(compute()), gradFunc: () => [] }))();
}
