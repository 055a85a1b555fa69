/**
 * The engine of CUDA: the training step is traced once into the body of an ONNX Loop, so that one call of onnxruntime runs
 * many steps and the state stays on the device from the first to the last. It runs on the CPU, too, where tests compare it
 * with the engine that updates in place.
 */
import { freeBuffers } from "@air-onnx/core";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { stacked } from "@air-onnx/tracer";
import { type NamedArrays, runTrainingLoop, stateParts, type TrainingState } from "@air-onnx/trainer";
import { encodeTrainingLoop } from "./encoded-loop.js";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { trainingSessionOptions } from "./session-options.js";
import { stackedInputs } from "./traced-step.js";

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
  const { model, signature } = encodeTrainingLoop(definition);
  const session = await ort.InferenceSession.create(model, trainingSessionOptions(threads, device));

  // Every run returns new arrays: onnxruntime copies its results even if it is given arrays for them.
  let current = start;
  let isStart = true;
  let disposed = false;

  return {
    name: `onnxruntime (${device === "cpu" ? `cpu, ${threads === 0 ? "all" : threads} thread${threads === 1 ? "" : "s"}` : device})`,

    async run(inputs: StepInputs): Promise<NamedArrays> {
      if (disposed) throw new Error("This engine has been disposed");
      const arrays = Object.entries(stackedInputs(inputs)).map(([name, data]) => [stacked(name), data] as const);
      const { state, metrics } = await runTrainingLoop(
        session,
        signature,
        current,
        Object.fromEntries(arrays),
        inputs.steps,
      );
      const past = current;
      current = state;
      // The caller owns the state that training started from.
      if (!isStart) freeBuffers(stateParts.flatMap((part) => Object.values(past[part]).map(({ data }) => data.buffer)));
      isStart = false;
      return metrics;
    },

    state: async () => current,

    async [Symbol.asyncDispose](): Promise<void> {
      if (disposed) return;
      disposed = true;
      await session.release();
    },
  };
}
