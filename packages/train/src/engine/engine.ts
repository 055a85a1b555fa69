/**
 * An engine holds the state of training and advances it. All engines run the same step function; they differ in what
 * computes it, and check each other.
 */
import type { AirConfig } from "@air-onnx/core";
import type { Estimator } from "../objective/estimator.js";
import type { AdamOptions, LearningRateScales } from "../optimizer/adam.js";
import type { NamedArrays, TrainingState } from "../training-state.js";

/** What an engine is built for. */
export interface StepDefinition {
  readonly config: AirConfig;
  readonly estimator: Estimator;
  readonly batchSize: number;
  readonly adam: AdamOptions;
  /** See `TrainStepOptions`. */
  readonly clipNorm: number;
  readonly learningRateScales: LearningRateScales;
}

/** The inputs of K consecutive steps, stacked. */
export interface StepInputs {
  readonly steps: number;
  /** [K, B, C, S, S] in [0, 1] */
  readonly images: Float32Array<ArrayBuffer>;
  /** [K, …] by the estimator's names of its noise tensors */
  readonly noise: NamedArrays;
  /** [K]; see `adamScalars` */
  readonly stepSize: Float32Array<ArrayBuffer>;
  readonly rootCorrection: Float32Array<ArrayBuffer>;
  /** [K, T + 1] */
  readonly logCountPrior: Float32Array<ArrayBuffer>;
}

/** Disposing it frees what it holds; it cannot be used afterwards. */
export interface Engine extends AsyncDisposable {
  /** What computes the steps, for the log: `onnxruntime (cpu, all threads)`, `tfjs wasm`. */
  readonly name: string;
  /** Advances the state by K steps. Resolves to the metrics of each, [K] by name, `loss` among them. */
  run(inputs: StepInputs): Promise<NamedArrays>;
  /**
   * The state now, read from the device if it is on one. The arrays are the engine's, and may be empty after the next `run`:
   * copy what must outlive it.
   */
  state(): Promise<TrainingState>;
}
