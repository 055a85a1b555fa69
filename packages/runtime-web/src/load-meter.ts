/** Adds up what arrives of several files at a time, the model's and onnxruntime's own, into one progress. */
import type { LoadProgress } from "@air-onnx/core";

export class LoadMeter {
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;
  #loadedBytes = 0;
  #totalBytes = 0;
  #waits = true;
  /** What arrived last before the total was known. */
  #early: string | undefined;

  constructor(onProgress: ((progress: LoadProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** So many bytes will come of onnxruntime, beside the model's. */
  expectRuntime(bytes: number): void {
    this.#totalBytes += bytes;
  }

  /** The model has so many bytes: now the total is known, and reports begin. */
  expectModel(bytes: number): void {
    this.#totalBytes += bytes;
    this.#waits = false;
    if (this.#early !== undefined) this.add(this.#early, 0);
  }

  /** So many bytes more of `file` are there. */
  add(file: string, bytes: number): void {
    this.#loadedBytes += bytes;
    if (this.#waits) this.#early = file;
    else this.#onProgress?.({ file, loadedBytes: this.#loadedBytes, totalBytes: this.#totalBytes });
  }
}
