/** The program of a thread that computes the gradients of one part of each batch: see gradient-worker.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { freeBuffers } from "@air-onnx/core/free-buffers";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import type { NamedArrays } from "@air-onnx/trainer";
import type { GradientAnswer, GradientRequest, GradientSetup } from "./gradient-worker.js";
import { trainingSessionOptions } from "./session-options.js";

const { graph, threads, parameters, perStep, metrics, sharedParameters, sharedGradients } = workerData as GradientSetup;
const port = parentPort!;
const session = await ort.InferenceSession.create(graph, trainingSessionOptions(threads));

// onnxruntime-node refuses shared memory, so each thread has a copy of the parameters.
const current = new Float32Array(sharedParameters);
const gradients = new Float32Array(sharedGradients);
const own = new Float32Array(current.length);
const weights = Object.fromEntries(
  parameters.map(({ input, shape, begin }) => {
    const length = shape.reduce((product, side) => product * side, 1);
    return [input, new ort.Tensor("float32", own.subarray(begin, begin + length), shape)];
  }),
);
const outputs = [...parameters.map(({ output }) => output), ...metrics.map(({ output }) => output)];

async function compute(inputs: NamedArrays): Promise<GradientAnswer> {
  own.set(current);
  const feeds: Record<string, ort.Tensor> = { ...weights };
  for (const [name, shape] of Object.entries(perStep)) feeds[name] = new ort.Tensor("float32", inputs[name]!, shape);
  const results = await session.run(feeds, outputs);
  const arrayOf = (output: string) => results[output]!.data as Float32Array<ArrayBuffer>;
  for (const { output, begin } of parameters) gradients.set(arrayOf(output), begin);
  freeBuffers(parameters.map(({ output }) => arrayOf(output).buffer));
  return { metrics: Object.fromEntries(metrics.map(({ name, output }) => [name, arrayOf(output)[0]!])) };
}

async function answer(request: GradientRequest): Promise<void> {
  if (request === "close") {
    await session.release();
    port.close();
    return;
  }
  try {
    port.postMessage(await compute(request));
  } catch (cause) {
    port.postMessage({ error: cause instanceof Error ? cause.message : String(cause) } satisfies GradientAnswer);
  }
}

port.on("message", (request: GradientRequest) => void answer(request));
// Says that the thread is ready.
port.postMessage({ metrics: {} } satisfies GradientAnswer);
