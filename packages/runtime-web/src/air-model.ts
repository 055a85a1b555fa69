/// <reference lib="esnext.disposable" preserve="true" />
/**
 * An exported model, opened in a browser: downloaded, checked, and run on the best device there is, in a worker.
 */
import type {
  AirConfig,
  DecodedScene,
  DecodeOptions,
  EvidenceOptions,
  ImageEvidence,
  ImageInput,
  InferenceOptions,
  LoadingOptions,
  Manifest,
  SampleOptions,
  Scene,
  SceneLatents,
} from "@air-onnx/core";
import { whyNotGpu, whyUnavailable } from "./device-status.js";
import { type Device, devices } from "./devices.js";
import { DeviceUnavailableError } from "./errors.js";
import { LoadMeter } from "./load-meter.js";
import type { ModelCalls } from "./model-calls.js";
import { readModelFiles } from "./model-files.js";
import { startHost } from "./model-host.js";
import {
  absoluteUrl,
  type RuntimeSettings,
  requireStallSeconds,
  resolveSettings,
  type StallOption,
  warn,
} from "./settings.js";

/** Options of {@link AirModel.fromPretrained}. */
export interface LoadOptions extends LoadingOptions<Device>, RuntimeSettings, StallOption {
  /**
   * Where to run, `wasm` by default. A named device runs there or is an error; `auto` takes `webgpu` where there is a
   * real GPU, `wasm` otherwise, and says why through `onNotice`.
   */
  readonly device?: Device | "auto" | undefined;
  /**
   * Compare every file's size and SHA-256 with the manifest. By default as far as the page can: hashes need a secure
   * context, and `onNotice` hears if there is none, which for `true` is an error.
   */
  readonly verify?: boolean | undefined;
  /** Keep the graphs in the browser, so that the next visit downloads none; true by default. */
  readonly cache?: boolean | undefined;
  /**
   * Run in a worker of the model's own, so that the page never stalls. By default where there are workers, and if none
   * can be started in the page, which `onNotice` hears and for `true` is an error. `false` runs where it was called.
   */
  readonly worker?: boolean | undefined;
  /** Which of several GPUs. */
  readonly powerPreference?: "low-power" | "high-performance" | undefined;
  /** Called with a line about each thing that is not as it was asked for; `console.warn` by default. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** An exported model, open on one device of the browser. */
export class AirModel implements AsyncDisposable {
  /** The device that the graphs really run on. */
  readonly device: Device;
  /** Whether they run in a worker, and the page never stalls. */
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
   * Opens the model in a folder with `config.json` and its graphs. Call `dispose()` when done: it holds a worker and
   * memory of the GPU.
   *
   * @param url of the folder; relative to the page
   * @throws {ModelFileError} naming the file that is missing, truncated, too long, changed, no longer coming, or not the
   *   graph it should be
   * @throws {ConfigError} for a `config.json` that is not of the right form
   * @throws {DeviceUnavailableError} if the named device cannot run here, with the reason
   * @throws {RangeError} for an invalid option
   * @throws the signal's reason, when aborted
   */
  static async fromPretrained(url: string | URL, options: LoadOptions = {}): Promise<AirModel> {
    const { device = "wasm", worker, verify, cache = true, powerPreference, onProgress, signal } = options;
    const { onNotice = warn } = options;
    if (device !== "auto" && !devices.includes(device)) {
      throw new RangeError(`device must be one of auto, ${devices.join(", ")}, got "${device}"`);
    }
    const settings = resolveSettings(options, onNotice);
    const stallSeconds = requireStallSeconds(options);
    signal?.throwIfAborted();
    // Before the download, so that a device that is not there costs none.
    const unavailable = device === "auto" ? undefined : await whyUnavailable(device, powerPreference);
    if (device !== "auto" && unavailable !== undefined) throw new DeviceUnavailableError(device, unavailable);
    const notGpu = device === "auto" ? await whyNotGpu(powerPreference) : undefined;
    // Files and onnxruntime come at a time; when one of them fails the other need not come.
    const loading = new AbortController();
    const abort = (): void => loading.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      signal?.throwIfAborted();
      const meter = new LoadMeter(onProgress);
      const reading = readModelFiles(absoluteUrl(url), {
        ...{ verify, cache, stallSeconds, meter, onNotice },
        signal: loading.signal,
      });
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
          // Files that are broken are so on every device.
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
   * Infers the scene of every image: how many objects, where, and what each looks like.
   *
   * @throws {ImageError} for images that this model does not take
   * @throws {RangeError} for an invalid option
   * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape
   * @throws {DeviceLostError} if the GPU goes away, and from then on
   * @throws {ModelDisposedError} after `dispose()`
   */
  infer(images: ImageInput, options?: InferenceOptions): Promise<Scene[]> {
    return this.#calls.infer(images, options);
  }

  /**
   * Bounds on log p(x) of every image, from sampled latents: the ELBO by its parts, and with `samples` the
   * importance-weighted bound.
   *
   * @throws as {@link infer}
   */
  evidence(images: ImageInput, options?: EvidenceOptions): Promise<ImageEvidence[]> {
    return this.#calls.evidence(images, options);
  }

  /**
   * Draws scenes from their latents; an inferred scene gives its reconstruction.
   *
   * @throws {RangeError} for latents of the wrong length or not finite
   * @throws otherwise as {@link infer}
   */
  decode(scenes: readonly SceneLatents[], options?: DecodeOptions): Promise<DecodedScene[]> {
    return this.#calls.decode(scenes, options);
  }

  /**
   * Imagines `n` scenes: draws latents from the prior and decodes them.
   *
   * @throws {RangeError} for an `n`, `count` or `seed` that is not a non-negative integer
   * @throws otherwise as {@link infer}
   */
  sample(n: number, options?: SampleOptions): Promise<DecodedScene[]> {
    return this.#calls.sample(n, options);
  }

  /** Waits for calls in flight, then frees everything. Calling it again returns the same promise. */
  dispose(): Promise<void> {
    return this.#calls.dispose();
  }

  /** Calls {@link dispose}, so that `await using` closes the model. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
