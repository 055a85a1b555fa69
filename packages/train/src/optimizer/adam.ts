/**
 * Adam (Kingma and Ba, 2015) as a pure function of records of tensors, and the clipping of its gradients.
 *
 * The moments are kept as plain decayed sums, m/(1 - β1) and v/(1 - β2) of the paper: their weights then multiply two
 * scalars instead of every element, which saves two passes over all parameters and changes nothing else.
 */
import type { NamedTensors } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";

/** A `TrainingState` as tensors of TensorFlow.js. */
export interface AdamState {
  readonly parameters: NamedTensors;
  /** Decayed sums of gradients, Σ β1^(t-i) g_i. */
  readonly firstMoment: NamedTensors;
  /** Decayed sums of squared gradients, Σ β2^(t-i) g_i². */
  readonly secondMoment: NamedTensors;
}

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  /** Added to the root of the bias-corrected second moment, as PyTorch does. */
  readonly epsilon: number;
}

export const defaultAdam: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** See `adamScalars`. Tensors, so that one traced graph serves every update. */
export interface AdamScalarTensors {
  /** lr / (1 - β1^t), a scalar. */
  readonly stepSize: tf.Tensor;
  /** 1 / √(1 - β2^t), a scalar. */
  readonly rootCorrection: tf.Tensor;
}

/** The learning rates of parameters as multiples of the common one, by name; 1 for those that it does not name. */
export type LearningRateScales = Readonly<Record<string, number>>;

/**
 * One update: θ - lr · m̂ / (√v̂ + ε). All records have the keys of `parameters`; the results do too.
 */
export function adamUpdate(
  { parameters, firstMoment, secondMoment, gradients }: AdamState & { readonly gradients: NamedTensors },
  { stepSize, rootCorrection }: AdamScalarTensors,
  { beta1, beta2, epsilon }: AdamOptions = defaultAdam,
  scales: LearningRateScales = {},
): AdamState {
  // m̂ / (√v̂ + ε) with the constant factors of both moments gathered in two scalars.
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
 * Scales all gradients by one factor so that their joint Euclidean norm is at most `maxNorm`. `norm` is the norm before.
 */
export function clipByGlobalNorm(
  gradients: NamedTensors,
  maxNorm: number,
): { gradients: NamedTensors; norm: tf.Scalar } {
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(squares.reduce((total, square) => tf.add(total, square))) as tf.Scalar;
  const factor = tf.div(maxNorm, tf.maximum(norm, maxNorm));
  const clipped = Object.entries(gradients).map(([name, gradient]) => [name, tf.mul(gradient, factor)] as const);
  return { gradients: Object.fromEntries(clipped), norm };
}

function tensorOf(tensors: NamedTensors, name: string, what: string): tf.Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`The ${what} of parameter ${name} is missing`);
  return tensor;
}
