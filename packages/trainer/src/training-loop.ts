/** One call of a training graph: state and inputs of K steps in, the state after them and their metrics out. */
import { type InferenceSession, Tensor } from "onnxruntime-common";
import { eachPart, type NamedArrays, type StatePart, type TrainingState } from "./training-state.js";

/** The part of an onnxruntime session that training needs; the `InferenceSession` of Node and of the web fulfil it. */
export interface TrainingSession {
  /** Runs the graph on `feeds`, tensors by the names of its inputs, and returns the named `outputs`. */
  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType>;
  /** Frees the session. */
  release(): Promise<void>;
}

/** One tensor of the state and its names in a training graph. */
export interface StateTensor {
  /** The part of the state that the tensor belongs to. */
  readonly part: StatePart;
  /** Name of the parameter, also of moments. */
  readonly parameter: string;
  /** Shape of the parameter. */
  readonly shape: readonly number[];
  /** Name of the graph's input: the value before the first step. */
  readonly input: string;
  /** Name of the graph's output: the value after the last step. */
  readonly output: string;
}

/** Inputs and outputs of a training graph. */
export interface TrainingSignature {
  /** Every tensor of the state. */
  readonly state: readonly StateTensor[];
  /** Inputs with a value for each step, `[K, …]`; `shape` is that of one step. */
  readonly perStep: readonly { readonly input: string; readonly shape: readonly number[] }[];
  /** Outputs with a number of each step, `[K]`. */
  readonly metrics: readonly { readonly name: string; readonly output: string }[];
}

/** Result of {@link runTrainingLoop}. */
export interface LoopResult {
  /** The state after the last step, in new arrays. */
  readonly state: TrainingState;
  /** Metrics of each step by name, `[K]`. */
  readonly metrics: NamedArrays;
}

/**
 * Runs K training steps in one call.
 *
 * @param state the state before the first step; it is not changed
 * @param inputs the per-step inputs by the graph's names, `[K, …]`
 */
export async function runTrainingLoop(
  session: Pick<TrainingSession, "run">,
  signature: TrainingSignature,
  state: TrainingState,
  inputs: NamedArrays,
  steps: number,
): Promise<LoopResult> {
  const feeds: Record<string, Tensor> = {};
  for (const { part, parameter, shape, input } of signature.state) {
    feeds[input] = new Tensor("float32", state[part][parameter]!.data, shape);
  }
  for (const { input, shape } of signature.perStep) {
    feeds[input] = new Tensor("float32", inputs[input]!, [steps, ...shape]);
  }
  const outputs = [...signature.state, ...signature.metrics].map(({ output }) => output);
  const results = await session.run(feeds, outputs);
  const resultOf = (output: string): Float32Array<ArrayBuffer> => results[output]!.data as Float32Array<ArrayBuffer>;
  return {
    state: eachPart((part) =>
      Object.fromEntries(
        signature.state
          .filter((tensor) => tensor.part === part)
          .map(({ parameter, shape, output }) => [parameter, { shape, data: resultOf(output) }]),
      ),
    ),
    metrics: Object.fromEntries(signature.metrics.map(({ name, output }) => [name, resultOf(output)])),
  };
}
