/** Stopping gradients, which TensorFlow.js has no operation for. */
import * as tf from "@tensorflow/tfjs";

/** The tensor that `compute` returns. No gradient flows back through it. */
export function stopGradient(compute: () => tf.Tensor): tf.Tensor {
  return tf.customGrad(() => ({ value: tf.clone(compute()), gradFunc: () => [] }))();
}
