/** A model in a worker. It forwards its calls to the worker, so that the page never stalls. */
import {
  type DecodedScene,
  type DecodeOptions,
  type EvidenceOptions,
  type ImageEvidence,
  type ImageInput,
  type InferenceOptions,
  type Manifest,
  ModelDisposedError,
  type Picture,
  type PictureOptions,
  type PictureScene,
  type SampleOptions,
  type Scene,
  type SceneLatents,
  type SceneSummary,
  type SummaryOptions,
  toImageBatch,
} from "@air-onnx/core";
import type { ModelCalls } from "./model-calls.js";
import type { Call } from "./worker-messages.js";
import type { WorkerThread } from "./worker-thread.js";

/** The page's handle on a model that a worker has opened. */
export class WorkerModel implements ModelCalls {
  readonly #thread: WorkerThread;
  readonly #manifest: Manifest;
  #disposal: Promise<void> | undefined;

  /** @param thread worker that has opened the model; disposing of the model ends it */
  constructor(thread: WorkerThread, manifest: Manifest) {
    this.#thread = thread;
    this.#manifest = manifest;
  }

  async infer(images: ImageInput, options: SummaryOptions): Promise<SceneSummary[]>;
  async infer(images: ImageInput, options?: InferenceOptions): Promise<Scene[]>;
  async infer(images: ImageInput, options?: InferenceOptions | SummaryOptions): Promise<SceneSummary[]>;
  async infer(
    images: ImageInput,
    { signal, onStep, ...options }: InferenceOptions | SummaryOptions = {},
  ): Promise<SceneSummary[]> {
    this.#checkOpen();
    const batch = this.#ownBatch(images);
    const call: Call = { call: "infer", images: batch, options, reportSteps: onStep !== undefined };
    return (await this.#thread.call(call, { signal, onStep }, [batch.buffer])) as SceneSummary[];
  }

  async inferPictures(
    pictures: Picture | readonly Picture[],
    { signal, onProgress, ...options }: PictureOptions = {},
  ): Promise<PictureScene[]> {
    this.#checkOpen();
    const several = Array.isArray(pictures) ? (pictures as readonly Picture[]) : [pictures as Picture];
    // An ImageData has getters, which posting would leave out.
    const plain = Array.from(several, ({ data, width, height, channels }) => ({
      data,
      width,
      height,
      ...(channels !== undefined && { channels }),
    }));
    const progress = onProgress && ((done: number, total?: number) => onProgress(done, total ?? plain.length));
    const call: Call = { call: "inferPictures", pictures: plain, options };
    return (await this.#thread.call(call, { signal, onProgress: progress })) as PictureScene[];
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
    // Posts the latents only: inferred scenes also hold images.
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
      // A call that awaits this in its onStep has no answer yet.
      this.#thread.end(this.#disposed());
    }
  }

  #checkOpen(): void {
    if (this.#disposal) throw this.#disposed();
  }

  #disposed(): ModelDisposedError {
    return new ModelDisposedError(this.#manifest.name);
  }

  /** Checks the images and copies them if necessary, so that their memory can be transferred. */
  #ownBatch(images: ImageInput): Float32Array<ArrayBuffer> {
    const batch = toImageBatch(images, this.#manifest.model, this.#manifest.normalisation);
    return batch === images ? batch.slice() : batch;
  }
}
