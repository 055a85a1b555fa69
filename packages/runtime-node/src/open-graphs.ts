/** Opens a model's graphs as onnxruntime-node sessions on one device: all of them, or none. */
import {
  type AirConfig,
  type GraphName,
  graphNames,
  graphSignatures,
  ModelFileError,
  signatureDifferences,
} from "@air-onnx/core";
import { requireProbedDevice } from "./device-probe.js";
import { createSession, type Device, requireDevice } from "./devices.js";
import type { InferenceSession } from "./onnxruntime.js";
import { outputsOnGpu } from "./webgpu-transfers.js";

export { type ModelFolderOptions, readModelFolder, readSceneFile } from "./model-folder.js";

/** Open sessions of a model's graphs, by the graphs' names. */
export type GraphSessions = Readonly<Record<GraphName, InferenceSession>>;

/** Options of {@link openGraph}. */
export interface OpenGraphOptions {
  /** Device to run on, `cpu` by default; if it is not available, opening fails. */
  readonly device?: Device | undefined;
  /** Threads within an operator on the CPU; by default onnxruntime uses one per physical core. */
  readonly threads?: number | undefined;
  /** Where the outputs of runs are: `cpu` by default; on `webgpu` they can stay on the GPU (`webgpuGraphs`). */
  readonly outputs?: "cpu" | "gpu" | undefined;
}

/** Options of {@link openGraphs}. */
export interface OpenGraphsOptions extends OpenGraphOptions {
  /** Gives the name of a graph in error messages, such as its file; `the encoder graph` and so on by default. */
  readonly nameOf?: ((graph: GraphName) => string) | undefined;
  /** Whether a GPU is first tried in a process of its own, by `probeDevice`; false by default. */
  readonly probeApart?: boolean | undefined;
  /** Aborts the call, which then rejects with the signal's reason; checked before each graph. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the serialised graphs of a model; {@link releaseGraphs} releases them. If one cannot be opened, none stays open.
 *
 * @throws {DeviceUnavailableError} if the device cannot run here, with onnxruntime's reason
 * @throws {ModelFileError} for a graph that onnxruntime cannot load, or whose inputs or outputs do not match `config`
 */
export async function openGraphs(
  graphs: Readonly<Record<GraphName, Uint8Array>>,
  config: AirConfig,
  { signal, probeApart = false, nameOf = (graph) => `the ${graph} graph`, ...options }: OpenGraphsOptions = {},
): Promise<GraphSessions> {
  const { device = "cpu" } = options;
  if (device !== "cpu") await (probeApart ? requireProbedDevice(device) : requireDevice(device));
  const signatures = graphSignatures(config);
  const sessions: Partial<Record<GraphName, InferenceSession>> = {};
  try {
    for (const graph of graphNames) {
      signal?.throwIfAborted();
      const session = await openGraph(graphs[graph], nameOf(graph), options);
      sessions[graph] = session;
      const differences = signatureDifferences(session, signatures[graph]);
      if (differences.length > 0) {
        throw new ModelFileError(
          `${nameOf(graph)} is not the ${graph} graph of this model: ${differences.join("; ")}`,
          {
            kind: "graph",
            file: nameOf(graph),
          },
        );
      }
    }
  } catch (cause) {
    await releaseGraphs(sessions);
    throw cause;
  }
  return sessions as GraphSessions;
}

/** Releases the sessions of {@link openGraphs}. */
export async function releaseGraphs(sessions: Partial<GraphSessions>): Promise<void> {
  await Promise.all(Object.values(sessions).map((session) => session.release()));
}

/**
 * Opens one graph.
 *
 * @param graph the serialised ONNX model
 * @param name name of the graph in error messages
 * @throws {ModelFileError} if onnxruntime cannot load it
 */
export async function openGraph(
  graph: Uint8Array,
  name: string,
  { device = "cpu", threads, outputs = "cpu" }: OpenGraphOptions = {},
): Promise<InferenceSession> {
  try {
    return await createSession(graph, device, {
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      ...(outputs === "gpu" ? outputsOnGpu : {}),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`onnxruntime cannot load ${name} on ${device}: ${reason}`, {
      kind: "graph",
      file: name,
      cause,
    });
  }
}
