/**
 * The engine of the CPU, the default: onnxruntime computes the gradients of a step in a traced graph, and one loop of
 * WebAssembly updates the state in place. It installs everywhere and is many times faster than eager tfjs.
 *
 * An update inside the graph costs a third of a step: onnxruntime fuses no elementwise operations on the CPU, so Adam goes
 * eleven times over all parameters, each time into new memory.
 */
import { freeBuffers } from "@air-onnx/core";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { encodeGraph } from "@air-onnx/tracer";
import type { NamedArrays, TrainingState } from "@air-onnx/trainer";
import { kernelScalars } from "../optimizer/adam.js";
import { adamKernel } from "../optimizer/adam-kernel.js";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { trainingSessionOptions } from "./session-options.js";
import { allocateState } from "./state-memory.js";
import { clipOutput, metricOutput, stackedInputs, traceGradients } from "./traced-step.js";

/** Options of {@link createInPlaceEngine}. */
export interface InPlaceEngineOptions {
  /** Threads of one operator; 0, the default, lets onnxruntime choose. */
  readonly threads?: number;
}

/**
 * Traces the gradients of `definition` and creates an engine that runs them in onnxruntime and updates the state in place.
 *
 * @param start the state that training starts from; it is not changed
 * @throws {RangeError} if there are more than 256 million parameters
 */
export async function createInPlaceEngine(
  definition: StepDefinition,
  start: TrainingState,
  { threads = 0 }: InPlaceEngineOptions = {},
): Promise<Engine> {
  const { adam, learningRateScales } = definition;
  const { traced, parameters, perStep, metrics, clipGroups } = traceGradients(definition);
  // Before the session, which would have to be released if there are too many parameters.
  const { memory, state, gradients, places } = allocateState(start);
  const update = adamKernel(memory);
  const session = await ort.InferenceSession.create(encodeGraph(traced), trainingSessionOptions(threads));

  // onnxruntime reads feeds from where they are and writes fetches to where they are: these tensors serve every step.
  const weights = Object.fromEntries(
    parameters.map(({ name, shape, input }) => [input, new ort.Tensor("float32", state.parameters[name]!.data, shape)]),
  );
  const fetches: Record<string, ort.Tensor | null> = Object.fromEntries([
    ...parameters.map(
      ({ name, shape, output }) => [output, new ort.Tensor("float32", gradients[name]!.data, shape)] as const,
    ),
    ...clipGroups.map((group) => [clipOutput(group), null] as const),
    ...metrics.map((name) => [metricOutput(name), null] as const),
  ]);
  const perStepSizes = Object.entries(perStep).map(
    ([name, shape]) => [name, shape, shape.reduce((product, dim) => product * dim, 1)] as const,
  );
  let disposed = false;

  return {
    name: `onnxruntime (cpu, ${threads === 0 ? "all" : threads} thread${threads === 1 ? "" : "s"})`,

    async run(inputs: StepInputs): Promise<NamedArrays> {
      if (disposed) throw new Error("This engine has been disposed");
      const arrays = stackedInputs(inputs);
      const collected: NamedArrays = Object.fromEntries(metrics.map((name) => [name, new Float32Array(inputs.steps)]));
      for (let k = 0; k < inputs.steps; k++) {
        const feeds: Record<string, ort.Tensor> = { ...weights };
        for (const [name, shape, size] of perStepSizes) {
          feeds[name] = new ort.Tensor("float32", arrays[name]!.subarray(k * size, (k + 1) * size), shape);
        }
        const results = await session.run(feeds, fetches);
        const scalar = (output: string): number => (results[output]!.data as Float32Array)[0]!;
        for (const name of metrics) collected[name]![k] = scalar(metricOutput(name));
        const clips = Object.fromEntries(clipGroups.map((group) => [group, scalar(clipOutput(group))]));
        const scalars = { stepSize: inputs.stepSize[k]!, rootCorrection: inputs.rootCorrection[k]! };
        for (const { name, clipGroup } of parameters) {
          const { step, epsilon } = kernelScalars(scalars, adam, learningRateScales[name]);
          update(places.get(name)!, { ...adam, clip: clips[clipGroup]!, step, epsilon });
        }
        // Beside what it wrote into the memory, onnxruntime-node returns a copy of each gradient.
        freeBuffers(parameters.map(({ output }) => (results[output]!.data as Float32Array<ArrayBuffer>).buffer));
      }
      return collected;
    },

    state: async () => state,

    async [Symbol.asyncDispose](): Promise<void> {
      if (disposed) return;
      disposed = true;
      await session.release();
    },
  };
}
