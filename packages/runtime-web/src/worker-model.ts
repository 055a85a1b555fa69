/** A model in a worker: the same calls, answered from there, so that the page never stalls. */
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
  toImageBatch,
} from "@air-onnx/core";
import type { ModelCalls } from "./model-calls.js";
import type { Call } from "./worker-messages.js";
import type { WorkerThread } from "./worker-thread.js";

export class WorkerModel implements ModelCalls {
  readonly #thread: WorkerThread;
  readonly #manifest: Manifest;
  #disposal: Promise<void> | undefined;

  /** @param thread that has opened the model; the model's own from now on */
  constructor(thread: WorkerThread, manifest: Manifest) {
    this.#thread = thread;
    this.#manifest = manifest;
  }

  async infer(images: ImageInput, { signal, onStep, ...options }: InferenceOptions = {}): Promise<Scene[]> {
    this.#checkOpen();
    const batch = this.#ownBatch(images);
    const call: Call = { call: "infer", images: batch, options, reportSteps: onStep !== undefined };
    return (await this.#thread.call(call, { signal, onStep }, [batch.buffer])) as Scene[];
  }

  async evidence(
    images: ImageInput,
    { signal, onProgress, ...options }: EvidenceOptions = {},
  ): Promise<ImageEvidence[]> {
    this.#checkOpen();
    const batch = this.#ownBatch(images);
    const call: Call = { call: "evidence", images: batch, options };
    return (await this.#thread.call(call, { signal, onProgress }, [batch.buffer])) as ImageEvidence[];
  }

  async decode(scenes: readonly SceneLatents[], { signal, ...options }: DecodeOptions = {}): Promise<DecodedScene[]> {
    this.#checkOpen();
    // Latents alone: an inferred scene carries its pictures too.
    const latents = scenes.map(({ objects }) => ({
      objects: objects.map(({ zWhere, zWhat }) => ({ zWhere, zWhat: Array.from(zWhat) })),
    }));
    return (await this.#thread.call({ call: "decode", scenes: latents, options }, { signal })) as DecodedScene[];
  }

  async sample(n: number, { signal, ...options }: SampleOptions = {}): Promise<DecodedScene[]> {
    this.#checkOpen();
    return (await this.#thread.call({ call: "sample", n, options }, { signal })) as DecodedScene[];
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  async #close(): Promise<void> {
    try {
      if (!this.#thread.fault) await this.#thread.call({ call: "dispose" });
    } finally {
      // One that waited for this in its onStep has no answer yet.
      this.#thread.end(this.#disposed());
    }
  }

  #checkOpen(): void {
    if (this.#disposal) throw this.#disposed();
  }

  #disposed(): ModelDisposedError {
    return new ModelDisposedError(this.#manifest.name);
  }

  /** The images, checked, in memory that can be given away. */
  #ownBatch(images: ImageInput): Float32Array<ArrayBuffer> {
    const batch = toImageBatch(images, this.#manifest.model, this.#manifest.normalisation);
    return batch === images ? batch.slice() : batch;
  }
}
