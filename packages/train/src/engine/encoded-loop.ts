/** The training step as a serialised ONNX Loop, with the names that a driver needs. */
import { encodeLoop, initialInput, stacked } from "@air-onnx/tracer";
import type { TrainingSignature } from "@air-onnx/trainer";
import type { StepDefinition } from "./engine.js";
import { metricOutput, traceTrainStep } from "./traced-step.js";

/** A training graph, and its inputs and outputs. */
export interface EncodedLoop {
  /** The serialised graph, which runs any number of steps in one call. */
  readonly model: Uint8Array;
  /** Its inputs and outputs. Per-step inputs have the names of `traceTrainStep` under `stacked`. */
  readonly signature: TrainingSignature;
  /** Names of the per-step inputs in `traceTrainStep`, in the order of the signature. */
  readonly perStep: readonly string[];
}

/** Traces the step of `definition` into the body of an ONNX Loop. */
export function encodeTrainingLoop(definition: StepDefinition): EncodedLoop {
  const { traced, state, perStep, metrics } = traceTrainStep(definition);
  const model = encodeLoop(traced, {
    state: Object.fromEntries(state.map(({ input, output }) => [input, output])),
    perStep: Object.keys(perStep),
    collect: metrics.map(metricOutput),
  });
  const signature: TrainingSignature = {
    state: state.map(({ part, name, shape, input, output }) => {
      return { part, parameter: name, shape, input: initialInput(input), output };
    }),
    perStep: Object.entries(perStep).map(([name, shape]) => ({ input: stacked(name), shape })),
    metrics: metrics.map((name) => ({ name, output: metricOutput(name) })),
  };
  return { model, signature, perStep: Object.keys(perStep) };
}
