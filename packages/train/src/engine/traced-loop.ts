/**
 * The engine of CUDA: the training step is traced once into the body of an ONNX Loop, so that one call of onnxruntime runs
 * many steps and the state stays on the device from the first to the last. It runs on the CPU, too, where tests compare it
 * with the engine that updates in place.
 */
import { freeBuffers } from "@air-onnx/core";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { encodeLoop, initialInput, stacked } from "@air-onnx/tracer";
import { type NamedArrays, stateParts, type TrainingState } from "../training-state.js";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { trainingSessionOptions } from "./session-options.js";
import { metricOutput, stackedInputs, stateOf, traceTrainStep } from "./traced-step.js";

/** Options of {@link createLoopEngine}. */
export interface LoopEngineOptions {
  /**
   * Device of onnxruntime that runs the graph, `cpu` by default. `webgpu` has an engine of its own in traced-webgpu.ts.
   */
  readonly device?: "cpu" | "cuda";
  /** Threads of one operator on the CPU; 0, the default, lets onnxruntime choose. */
  readonly threads?: number;
}

/**
 * Traces the step of `definition` and creates an engine that runs it in onnxruntime.
 *
 * @param start the state that training starts from; it is not changed
 */
export async function createLoopEngine(
  definition: StepDefinition,
  start: TrainingState,
  { device = "cpu", threads = 0 }: LoopEngineOptions = {},
): Promise<Engine> {
  const { traced, state, perStep, metrics } = traceTrainStep(definition);
  const model = encodeLoop(traced, {
    state: Object.fromEntries(state.map(({ input, output }) => [input, output])),
    perStep: Object.keys(perStep),
    collect: metrics.map(metricOutput),
  });
  const session = await ort.InferenceSession.create(model, trainingSessionOptions(threads, device));

  // Every run returns new arrays: onnxruntime copies its results even if it is given arrays for them.
  let current = start;
  let isStart = true;
  let disposed = false;

  return {
    name: `onnxruntime (${device === "cpu" ? `cpu, ${threads === 0 ? "all" : threads} thread${threads === 1 ? "" : "s"}` : device})`,

    async run(inputs: StepInputs): Promise<NamedArrays> {
      if (disposed) throw new Error("This engine has been disposed");
      const feeds: Record<string, ort.Tensor> = {};
      for (const { part, name, shape, input } of state) {
        feeds[initialInput(input)] = new ort.Tensor("float32", current[part][name]!.data, shape);
      }
      const arrays = stackedInputs(inputs);
      for (const [name, shape] of Object.entries(perStep)) {
        feeds[stacked(name)] = new ort.Tensor("float32", arrays[name]!, [inputs.steps, ...shape]);
      }
      const results = await session.run(feeds);
      const resultOf = (name: string) => results[name]!.data as Float32Array<ArrayBuffer>;
      const past = current;
      current = stateOf(state, ({ output }) => resultOf(output));
      // The caller owns the state that training started from.
      if (!isStart) freeBuffers(stateParts.flatMap((part) => Object.values(past[part]).map(({ data }) => data.buffer)));
      isStart = false;
      return Object.fromEntries(metrics.map((name) => [name, resultOf(metricOutput(name))]));
    },

    state: async () => current,

    async [Symbol.asyncDispose](): Promise<void> {
      if (disposed) return;
      disposed = true;
      await session.release();
    },
  };
}
