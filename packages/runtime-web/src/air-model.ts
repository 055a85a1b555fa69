/// <reference lib="esnext.disposable" preserve="true" />
/**
 * An exported model, opened in a browser: downloaded, verified, and run on the chosen device, usually in a worker.
 */
import {
  type AirConfig,
  type DecodedScene,
  type DecodeOptions,
  type EvidenceOptions,
  type ImageEvidence,
  type ImageInput,
  type InferenceOptions,
  inferSources,
  isImageInput,
  type LoadingOptions,
  type Manifest,
  type Picture,
  type PictureOptions,
  type PictureScene,
  requireStallSeconds,
  type SampleOptions,
  type Scene,
  type SceneLatents,
  type SceneSummary,
  type SummaryOptions,
} from "@air-onnx/core";
import { whyNotGpu, whyUnavailable } from "./device-status.js";
import { type Device, devices } from "./devices.js";
import { DeviceUnavailableError } from "./errors.js";
import { LoadMeter } from "./load-meter.js";
import type { ModelCalls } from "./model-calls.js";
import { checkModelFiles, type ModelFiles, type ModelFilesOptions } from "./model-files.js";
import { startHost } from "./model-host.js";
import { folderUrls, readModelFrom, type SourceOptions } from "./model-source.js";
import { type PictureSource, readPicture } from "./read-picture.js";
import { type RuntimeSettings, resolveSettings, warn } from "./settings.js";

/** Options of {@link AirModel.fromPretrained}. */
export interface LoadOptions extends LoadingOptions<Device>, RuntimeSettings, SourceOptions {
  /**
   * Device to run on, `wasm` by default. If a named device is not available, loading fails; `auto` takes `webgpu` where
   * there is a real GPU and `wasm` otherwise, and reports the reason through `onNotice`.
   */
  readonly device?: Device | "auto" | undefined;
  /**
   * Whether to compare every file's size and SHA-256 with the manifest. Hashes need a secure context (https or localhost).
   * Without one, `true` is an error; by default only sizes are compared, which is reported through `onNotice`.
   */
  readonly verify?: boolean | undefined;
  /** Whether to keep the graphs in the browser, so that the next visit downloads none; true by default. */
  readonly cache?: boolean | undefined;
  /**
   * Whether to run in a worker of the model's own, so that the page never stalls. By default it does where workers exist;
   * if none can be started, it runs in the page and reports that through `onNotice`. With `true` that is an error. With
   * `false` it runs in the calling page or worker.
   */
  readonly worker?: boolean | undefined;
  /** Kind of GPU to prefer if there are several. */
  readonly powerPreference?: "low-power" | "high-performance" | undefined;
  /** Called with one line about each thing that differs from what was asked for; `console.warn` by default. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** An exported model, open on one device of the browser. */
export class AirModel implements AsyncDisposable {
  /** The device that the graphs really run on. */
  readonly device: Device;
  /** Whether the graphs run in a worker, so that the page never stalls. */
  readonly worker: boolean;
  /** The model's `config.json`. */
  readonly manifest: Manifest;
  readonly #calls: ModelCalls;

  private constructor(manifest: Manifest, calls: ModelCalls, device: Device, worker: boolean) {
    this.manifest = manifest;
    this.#calls = calls;
    this.device = device;
    this.worker = worker;
  }

  /**
   * Opens the model in a folder that holds `config.json` and its graphs. Call `dispose()` when done: the model holds a
   * worker and GPU memory. A name is first a folder of the page's own server, and then, as `@scope/name`, an npm package that
   * `packages` serves, or, as `org/name`, a model on a hub; `onNotice` is told when it is not the first.
   *
   * @param location URL of the folder, relative to the page, or name of an npm package or on a hub
   * @throws {ModelFileError} naming the file that is missing, truncated, too long, changed, stalled, or not the right graph; or
   *   every address at which no model was found (`tried`)
   * @throws {ConfigError} for a `config.json` that is not of the right form
   * @throws {DeviceUnavailableError} if the named device cannot run here, with the reason
   * @throws {RangeError} for an invalid option
   * @throws the signal's reason, when aborted
   */
  static async fromPretrained(location: string | URL, options: LoadOptions = {}): Promise<AirModel> {
    const { cache = true, localFilesOnly = false } = options;
    const stallSeconds = requireStallSeconds(options);
    const urls = folderUrls(location, options);
    return AirModel.#load(options, (reading) =>
      readModelFrom(location, urls, { ...reading, cache, localFilesOnly, stallSeconds }),
    );
  }

  /**
   * Opens a model whose files the page has already, such as one that was trained in it. Otherwise as {@link fromPretrained}.
   *
   * @param files contents of the model's folder by their paths in it: `config.json` and the graphs that it names
   * @throws {ModelFileError} naming the file that is missing, truncated, too long, changed, or not the right graph
   * @throws the other errors of {@link fromPretrained}
   */
  static async fromFiles(
    files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
    options: Omit<LoadOptions, "cache" | keyof SourceOptions> = {},
  ): Promise<AirModel> {
    return AirModel.#load(options, (reading) => checkModelFiles(files, reading));
  }

  static async #load(
    options: Omit<LoadOptions, "cache" | keyof SourceOptions>,
    read: (reading: Omit<ModelFilesOptions, "cache" | "localFilesOnly" | "stallSeconds">) => Promise<ModelFiles>,
  ): Promise<AirModel> {
    const { device = "wasm", worker, verify, powerPreference, onProgress, signal } = options;
    const { onNotice = warn } = options;
    if (device !== "auto" && !devices.includes(device)) {
      throw new RangeError(`device must be one of auto, ${devices.join(", ")}, got "${device}"`);
    }
    const settings = resolveSettings(options, onNotice);
    signal?.throwIfAborted();
    // Checked before the download, which would be wasted without the device.
    const unavailable = device === "auto" ? undefined : await whyUnavailable(device, powerPreference);
    if (device !== "auto" && unavailable !== undefined) throw new DeviceUnavailableError(device, unavailable);
    const notGpu = device === "auto" ? await whyNotGpu(powerPreference) : undefined;
    // The model's files and onnxruntime load in parallel; if one fails, the other is aborted.
    const loading = new AbortController();
    const abort = (): void => loading.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      signal?.throwIfAborted();
      const meter = new LoadMeter(onProgress);
      const reading = read({ verify, meter, onNotice, signal: loading.signal });
      const open = async (chosen: Device): Promise<AirModel> => {
        const starting = startHost(chosen, { worker, settings, meter, onNotice, signal: loading.signal });
        try {
          const [host, files] = await Promise.all([starting, reading]);
          const calls = await host.open({ files, powerPreference, signal: loading.signal });
          return new AirModel(files.manifest, calls, chosen, host.worker);
        } catch (error) {
          starting.then((host) => host.abandon()).catch(() => {});
          throw error;
        }
      };
      if (device !== "auto") return await open(device);
      let reason = notGpu;
      if (reason === undefined) {
        try {
          return await open("webgpu");
        } catch (error) {
          signal?.throwIfAborted();
          // Broken files are broken on every device: rethrow their error instead of falling back.
          await reading;
          const what = error instanceof DeviceUnavailableError ? error.reason : String(error);
          reason = `webgpu is not available: ${what}`;
        }
      }
      onNotice(`device auto: running on wasm, because ${reason}`);
      return await open("wasm");
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      loading.abort();
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The model's architecture and priors. */
  get config(): AirConfig {
    return this.manifest.model;
  }

  /**
   * Infers the scene of every image: how many objects it has, where they are, and what each looks like. Images are pixels of the
   * model's own size, such as `ImageData`.
   *
   * @throws {ImageError} for images that this model does not take
   * @throws {RangeError} for an invalid option
   * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape
   * @throws {DeviceLostError} if the GPU is lost, in this call and all later ones
   * @throws {ModelDisposedError} after `dispose()`
   */
  infer(images: ImageInput, options: SummaryOptions): Promise<SceneSummary[]>;
  infer(images: ImageInput, options?: InferenceOptions): Promise<Scene[]>;
  /**
   * Finds the objects in pictures of any size: files, by URL or as `File` and `Blob`, canvases, `ImageBitmap`s and image elements, or pixels
   * with the option `fit`. Boxes are in the pictures' own pixels. A picture that is larger than the model's images is cut into
   * overlapping tiles, unless `fit` says otherwise.
   *
   * @throws {ImageError} for a picture that cannot be read, or that this model does not take
   * @throws the other errors of this method
   */
  infer(pictures: PictureSource | readonly PictureSource[], options?: PictureOptions): Promise<PictureScene[]>;
  infer(images: ImageInput, options?: InferenceOptions | SummaryOptions): Promise<SceneSummary[]>;
  async infer(
    images: ImageInput | PictureSource | readonly PictureSource[],
    options: InferenceOptions | SummaryOptions | PictureOptions = {},
  ): Promise<SceneSummary[] | PictureScene[]> {
    if (isImageInput(images) && !("fit" in options && options.fit !== undefined)) {
      return this.#calls.infer(images, options as InferenceOptions);
    }
    const sources = (Array.isArray(images) ? images : [images]) as readonly PictureSource[];
    return inferSources(
      sources,
      (source, index) => readPicture(source, index, options.signal),
      (pictures, own) => this.#calls.inferPictures(pictures, own),
      options as PictureOptions,
    );
  }

  /**
   * Finds the objects in pictures of any size that are pixels already, as {@link infer} does with a `fit`.
   *
   * @throws the errors of {@link infer}
   */
  inferPictures(pictures: Picture | readonly Picture[], options?: PictureOptions): Promise<PictureScene[]> {
    return this.#calls.inferPictures(pictures, options);
  }

  /**
   * Estimates bounds on log p(x) of every image from sampled latents: the ELBO with its parts, and the
   * importance-weighted bound, which several `samples` tighten.
   *
   * @throws the errors of {@link infer}
   */
  evidence(images: ImageInput, options?: EvidenceOptions): Promise<ImageEvidence[]> {
    return this.#calls.evidence(images, options);
  }

  /**
   * Draws scenes from their latents. Decoding an inferred scene gives its reconstruction again.
   *
   * @throws {RangeError} for latents that have a wrong length or are not finite
   * @throws the other errors of {@link infer}
   */
  decode(scenes: readonly SceneLatents[], options?: DecodeOptions): Promise<DecodedScene[]> {
    return this.#calls.decode(scenes, options);
  }

  /**
   * Imagines `n` scenes: draws latents from the prior and decodes them.
   *
   * @throws {RangeError} for an `n`, `count` or `seed` that is not a non-negative integer
   * @throws the other errors of {@link infer}
   */
  sample(n: number, options?: SampleOptions): Promise<DecodedScene[]> {
    return this.#calls.sample(n, options);
  }

  /**
   * Waits for running calls, then releases the sessions, the worker and GPU memory. Further calls return the same promise.
   */
  dispose(): Promise<void> {
    return this.#calls.dispose();
  }

  /** Calls {@link dispose}, so that `await using` closes the model. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
