/**
 * An exported model, opened in Node: the graphs of a model folder as onnxruntime-node sessions on one device.
 */
import {
  type GraphName,
  type ImageInput,
  type InferenceOptions,
  inferSources,
  isImageInput,
  LoadedModel,
  type LoadingOptions,
  type ModelSessions,
  type OpenGraph,
  type PictureOptions,
  type PictureScene,
  requireInteger,
  type Scene,
  type SceneSummary,
  type SummaryOptions,
  sceneGraph,
} from "@air-onnx/core";
import { type Device, devices } from "./devices.js";
import { DeviceUnavailableError } from "./errors.js";
import { readModelFolder } from "./model-folder.js";
import { findModel, type SourceOptions } from "./model-source.js";
import { type GraphSessions, openGraph, openGraphs } from "./open-graphs.js";
import { type PictureSource, readPicture } from "./read-picture.js";
import { webgpuGraphs } from "./webgpu-graphs.js";

/** Options of {@link AirModel.fromPretrained}. */
export interface LoadOptions extends LoadingOptions<Device>, SourceOptions {
  /**
   * Device to run on, `cpu` by default. If a named device is not available, loading fails; `auto` tries `cuda`, then
   * `cpu`, and reports a fallback through `onNotice`.
   */
  readonly device?: Device | "auto" | undefined;
  /** Threads within an operator on the CPU; by default onnxruntime uses one per physical core. */
  readonly threads?: number | undefined;
  /** Whether to compare every file's size and SHA-256 with the manifest, true by default. */
  readonly verify?: boolean | undefined;
  /**
   * Whether a GPU is first tried in a process of its own, false by default. A driver that crashes, hangs or prints
   * warnings there is then the reason of a `DeviceUnavailableError`; otherwise it does so in this process. It takes the
   * time of starting a process and the device once more.
   */
  readonly probeApart?: boolean | undefined;
  /** Called with one line about each fallback of `auto`; `process.emitWarning` by default. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** An exported model, open on one device of this machine. */
export class AirModel extends LoadedModel<Device> {
  /**
   * Infers the scene of every image: how many objects it has, where they are, what each looks like, and whether the image
   * is like the training data. Images are pixels of the model's own size.
   *
   * @throws {ImageError} for images that this model does not take
   * @throws {RangeError} for an invalid option, or one that there is not
   * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape
   * @throws {ModelDisposedError} after `dispose()`
   */
  override infer(images: ImageInput, options: SummaryOptions): Promise<SceneSummary[]>;
  override infer(images: ImageInput, options?: InferenceOptions): Promise<Scene[]>;
  /**
   * Finds the objects in pictures of any size: files, by path, URL or bytes, or pixels with the option `fit`. Boxes are in the
   * pictures' own pixels. A picture that is larger than the model's images is cut into overlapping tiles, unless `fit` says otherwise.
   *
   * @throws {ImageError} for a file that cannot be read, or pictures that this model does not take
   * @throws the other errors of this method
   */
  override infer(pictures: PictureSource | readonly PictureSource[], options?: PictureOptions): Promise<PictureScene[]>;
  override infer(images: ImageInput, options?: InferenceOptions | SummaryOptions): Promise<SceneSummary[]>;
  override async infer(
    images: ImageInput | PictureSource | readonly PictureSource[],
    options: InferenceOptions | SummaryOptions | PictureOptions = {},
  ): Promise<SceneSummary[] | PictureScene[]> {
    if (isImageInput(images) && !("fit" in options && options.fit !== undefined)) {
      return super.infer(images, options as InferenceOptions);
    }
    const sources = (Array.isArray(images) ? images : [images]) as readonly PictureSource[];
    return inferSources(
      sources,
      (source, index) => readPicture(source, index, options.signal),
      (pictures, own) => this.inferPictures(pictures, own),
      options as PictureOptions,
    );
  }

  /**
   * Opens the model in a folder that holds `config.json` and its graphs. Call `dispose()` when done: the sessions hold
   * native memory and threads. A relative path is first a folder, then the name of an installed npm package, then a name on a
   * hub. What is downloaded is kept on disk (`cacheDir`) and not downloaded again.
   *
   * @param location path or `file:` URL of the folder, name of a package (`@air-onnx/model-multi-mnist`), name on a hub
   *   (`org/name`), or URL of the folder on a server
   * @throws {ModelFileError} naming the file that is missing, unreachable, truncated, too large, changed, a link out of the
   *   folder, not a regular file, or not the right graph; or every address at which no model was found (`tried`)
   * @throws {ModelNotKeptError} if the cache folder cannot be written
   * @throws {ConfigError} for a `config.json` that is not JSON or not of the right form
   * @throws {DeviceUnavailableError} if the named device cannot run here, with onnxruntime's reason
   * @throws {RangeError} for an invalid option
   * @throws the signal's reason, when aborted
   */
  static async fromPretrained(location: string | URL, options: LoadOptions = {}): Promise<AirModel> {
    const { device = "cpu", threads, verify = true, probeApart, onProgress, signal } = options;
    const { onNotice = (line) => process.emitWarning(line, "AirOnnxNotice") } = options;
    if (device !== "auto" && !devices.includes(device)) {
      throw new RangeError(`device must be one of auto, ${devices.join(", ")}, got "${device}"`);
    }
    if (threads !== undefined) requireInteger("threads", threads, 1);
    const { folder, isDownloaded } = await findModel(location, options);
    const { manifest, graphs } = await readModelFolder(folder, {
      ...{ verify, signal },
      // The download has told its progress.
      onProgress: isDownloaded ? undefined : onProgress,
    });
    const open = async (chosen: Device): Promise<AirModel> => {
      const how = { device: chosen, threads };
      const nameOf = (graph: GraphName): string => manifest.files[graph].path;
      const outputs = chosen === "webgpu" ? "gpu" : "cpu";
      const sessions = await openGraphs(graphs, manifest.model, { ...how, outputs, probeApart, nameOf, signal });
      const openSceneGraph = async (narrows: boolean) => {
        const graph = sceneGraph(graphs.encoder, graphs.step, manifest.model, narrows);
        return graph && openGraph(graph, "the encoder and the steps as one graph", how);
      };
      // Only on the CPU: on a GPU the state stays there between the steps anyway, but an If is decided on the CPU.
      return new AirModel(manifest, graphsOn(chosen, sessions), chosen, chosen === "cpu" ? openSceneGraph : undefined);
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

/**
 * The graphs as inference runs them on `device`. On WebGPU the state stays on the GPU from step to step. On CUDA it cannot:
 * onnxruntime-node returns every output in the CPU's memory.
 */
function graphsOn(device: Device, sessions: GraphSessions): ModelSessions {
  switch (device) {
    case "cpu":
      return sessions;
    case "cuda":
      return { encoder: keepingBatch(sessions.encoder), step: keepingBatch(sessions.step), decoder: sessions.decoder };
    case "webgpu":
      return webgpuGraphs(sessions);
    default:
      return device satisfies never;
  }
}

function keepingBatch(session: OpenGraph): OpenGraph {
  return {
    run: (feeds, outputs) => session.run(feeds, outputs),
    release: () => session.release(),
    keepsBatch: true,
  };
}
