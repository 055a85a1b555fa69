/**
 * The default engine: the whole training step traced once into an ONNX Loop, so that one call of onnxruntime advances many
 * steps. It installs everywhere and is several times faster than eager tfjs; on CUDA, the Loop keeps the state on the
 * device from its first step to its last.
 */

import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { encodeLoop, initialState, stacked } from "@air-onnx/tracer";
import {
  type Arrays,
  type Engine,
  type EngineState,
  mapState,
  type StepDefinition,
  type StepInputs,
} from "./engine.js";
import { trainingSessionOptions } from "./session-options.js";
import { metricOutput, stackedInputs, stateOf, traceTrainStep } from "./traced-step.js";

export interface TracedEngineOptions {
  /** The provider of onnxruntime that runs the graph, default `cpu`; see chained.ts for `webgpu`. */
  readonly device?: "cpu" | "cuda";
  /** Threads of one operator on the CPU; 0 lets onnxruntime choose. */
  readonly threads?: number;
}

/** Traces the step and loads it into onnxruntime. */
export async function createTracedEngine(
  definition: StepDefinition,
  start: EngineState,
  { device = "cpu", threads = 0 }: TracedEngineOptions = {},
): Promise<Engine> {
  const { traced, state, perStep, metrics } = traceTrainStep(definition);
  const model = encodeLoop(traced, {
    state: Object.fromEntries(state.map(({ input, output }) => [input, output])),
    perStep: Object.keys(perStep),
    collect: metrics.map(metricOutput),
  });
  const session = await ort.InferenceSession.create(model, trainingSessionOptions(threads, device));

  let current = mapState(start, (data) => data.slice());
  // On the CPU, two copies of the state take turns as input and output. onnxruntime may overwrite an output before the last
  // read of an input, so they must not be the same memory. From a device, each run brings new arrays.
  let spare = device === "cpu" ? mapState(start, (data) => new Float32Array(data.length)) : undefined;
  let disposed = false;

  return {
    name: `onnxruntime (${device === "cpu" ? `cpu, ${threads === 0 ? "all" : threads} thread${threads === 1 ? "" : "s"}` : device})`,

    async run(inputs: StepInputs): Promise<Arrays> {
      if (disposed) throw new Error("This engine has been disposed");
      const feeds: Record<string, ort.Tensor> = {};
      const fetches: Record<string, ort.Tensor | null> = {};
      for (const { part, name, shape, input, output } of state) {
        feeds[initialState(input)] = new ort.Tensor("float32", current[part][name]!, shape);
        fetches[output] = spare ? new ort.Tensor("float32", spare[part][name]!, shape) : null;
      }
      const arrays: Arrays = stackedInputs(inputs);
      for (const [name, shape] of Object.entries(perStep)) {
        feeds[stacked(name)] = new ort.Tensor("float32", arrays[name]!, [inputs.steps, ...shape]);
      }
      for (const name of metrics) fetches[metricOutput(name)] = null;
      const results = await session.run(feeds, fetches);
      const resultOf = (name: string) => results[name]!.data as Float32Array<ArrayBuffer>;
      if (spare) [current, spare] = [spare, current];
      else current = stateOf(state, ({ output }) => resultOf(output));
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
