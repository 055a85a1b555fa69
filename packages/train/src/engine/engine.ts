/**
 * The interface of engines: an engine holds the state of training and advances it. All engines run the same training
 * step; they differ in the library and device that compute it, and tests compare them with each other.
 */
import type { AirConfig } from "@air-onnx/core";
import type { NamedArrays, TrainingState } from "@air-onnx/trainer";
import type { ComposedBatch, Estimator } from "../objective/estimator.js";
import type { AdamOptions, LearningRateScales } from "../optimizer/adam.js";

/** Definition of a training step: everything that an engine needs to know beside the state. */
export interface StepDefinition {
  /** The model. */
  readonly config: AirConfig;
  /** The loss to minimise. */
  readonly estimator: Estimator;
  /** Training images of one step. */
  readonly batchSize: number;
  /** Composed images of one step, beside the training images; undefined for none. */
  readonly composed?: ComposedBatch | undefined;
  /** Constants of Adam. */
  readonly adam: AdamOptions;
  /** Largest norm of the gradients, for the model's parameters and for the estimator's own separately. */
  readonly clipNorm: number;
  /** Factors of the learning rate, for parameters whose learning rate is not the common one. */
  readonly learningRateScales: LearningRateScales;
}

/** The inputs of K consecutive steps, stacked. */
export interface StepInputs {
  /** K */
  readonly steps: number;
  /** Images, [K, B, C, S, S], intensities in [0, 1]. */
  readonly images: Float32Array<ArrayBuffer>;
  /** Noise tensors by the names of `Estimator.noise`, [K, …]. */
  readonly noise: NamedArrays;
  /** Learning rate with the bias correction of Adam's first moment, lr / (1 - β1^t), [K]. */
  readonly stepSize: Float32Array<ArrayBuffer>;
  /** Bias correction of the root of Adam's second moment, 1 / √(1 - β2^t), [K]. */
  readonly rootCorrection: Float32Array<ArrayBuffer>;
  /** Scheduled values by the names of `Estimator.schedules`, [K, …]. */
  readonly schedules: NamedArrays;
  /** Objects of the composed images, [K, images, objects, C, S, S]; undefined if the step has none. */
  readonly layers?: Float32Array<ArrayBuffer> | undefined;
}

/** The state of training on some device, with the training step that advances it. Dispose of it to free its memory. */
export interface Engine extends AsyncDisposable {
  /** Library and device that compute the steps, for the log: `onnxruntime (cpu, all threads)`, `tfjs wasm`. */
  readonly name: string;
  /** Advances the state by K steps. Resolves to the metrics of each step by name, [K], `loss` among them. */
  run(inputs: StepInputs): Promise<NamedArrays>;
  /**
   * The current state, copied from the device if it is on one. The engine owns the arrays and may empty them at the
   * next `run`: copy what you need for longer.
   */
  state(): Promise<TrainingState>;
}
