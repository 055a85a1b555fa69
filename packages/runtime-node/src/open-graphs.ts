/** A model's graphs as onnxruntime-node sessions on one device: all of them, or none. */
import {
  type AirConfig,
  type GraphName,
  graphNames,
  graphSignatures,
  ModelFileError,
  signatureDifferences,
} from "@air-onnx/core";
import { createSession, type Device, requireDevice } from "./devices.js";
import type { InferenceSession } from "./onnxruntime.js";

export { readModelFolder } from "./model-folder.js";

export type GraphSessions = Readonly<Record<GraphName, InferenceSession>>;

export interface OpenGraphOptions {
  /** Where to run, `cpu` by default; there or not at all. */
  readonly device?: Device | undefined;
  /** Threads within an operator on the CPU; onnxruntime takes one per physical core by default. */
  readonly threads?: number | undefined;
}

export interface OpenGraphsOptions extends OpenGraphOptions {
  /** What errors call a graph, such as its file; `the encoder graph` and so on by default. */
  readonly nameOf?: ((graph: GraphName) => string) | undefined;
  /** Checked before each graph; the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the serialised graphs of a model. {@link releaseGraphs} frees them; if one cannot be opened, none stays open.
 *
 * @throws {DeviceUnavailableError} if the device cannot run here, with onnxruntime's reason
 * @throws {ModelFileError} for a graph that onnxruntime cannot load, or that is not the one of this configuration
 */
export async function openGraphs(
  graphs: Readonly<Record<GraphName, Uint8Array>>,
  config: AirConfig,
  { signal, nameOf = (graph) => `the ${graph} graph`, ...options }: OpenGraphsOptions = {},
): Promise<GraphSessions> {
  const { device = "cpu" } = options;
  if (device !== "cpu") await requireDevice(device);
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

/** Frees the sessions of {@link openGraphs}. */
export async function releaseGraphs(sessions: Partial<GraphSessions>): Promise<void> {
  await Promise.all(Object.values(sessions).map((session) => session.release()));
}

/**
 * Opens one graph.
 *
 * @param name what errors call it
 * @throws {ModelFileError} if onnxruntime cannot load it
 */
export async function openGraph(
  graph: Uint8Array,
  name: string,
  { device = "cpu", threads }: OpenGraphOptions = {},
): Promise<InferenceSession> {
  try {
    return await createSession(graph, device, threads === undefined ? {} : { intraOpNumThreads: threads });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`onnxruntime cannot load ${name} on ${device}: ${reason}`, {
      kind: "graph",
      file: name,
      cause,
    });
  }
}
