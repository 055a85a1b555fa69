/**
 * The default engine: the whole training step traced once into an ONNX Loop, so that one call of onnxruntime advances many
 * steps. It installs everywhere and is several times faster than eager tfjs; on CUDA, the Loop keeps the state on the
 * device from its first step to its last.
 */

import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { encodeLoop, initialState, stacked } from "@air-onnx/tracer";
import { type NamedArrays, stateParts, type TrainingState } from "../training-state.js";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { trainingSessionOptions } from "./session-options.js";
import { metricOutput, stackedInputs, stateOf, traceTrainStep } from "./traced-step.js";

export interface TracedEngineOptions {
  /** The provider of onnxruntime that runs the graph, default `cpu`; see traced-webgpu.ts for `webgpu`. */
  readonly device?: "cpu" | "cuda";
  /** Threads of one operator on the CPU; 0 lets onnxruntime choose. */
  readonly threads?: number;
}

/** Traces the step and loads it into onnxruntime. */
export async function createTracedEngine(
  definition: StepDefinition,
  start: TrainingState,
  { device = "cpu", threads = 0 }: TracedEngineOptions = {},
): Promise<Engine> {
  const { traced, state, perStep, metrics } = traceTrainStep(definition);
  const model = encodeLoop(traced, {
    state: Object.fromEntries(state.map(({ input, output }) => [input, output])),
    perStep: Object.keys(perStep),
    collect: metrics.map(metricOutput),
  });
  const session = await ort.InferenceSession.create(model, trainingSessionOptions(threads, device));

  // Each run brings new arrays, on the CPU too: onnxruntime copies its results even where it is given memory to put them in.
  let current = start;
  let isStart = true;
  let disposed = false;

  return {
    name: `onnxruntime (${device === "cpu" ? `cpu, ${threads === 0 ? "all" : threads} thread${threads === 1 ? "" : "s"}` : device})`,

    async run(inputs: StepInputs): Promise<NamedArrays> {
      if (disposed) throw new Error("This engine has been disposed");
      const feeds: Record<string, ort.Tensor> = {};
      for (const { part, name, shape, input } of state) {
        feeds[initialState(input)] = new ort.Tensor("float32", current[part][name]!.data, shape);
      }
      const arrays = stackedInputs(inputs);
      for (const [name, shape] of Object.entries(perStep)) {
        feeds[stacked(name)] = new ort.Tensor("float32", arrays[name]!, [inputs.steps, ...shape]);
      }
      const results = await session.run(feeds);
      const resultOf = (name: string) => results[name]!.data as Float32Array<ArrayBuffer>;
      const past = current;
      current = stateOf(state, ({ output }) => resultOf(output));
      // What training starts from is the caller's.
      if (!isStart) free(past);
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

/**
 * Gives the memory of `state` back at once; its arrays are empty from then on. The garbage collector would let several runs'
 * worth of them gather first.
 */
function free(state: TrainingState): void {
  const buffers = stateParts.flatMap((part) => Object.values(state[part]).map(({ data }) => data.buffer));
  const { port1, port2 } = new MessageChannel();
  // Whatever is on its way to a port that closes goes with it.
  port1.postMessage(undefined, buffers);
  port1.close();
  port2.close();
}
