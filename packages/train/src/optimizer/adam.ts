/**
 * Adam (Kingma and Ba, 2015) and gradient clipping as pure functions of tensors by name.
 *
 * The moments are stored as plain decayed sums: m/(1 - β1) and v/(1 - β2), where m and v are the paper's. The factors 1
 * - β1 and 1 - β2 then multiply two scalars instead of every element, which saves two passes over all parameters. The
 * update is the same.
 */
import type { NamedTensors } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";

/** A `TrainingState` as tensors of TensorFlow.js. All three records have the same names and shapes. */
export interface AdamState {
  /** Parameters of the model and of the estimator. */
  readonly parameters: NamedTensors;
  /** Decayed sums of gradients, Σ β1^(t-i) g_i. */
  readonly firstMoment: NamedTensors;
  /** Decayed sums of squared gradients, Σ β2^(t-i) g_i². */
  readonly secondMoment: NamedTensors;
}

/** Constants of Adam. */
export interface AdamOptions {
  /** Decay of the first moment, in [0, 1). */
  readonly beta1: number;
  /** Decay of the second moment, in [0, 1). */
  readonly beta2: number;
  /** Added to the square root of the bias-corrected second moment, as in PyTorch. */
  readonly epsilon: number;
}

/** The constants of the paper. */
export const defaultAdam: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** The numbers that `adamScalars` computes, as tensors: inputs of the traced graph, which serves every update. */
export interface AdamScalarTensors {
  /** lr / (1 - β1^t), a scalar. */
  readonly stepSize: tf.Tensor;
  /** 1 / √(1 - β2^t), a scalar. */
  readonly rootCorrection: tf.Tensor;
}

/** Factors of the learning rate by parameter name. Parameters without an entry have factor 1. */
export type LearningRateScales = Readonly<Record<string, number>>;

/**
 * One update of Adam: θ - lr · m̂ / (√v̂ + ε). The returned records have the names of `parameters`.
 *
 * @throws {Error} if a parameter has no gradient or no moment
 */
export function adamUpdate(
  { parameters, firstMoment, secondMoment, gradients }: AdamState & { readonly gradients: NamedTensors },
  { stepSize, rootCorrection }: AdamScalarTensors,
  { beta1, beta2, epsilon }: AdamOptions = defaultAdam,
  scales: LearningRateScales = {},
): AdamState {
  // m̂ / (√v̂ + ε), with the constant factors of both moments combined into two scalars.
  const rootScale = tf.mul(rootCorrection, Math.sqrt(1 - beta2));
  const scaledStep = tf.div(tf.mul(stepSize, 1 - beta1), rootScale);
  const scaledEpsilon = tf.div(epsilon, rootScale);

  const next = { parameters: {}, firstMoment: {}, secondMoment: {} } as Record<keyof AdamState, NamedTensors>;
  for (const [name, value] of Object.entries(parameters)) {
    const gradient = tensorOf(gradients, name, "gradient");
    const first = tf.add(tf.mul(tensorOf(firstMoment, name, "first moment"), beta1), gradient);
    const second = tf.add(tf.mul(tensorOf(secondMoment, name, "second moment"), beta2), tf.square(gradient));
    const direction = tf.div(first, tf.add(tf.sqrt(second), scaledEpsilon));
    const ownStep = scales[name] === undefined ? scaledStep : tf.mul(scaledStep, scales[name]);
    next.parameters[name] = tf.sub(value, tf.mul(direction, ownStep));
    next.firstMoment[name] = first;
    next.secondMoment[name] = second;
  }
  return next;
}

/**
 * The two scalars that `adamUpdate` computes in its graph, for the loop that updates without one: the same float32
 * operations in the same order.
 *
 * @param scalars those of `adamScalars`
 * @param scale factor of the parameter's learning rate
 * @returns the factor of m / (√v + epsilon), and epsilon, for moments that are plain decayed sums
 */
export function kernelScalars(
  { stepSize, rootCorrection }: { readonly stepSize: number; readonly rootCorrection: number },
  { beta1, beta2, epsilon }: AdamOptions,
  scale?: number,
): { step: number; epsilon: number } {
  const round = Math.fround;
  const rootScale = round(round(rootCorrection) * round(Math.sqrt(1 - beta2)));
  const step = round(round(round(stepSize) * round(1 - beta1)) / rootScale);
  return { step: scale === undefined ? step : round(step * round(scale)), epsilon: round(round(epsilon) / rootScale) };
}

/**
 * The factor that scales gradients so that their joint Euclidean norm is at most `maxNorm`, and the norm before.
 */
export function clipFactor(gradients: NamedTensors, maxNorm: number): { factor: tf.Scalar; norm: tf.Scalar } {
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(squares.reduce((total, square) => tf.add(total, square))) as tf.Scalar;
  return { factor: tf.div(maxNorm, tf.maximum(norm, maxNorm)), norm };
}

function tensorOf(tensors: NamedTensors, name: string, what: string): tf.Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`The ${what} of parameter ${name} is missing`);
  return tensor;
}
