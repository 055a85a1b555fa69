/** Adds up the bytes of files that load in parallel, the model's and onnxruntime's, to one progress. */
import type { LoadProgress } from "@air-onnx/core";

/** Counts loaded bytes and reports them once the total is known. */
export class LoadMeter {
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;
  #loadedBytes = 0;
  #totalBytes = 0;
  #totalIsKnown = false;
  /** File that arrived last before the total was known. */
  #early: string | undefined;

  constructor(onProgress: ((progress: LoadProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** Adds the bytes of onnxruntime's files to the total. */
  expectRuntime(bytes: number): void {
    this.#totalBytes += bytes;
  }

  /** Adds the bytes of the model's files to the total, which is then known: reports begin. */
  expectModel(bytes: number): void {
    this.#totalBytes += bytes;
    this.#totalIsKnown = true;
    if (this.#early !== undefined) this.add(this.#early, 0);
  }

  /** Adds loaded bytes of `file`. */
  add(file: string, bytes: number): void {
    this.#loadedBytes += bytes;
    if (this.#totalIsKnown) this.#onProgress?.({ file, loadedBytes: this.#loadedBytes, totalBytes: this.#totalBytes });
    else this.#early = file;
  }
}
