/**
 * Opens a model's graphs as onnxruntime sessions on one device, in the calling page or worker.
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

/** Options of {@link openModel}. */
export interface OpenOptions {
  readonly files: ModelFiles;
  readonly powerPreference: GPUPowerPreference | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens the sessions and runs each once: on WebGPU the first run compiles the shaders and shows whether they work.
 *
 * @param ort an edition of onnxruntime that has been started
 * @throws {DeviceUnavailableError} if the device cannot run here
 * @throws {ModelFileError} for a graph that onnxruntime cannot load, or whose inputs or outputs are wrong
 * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape on this device
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

/** Wraps a model's calls so that they fail with a `DeviceLostError` when the GPU is lost. */
function onGpu(model: ModelCalls, gpu: Gpu): ModelCalls {
  return {
    infer: ((...args) => gpu.guard(model.infer(...args))) as ModelCalls["infer"],
    inferPictures: (...args) => gpu.guard(model.inferPictures(...args)),
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
    // Only one provider is named: from a list onnxruntime would drop unavailable ones with no more than a warning.
    const options: InferenceSession.SessionOptions = gpu
      ? {
          executionProviders: [{ name: "webgpu", device: gpu.device }],
          // Outputs stay on the GPU: those that are read are downloaded together after the run, the state not at all.
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
