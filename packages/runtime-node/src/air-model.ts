/**
 * An exported model, opened in Node: a folder's graphs as onnxruntime-node sessions on one device.
 */
import {
  type GraphName,
  graphNames,
  graphSignatures,
  LoadedModel,
  type LoadingOptions,
  type Manifest,
  ModelFileError,
  type ModelSessions,
  requireInteger,
  sceneGraph,
  signatureDifferences,
} from "@air-onnx/core";
import { createSession, type Device, DeviceUnavailableError, devices, whyUnavailable } from "./devices.js";
import { readModelFolder } from "./model-folder.js";
import type { InferenceSession } from "./onnxruntime.js";

/** Options of {@link AirModel.fromPretrained}. */
export interface LoadOptions extends LoadingOptions<Device> {
  /**
   * Where to run, `cpu` by default. A named device runs there or is an error; `auto` tries `cuda`, then `cpu`, and says
   * so through `onNotice`.
   */
  readonly device?: Device | "auto" | undefined;
  /** Threads within an operator on the CPU; onnxruntime takes one per physical core by default. */
  readonly threads?: number | undefined;
  /** Compare every file's size and SHA-256 with the manifest, true by default. */
  readonly verify?: boolean | undefined;
  /** Called with a line about each fallback of `auto`; `process.emitWarning` by default. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** An exported model, open on one device of this machine. */
export class AirModel extends LoadedModel<Device> {
  /**
   * Opens the model in a folder with `config.json` and its graphs. Call `dispose()` when done: sessions hold native
   * memory and threads.
   *
   * @param location path or `file:` URL of the folder
   * @throws {ModelFileError} naming the file that is missing, truncated, too large, changed, a link out of the folder, no
   *   regular file, or not the graph it should be
   * @throws {ConfigError} for a `config.json` that is not JSON or not of the right form
   * @throws {DeviceUnavailableError} if the named device cannot run here, with onnxruntime's reason
   */
  static async fromPretrained(location: string | URL, options: LoadOptions = {}): Promise<AirModel> {
    const { device = "cpu", threads, verify = true, onProgress, signal } = options;
    const { onNotice = (line) => process.emitWarning(line, "AirOnnxNotice") } = options;
    if (device !== "auto" && !devices.includes(device)) {
      throw new RangeError(`device must be one of auto, ${devices.join(", ")}, got "${device}"`);
    }
    if (threads !== undefined) requireInteger("threads", threads, 1);
    const { manifest, graphs } = await readModelFolder(location, { verify, onProgress, signal });
    const open = async (chosen: Device): Promise<AirModel> => {
      const sessions = await openSessions(manifest, graphs, chosen, threads, signal);
      const openScene = async () => {
        const scene = sceneGraph(graphs.encoder, graphs.step, manifest.model);
        return scene && openGraph(scene, "the encoder and the step as one graph", chosen, threads);
      };
      // On a GPU the state stays there between the steps, and a Loop's own arithmetic would come back to the CPU.
      return new AirModel(manifest, sessions, chosen, chosen === "cpu" ? openScene : undefined);
    };
    if (device !== "auto") return open(device);
    try {
      return await open("cuda");
    } catch (error) {
      signal?.throwIfAborted();
      const reason = error instanceof DeviceUnavailableError ? error.reason : String(error);
      onNotice(`device auto: running on cpu, because cuda is not available: ${reason}`);
      return open("cpu");
    }
  }
}

async function openSessions(
  manifest: Manifest,
  graphs: Readonly<Record<GraphName, Uint8Array>>,
  device: Device,
  threads: number | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelSessions> {
  const unavailable = device === "cpu" ? undefined : await whyUnavailable(device);
  if (unavailable !== undefined) throw new DeviceUnavailableError(device, unavailable);
  const signatures = graphSignatures(manifest.model);
  const sessions: Partial<Record<GraphName, InferenceSession>> = {};
  try {
    for (const name of graphNames) {
      signal?.throwIfAborted();
      const file = manifest.files[name].path;
      const session = await openGraph(graphs[name], file, device, threads);
      sessions[name] = session;
      const differences = signatureDifferences(session, signatures[name]);
      if (differences.length > 0) {
        throw new ModelFileError(`${file} is not the ${name} graph of this model: ${differences.join("; ")}`);
      }
    }
  } catch (error) {
    await Promise.all(Object.values(sessions).map((session) => session.release()));
    throw error;
  }
  return sessions as ModelSessions;
}

async function openGraph(
  graph: Uint8Array,
  file: string,
  device: Device,
  threads: number | undefined,
): Promise<InferenceSession> {
  try {
    return await createSession(graph, device, threads === undefined ? {} : { intraOpNumThreads: threads });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`onnxruntime cannot load ${file} on ${device}: ${reason}`, { cause });
  }
}
