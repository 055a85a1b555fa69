/** The page's side of a model in a worker: the same calls, answered from there, so that the page never stalls. */
import {
  type DecodedScene,
  type DecodeOptions,
  type EvidenceOptions,
  type ImageEvidence,
  type ImageInput,
  type InferenceOptions,
  type Manifest,
  ModelDisposedError,
  type SampleOptions,
  type Scene,
  type SceneLatents,
  type StepReport,
  toImageBatch,
} from "@air-onnx/core";
import type { Device } from "./devices.js";
import { errorFromMessage } from "./error-message.js";
import type { ModelCalls } from "./model-calls.js";
import type { OpenOptions } from "./open-model.js";
import type { Call, ToPage, ToWorker } from "./worker-messages.js";
import { WorkerUnavailableError } from "./worker-unavailable.js";

interface Listeners {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((report: StepReport) => void | Promise<void>) | undefined;
  readonly onProgress?: ((trajectories: number) => void) | undefined;
}

interface Pending extends Listeners {
  readonly settle: (message: { result: unknown } | { failure: unknown }) => void;
}

export class WorkerModel implements ModelCalls {
  readonly #worker: Worker;
  readonly #manifest: Manifest;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  /** Whether the worker has ever answered: before, a failure is one to start. */
  #answered = false;
  #disposal: Promise<void> | undefined;
  #fault: Error | undefined;

  /**
   * Starts the worker and opens the model there.
   *
   * @throws {WorkerUnavailableError} if there is no worker
   * @throws as `openModel`
   */
  static async open(device: Device, { signal, ...options }: OpenOptions): Promise<WorkerModel> {
    let worker: Worker;
    try {
      worker = startWorker(device);
    } catch (cause) {
      throw new WorkerUnavailableError(`no worker: ${String(cause)}`, { cause });
    }
    const model = new WorkerModel(worker, options.files.manifest);
    try {
      await model.#call({ call: "open", device, options }, { signal });
      return model;
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  private constructor(worker: Worker, manifest: Manifest) {
    this.#worker = worker;
    this.#manifest = manifest;
    worker.addEventListener("message", ({ data }: MessageEvent<ToPage>) => this.#receive(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      const what = event.message || "its module cannot be loaded";
      this.#fail(
        this.#answered
          ? new Error(`The model's worker failed: ${what}`)
          : new WorkerUnavailableError(`the worker cannot start: ${what}`),
      );
    });
    worker.addEventListener("messageerror", () => this.#fail(new Error("The model's worker sent what cannot be read")));
  }

  async infer(images: ImageInput, { signal, onStep, ...options }: InferenceOptions = {}): Promise<Scene[]> {
    this.#checkOpen();
    const batch = this.#ownBatch(images);
    const call: Call = { call: "infer", images: batch, options, reportSteps: onStep !== undefined };
    return (await this.#call(call, { signal, onStep }, [batch.buffer])) as Scene[];
  }

  async evidence(
    images: ImageInput,
    { signal, onProgress, ...options }: EvidenceOptions = {},
  ): Promise<ImageEvidence[]> {
    this.#checkOpen();
    const batch = this.#ownBatch(images);
    const call: Call = { call: "evidence", images: batch, options };
    return (await this.#call(call, { signal, onProgress }, [batch.buffer])) as ImageEvidence[];
  }

  async decode(scenes: readonly SceneLatents[], { signal, ...options }: DecodeOptions = {}): Promise<DecodedScene[]> {
    this.#checkOpen();
    // Latents alone: an inferred scene carries its pictures too.
    const latents = scenes.map(({ objects }) => ({
      objects: objects.map(({ zWhere, zWhat }) => ({ zWhere, zWhat: Array.from(zWhat) })),
    }));
    return (await this.#call({ call: "decode", scenes: latents, options }, { signal })) as DecodedScene[];
  }

  async sample(n: number, { signal, ...options }: SampleOptions = {}): Promise<DecodedScene[]> {
    this.#checkOpen();
    return (await this.#call({ call: "sample", n, options }, { signal })) as DecodedScene[];
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  async #close(): Promise<void> {
    try {
      if (!this.#fault) await this.#call({ call: "dispose" }, {});
    } finally {
      this.#worker.terminate();
    }
  }

  #checkOpen(): void {
    if (this.#disposal) throw new ModelDisposedError(`The model "${this.#manifest.name}" has been disposed of`);
  }

  /** The images, checked, in memory that can be given away. */
  #ownBatch(images: ImageInput): Float32Array<ArrayBuffer> {
    const batch = toImageBatch(images, this.#manifest.model, this.#manifest.normalisation);
    return batch === images ? batch.slice() : batch;
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  async #call(call: Call, listeners: Listeners, transfer: Transferable[] = []): Promise<unknown> {
    const { signal } = listeners;
    signal?.throwIfAborted();
    if (this.#fault) throw this.#fault;
    const id = this.#calls++;
    const abort = (): void => {
      this.#post({ id, abort: true });
      this.#pending.get(id)?.settle({ failure: signal!.reason });
    };
    try {
      return await new Promise((resolve, reject) => {
        const settle: Pending["settle"] = (message) =>
          "failure" in message ? reject(message.failure) : resolve(message.result);
        this.#pending.set(id, { ...listeners, settle });
        signal?.addEventListener("abort", abort);
        this.#post({ id, ...call }, transfer);
      });
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#pending.delete(id);
    }
  }

  #receive(message: ToPage): void {
    this.#answered = true;
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if ("error" in message) pending.settle({ failure: errorFromMessage(message.error) });
    else if ("result" in message) pending.settle({ result: message.result });
    else void this.#report(message, pending);
  }

  /** Tells a listener, whose error is the call's. */
  async #report(message: Extract<ToPage, { step: unknown } | { progress: unknown }>, pending: Pending): Promise<void> {
    const { id } = message;
    try {
      if ("progress" in message) {
        pending.onProgress?.(message.progress);
      } else {
        await pending.onStep?.(message.step);
        this.#post({ id, stepDone: true });
      }
    } catch (failure) {
      this.#post({ id, abort: true });
      pending.settle({ failure });
    }
  }

  #fail(fault: Error): void {
    this.#fault ??= fault;
    for (const pending of this.#pending.values()) pending.settle({ failure: fault });
  }
}

/** Bundlers find the workers' modules by exactly this form. */
function startWorker(device: Device): Worker {
  return device === "webgpu"
    ? new Worker(new URL("./worker-webgpu.js", import.meta.url), { type: "module", name: "air-onnx webgpu" })
    : new Worker(new URL("./worker-wasm.js", import.meta.url), { type: "module", name: "air-onnx wasm" });
}
