/** Values that are observed, not trained: no gradient flows back through them. */
import * as tf from "@tensorflow/tfjs";

/** The value of `compute` with no gradient through it. */
export function constant(compute: () => tf.Tensor): tf.Tensor {
  return tf.customGrad(() => ({ value: tf.clone(compute()), gradFunc: () => [] }))();
}
