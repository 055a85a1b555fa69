/**
 * The engine of the CPU, the default: onnxruntime computes the gradients of a step in a traced graph, and one loop of
 * WebAssembly updates the state in place. It installs everywhere and is many times faster than eager tfjs.
 *
 * An update inside the graph costs a third of a step: onnxruntime fuses no elementwise operations on the CPU, so Adam goes
 * eleven times over all parameters, each time into new memory.
 *
 * The batch may be in parts, each in a thread of its own. Most operations of a step are too small for onnxruntime to share
 * out to threads itself.
 */
import { freeBuffers } from "@air-onnx/core";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { encodeGraph } from "@air-onnx/tracer";
import type { NamedArrays, TrainingState } from "@air-onnx/trainer";
import { kernelScalars } from "../optimizer/adam.js";
import { stateKernels } from "../optimizer/adam-kernel.js";
import { allDone } from "./all-done.js";
import { partDefinition, partOf } from "./batch-parts.js";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { type ClipFactors, OtherParts } from "./other-parts.js";
import { trainingSessionOptions } from "./session-options.js";
import { allocateState } from "./state-memory.js";
import { clipOutput, metricOutput, perStepShapes, stackedInputs, traceGradients } from "./traced-step.js";

/** Options of {@link createInPlaceEngine}. */
export interface InPlaceEngineOptions {
  /** Threads of one operator; 0, the default, lets onnxruntime choose. */
  readonly threads?: number;
  /** Equal parts of the batch that are computed side by side, each with `threads` threads; 1 by default. */
  readonly parts?: number;
}

/**
 * Traces the gradients of `definition` and creates an engine that runs them in onnxruntime and updates the state in place.
 *
 * @param start the state that training starts from; it is not changed
 * @throws {RangeError} if there are more than 256 million parameters,
 *   or the images of a step cannot be shared out to the parts evenly
 */
export async function createInPlaceEngine(
  definition: StepDefinition,
  start: TrainingState,
  { threads = 0, parts = 1 }: InPlaceEngineOptions = {},
): Promise<Engine> {
  const { adam, learningRateScales } = definition;
  const { traced, parameters, perStep, metrics, clipGroups } = traceGradients(partDefinition(definition, parts));
  // Before the session, which would have to be released if there are too many parameters.
  const stateMemory = allocateState(start, { incoming: parts > 1 });
  const { memory, state, gradients, places } = stateMemory;
  const kernels = stateKernels(memory);
  const graph = encodeGraph(traced);
  // Before the other threads: they inherit from this one that denormal numbers are zero.
  const session = await ort.InferenceSession.create(graph, trainingSessionOptions(threads));
  const others =
    parts === 1
      ? undefined
      : await OtherParts.start(parts - 1, {
          ...{ graph, threads, perStep, parameters, metrics },
          ...{ state: stateMemory, kernels, clipNorm: definition.clipNorm },
        }).catch(async (cause: unknown) => {
          await session.release();
          throw cause;
        });

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
  const wholeSizes = Object.entries(perStepShapes(definition)).map(
    ([name, shape]) => [name, shape, shape.reduce((product, dim) => product * dim, 1)] as const,
  );
  /** The inputs of step `k` for one part. */
  const inputsOf = (arrays: NamedArrays, k: number, part: number): NamedArrays =>
    Object.fromEntries(
      wholeSizes.map(([name, shape, size]) => [
        name,
        partOf(arrays[name]!.subarray(k * size, (k + 1) * size), shape, perStep[name]!, part),
      ]),
    );
  let disposed = false;

  return {
    name: engineName(definition, threads, parts),

    async run(inputs: StepInputs): Promise<NamedArrays> {
      if (disposed) throw new Error("This engine has been disposed");
      const arrays = stackedInputs(inputs);
      const collected: NamedArrays = Object.fromEntries(metrics.map((name) => [name, new Float32Array(inputs.steps)]));
      for (let k = 0; k < inputs.steps; k++) {
        const feeds: Record<string, ort.Tensor> = { ...weights };
        for (const [name, data] of Object.entries(inputsOf(arrays, k, 0))) {
          feeds[name] = new ort.Tensor("float32", data, perStep[name]!);
        }
        const [rest, results] = await allDone([
          others?.compute((part) => inputsOf(arrays, k, part)),
          session.run(feeds, fetches),
        ]);
        const scalar = (output: string): number => (results[output]!.data as Float32Array)[0]!;
        const own = {
          metrics: Object.fromEntries(metrics.map((name) => [name, scalar(metricOutput(name))])),
          clips: Object.fromEntries(clipGroups.map((group) => [group, scalar(clipOutput(group))])) as ClipFactors,
        };
        const step = rest === undefined ? own : others!.combine(own.metrics, rest);
        for (const name of metrics) collected[name]![k] = step.metrics[name]!;
        const scalars = { stepSize: inputs.stepSize[k]!, rootCorrection: inputs.rootCorrection[k]! };
        for (const { name, clipGroup } of parameters) {
          const numbers = kernelScalars(scalars, adam, learningRateScales[name]);
          kernels.update(places.get(name)!, { ...adam, clip: step.clips[clipGroup]!, ...numbers });
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
      await others?.close();
      await session.release();
    },
  };
}

function engineName({ batchSize, composed }: StepDefinition, threads: number, parts: number): string {
  const each = `${threads === 0 ? "all" : threads} thread${threads === 1 ? "" : "s"}`;
  if (parts === 1) return `onnxruntime (cpu, ${each})`;
  return `onnxruntime (cpu, ${parts} parts of ${(batchSize + (composed?.images ?? 0)) / parts} images side by side)`;
}
