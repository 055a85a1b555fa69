/**
 * A model's graphs → sessions of onnxruntime on one device, in the page or worker that calls.
 */
import {
  type GraphName,
  graphNames,
  graphSignatures,
  LoadedModel,
  ModelFileError,
  type ModelSessions,
  priorWindow,
  signatureDifferences,
} from "@air-onnx/core";
import type { InferenceSession } from "onnxruntime-web";
import type { Device } from "./devices.js";
import { Gpu, requestGpu } from "./gpu.js";
import { GpuGraph } from "./gpu-graph.js";
import type { ModelCalls } from "./model-calls.js";
import type { ModelFiles } from "./model-files.js";
import { ERRORS, type Ort, oneAtATime } from "./onnxruntime.js";

export interface OpenOptions {
  readonly files: ModelFiles;
  readonly powerPreference: GPUPowerPreference | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens the sessions and runs each once: the first run on WebGPU compiles its programs, and shows whether they work.
 *
 * @param ort started
 * @throws {DeviceUnavailableError} if the device cannot run here
 * @throws {ModelFileError} for a graph that onnxruntime cannot load, or that is not the one of its name
 * @throws {GraphOutputError} if the device computes nonsense
 */
export async function openModel(ort: Ort, device: Device, options: OpenOptions): Promise<ModelCalls> {
  const { files, powerPreference, signal } = options;
  const { manifest } = files;
  const gpu = device === "webgpu" ? new Gpu(await requestGpu(powerPreference)) : undefined;
  try {
    const sessions = await openSessions(ort, files, gpu, signal);
    const model = new LoadedModel(manifest, sessions, device);
    const calls = gpu ? onGpu(model, gpu) : model;
    try {
      await warmUp(calls, options);
    } catch (error) {
      await model.dispose();
      throw error;
    }
    return calls;
  } catch (error) {
    gpu?.close();
    throw error;
  }
}

/** The model, with a lost GPU reported as what it is, whatever it made a call fail with. */
function onGpu(model: ModelCalls, gpu: Gpu): ModelCalls {
  return {
    infer: (...args) => gpu.guard(model.infer(...args)),
    evidence: (...args) => gpu.guard(model.evidence(...args)),
    decode: (...args) => gpu.guard(model.decode(...args)),
    sample: (...args) => gpu.guard(model.sample(...args)),
    dispose: () => model.dispose().finally(() => gpu.close()),
  };
}

async function warmUp(model: ModelCalls, { files, signal }: OpenOptions): Promise<void> {
  const config = files.manifest.model;
  const { channels, imageSize, zWhatSize } = config;
  await model.infer(new Float32Array(channels * imageSize ** 2), { steps: 1, signal });
  const object = { zWhere: priorWindow(config), zWhat: new Float32Array(zWhatSize) };
  await model.decode([{ objects: [object] }], { signal });
}

async function openSessions(
  ort: Ort,
  { manifest, graphs }: ModelFiles,
  gpu: Gpu | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelSessions> {
  const signatures = graphSignatures(manifest.model);
  const sessions: Partial<Record<GraphName, ModelSessions[GraphName]>> = {};
  try {
    for (const name of graphNames) {
      signal?.throwIfAborted();
      const file = manifest.files[name].path;
      const session = await openGraph(ort, graphs[name], file, gpu);
      sessions[name] = gpu ? new GpuGraph(session, ort, gpu) : session;
      const differences = signatureDifferences(session, signatures[name]);
      if (differences.length > 0) {
        throw new ModelFileError(`${file} is not the ${name} graph of this model: ${differences.join("; ")}`, {
          kind: "graph",
          file,
        });
      }
    }
  } catch (error) {
    await Promise.all(Object.values(sessions).map((session) => session.release()));
    throw error;
  }
  return sessions as ModelSessions;
}

async function openGraph(ort: Ort, graph: Uint8Array, file: string, gpu: Gpu | undefined): Promise<InferenceSession> {
  try {
    // Of several providers onnxruntime would drop those that are missing with no more than a warning: so name one.
    const options: InferenceSession.SessionOptions = gpu
      ? {
          executionProviders: [{ name: "webgpu", device: gpu.device }],
          // All that is read is downloaded at once, after the run; the state is not downloaded to be uploaded again.
          preferredOutputLocation: "gpu-buffer",
        }
      : { executionProviders: ["wasm"] };
    return await oneAtATime(ort, () => ort.InferenceSession.create(graph, { ...options, logSeverityLevel: ERRORS }));
  } catch (cause) {
    const device = gpu ? "webgpu" : "wasm";
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`onnxruntime cannot load ${file} on ${device}: ${reason}`, { kind: "graph", file, cause });
  }
}
