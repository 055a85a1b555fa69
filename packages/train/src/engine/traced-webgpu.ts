/**
 * The traced step on onnxruntime's WebGPU provider: one call of onnxruntime for each step. The state stays in GPU
 * buffers from call to call, and so do the metrics, which are read together after the last step of a run. An ONNX Loop would be slower: onnxruntime runs the Loop itself on the CPU, so the state
 * would be copied there and back at every step.
 *
 * All nodes must run on the GPU: onnxruntime is told to refuse the graph otherwise.
 */
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { outputsOnGpu, WebgpuTransfers } from "@air-onnx/runtime-node/webgpu-transfers";
import { encodeGraph, trace } from "@air-onnx/tracer";
import type { NamedArrays, TrainingState } from "@air-onnx/trainer";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { trainingSessionOptions } from "./session-options.js";
import { METRICS_OUTPUT, type StateVariable, stackedInputs, stateOf, traceTrainStep } from "./traced-step.js";

/**
 * Traces the step of `definition` and creates an engine that runs it on a GPU by WebGPU.
 *
 * @param start the state that training starts from; it is not changed
 */
export async function createTracedWebgpuEngine(definition: StepDefinition, start: TrainingState): Promise<Engine> {
  const { traced, state, perStep, metrics } = traceTrainStep(definition, { joinMetrics: true });
  const session = await ort.InferenceSession.create(encodeGraph(traced), {
    ...trainingSessionOptions(0, "webgpu"),
    ...outputsOnGpu,
  });
  const transfers = new WebgpuTransfers();
  // The session that reads the state, created at the first read.
  let reader: Promise<ort.InferenceSession> | undefined;
  let current: Record<string, ort.Tensor> = Object.fromEntries(
    state.map(({ part, name, shape, input }) => [
      input,
      new ort.Tensor("float32", start[part][name]!.data.slice(), shape),
    ]),
  );
  let disposed = false;

  return {
    name: "onnxruntime (webgpu)",

    async run(inputs: StepInputs): Promise<NamedArrays> {
      if (disposed) throw new Error("This engine has been disposed");
      // Metrics of each step, read after the last: nothing waits for the GPU before.
      const kept: ort.Tensor[] = [];
      const arrays = stackedInputs(inputs);
      for (let k = 0; k < inputs.steps; k++) {
        const feeds = { ...current };
        for (const [name, shape] of Object.entries(perStep)) {
          const size = shape.reduce((product, dim) => product * dim, 1);
          feeds[name] = new ort.Tensor("float32", arrays[name]!.subarray(k * size, (k + 1) * size), shape);
        }
        const results = await session.run(feeds);
        const next = Object.fromEntries(state.map(({ input, output }) => [input, results[output]!]));
        for (const tensor of Object.values(current)) tensor.dispose();
        current = next;
        kept.push(transfers.readable(results[METRICS_OUTPUT]!));
      }
      const rows = (await Promise.all(kept.map((tensor) => tensor.getData(true)))) as Float32Array[];
      return Object.fromEntries(metrics.map((name, i) => [name, Float32Array.from(rows, (row) => row[i]!)]));
    },

    async state(): Promise<TrainingState> {
      reader ??= createReader(state);
      const results = await (await reader).run(current);
      return stateOf(state, ({ output }) => results[output]!.data as Float32Array<ArrayBuffer>);
    },

    async [Symbol.asyncDispose](): Promise<void> {
      if (disposed) return;
      disposed = true;
      for (const tensor of Object.values(current)) tensor.dispose();
      await (await reader)?.release();
      await transfers.release();
      await session.release();
    },
  };
}

/**
 * A session that copies the state from GPU buffers to the CPU, by a graph whose outputs are its inputs. The tensors'
 * own method `getData` aborts the process (onnxruntime-node 1.30).
 */
function createReader(state: readonly StateVariable[]): Promise<ort.InferenceSession> {
  const copy = trace(
    (tensors) => Object.fromEntries(state.map(({ input, output }) => [output, tensors[input]!.clone()])),
    { inputs: Object.fromEntries(state.map(({ input, shape }) => [input, { shape }])) },
  );
  return ort.InferenceSession.create(encodeGraph(copy), trainingSessionOptions(0, "webgpu"));
}
