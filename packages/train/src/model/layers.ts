/** Fully connected layers. */
import * as tf from "@tensorflow/tfjs";
import { type ParameterTensors, parameter } from "./parameters.js";

/**
 * A perceptron with one hidden layer of ReLUs.
 *
 * @param name prefix of its parameters, such as `predictor` of `predictor.hidden_kernel`
 * @param input [B, inputs]
 * @returns [B, outputs]
 */
export function mlp(p: ParameterTensors, name: string, input: tf.Tensor): tf.Tensor {
  const hidden = reluLayer(p, `${name}.hidden`, input);
  return dense(hidden, parameter(p, `${name}.output_kernel`), parameter(p, `${name}.output_bias`));
}

/**
 * A layer without a nonlinearity.
 *
 * @param input [B, inputs]
 * @param kernel [inputs, outputs]
 * @param bias [outputs]
 * @returns [B, outputs]
 */
export function dense(input: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.add(tf.matMul(input, kernel), bias);
}

/**
 * A layer of ReLUs.
 *
 * @param name prefix of its parameters, such as `decoder.hidden` of `decoder.hidden_kernel`
 * @param input [B, inputs]
 * @returns [B, outputs]
 */
export function reluLayer(p: ParameterTensors, name: string, input: tf.Tensor): tf.Tensor {
  return tf.relu(dense(input, parameter(p, `${name}_kernel`), parameter(p, `${name}_bias`)));
}
