/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A model that is open in several processes, for servers: the caller's thread is never blocked, and a call can be given up
 * at any time.
 *
 * Processes rather than worker threads, because a thread that is terminated in the middle of a run of onnxruntime aborts the
 * whole process, as `process.exit()` then does.
 */
import { availableParallelism } from "node:os";
import { serialize } from "node:v8";
import {
  type AirConfig,
  ImageError,
  type ImageInput,
  type InferenceOptions,
  type Manifest,
  type PictureOptions,
  type PictureScene,
  requireInteger,
  type Scene,
  type SceneSummary,
  type SummaryOptions,
} from "@air-onnx/core";
import { ModelPoolError } from "./errors.js";
import type { PoolCall, PoolLoadOptions, PoolSettings } from "./pool-messages.js";
import { PoolProcess } from "./pool-process.js";
import type { PictureSource } from "./read-picture.js";

/** Options of {@link ModelPool.open}. */
export interface ModelPoolOptions extends PoolLoadOptions {
  /** Processes, each with the model open; as many as there are cores by default. */
  readonly processes?: number | undefined;
  /** Calls that may wait while every process is busy; 64 by default. A further one is refused at once. */
  readonly maxQueue?: number | undefined;
  /**
   * Milliseconds that a call which was given up may go on, to its next batch, before its process is killed; 5,000 by default. The
   * process is not free before.
   */
  readonly grace?: number | undefined;
  /** Threads of each process within an operator on the CPU; by default the cores are shared out evenly. */
  readonly threads?: number | undefined;
  /** Aborts opening, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options that every call of a pool has. */
export interface PoolCallOptions {
  /** Gives the call up, which then rejects with the signal's reason, waiting or running. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the call is given up, the time in the queue included; unlimited by default. */
  readonly timeLimit?: number | undefined;
}

/** Options of an inference that a pool takes: all but functions, which cannot be sent to a process. */
export type PoolOptions<Options> = Omit<Options, "onStep" | "onProgress" | "signal"> & PoolCallOptions;

/** Pictures that a pool takes: all that `AirModel.infer` does but `Blob`, of which the `arrayBuffer()` is taken. */
export type PoolPictureSource = Exclude<PictureSource, Blob>;

/** A model that is open in several processes. Results and errors are those of `AirModel`. */
export class ModelPool {
  /** The manifest of the model. */
  readonly manifest: Manifest;
  readonly #start: () => PoolProcess;
  readonly #size: number;
  readonly #maxQueue: number;
  readonly #processes: Set<PoolProcess>;
  /** Those of the processes that do no call. */
  readonly #idle: PoolProcess[];
  /** Calls that wait for a process, the oldest first. */
  readonly #waiting: ((process: PoolProcess) => void)[] = [];
  /** Of each call that has not ended, what gives it up. */
  readonly #calls = new Set<AbortController>();
  #disposal: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  private constructor(
    start: () => PoolProcess,
    processes: readonly PoolProcess[],
    manifest: Manifest,
    maxQueue: number,
  ) {
    this.#start = start;
    this.manifest = manifest;
    this.#size = processes.length;
    this.#processes = new Set(processes);
    this.#idle = [...processes];
    this.#maxQueue = maxQueue;
  }

  /** The configuration of the model: sizes, channels, prior. */
  get config(): AirConfig {
    return this.manifest.model;
  }

  /** Number of calls that wait for a process. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Number of calls that a process works on, those included that were given up and go on to their next batch. */
  get running(): number {
    return this.#processes.size - this.#idle.length;
  }

  /**
   * Starts the processes and opens the model in each. Call `dispose()` when done.
   *
   * @param location as for `AirModel.fromPretrained`
   * @throws the errors of `AirModel.fromPretrained`
   * @throws {ModelPoolError} of kind `crashed`, if a process ends before its model is open
   */
  static async open(location: string | URL, options: ModelPoolOptions = {}): Promise<ModelPool> {
    const { processes = availableParallelism(), maxQueue = 64, grace = 5000, signal, ...load } = options;
    requireInteger("processes", processes, 1);
    requireInteger("maxQueue", maxQueue, 0);
    requireInteger("grace", grace, 0);
    if (load.threads !== undefined) requireInteger("threads", load.threads, 1);
    signal?.throwIfAborted();
    const threads = load.threads ?? Math.max(1, Math.floor(availableParallelism() / processes));
    const settings: PoolSettings = { location: String(location), options: { ...load, threads } };
    const start = () => new PoolProcess(settings, grace);
    const started = Array.from({ length: processes }, start);
    const kill = () => {
      for (const each of started) each.kill();
    };
    signal?.addEventListener("abort", kill, { once: true });
    try {
      const manifests = await Promise.all(started.map((each) => each.do({ kind: "open" })));
      return new ModelPool(start, started, manifests[0] as Manifest, maxQueue);
    } catch (error) {
      kill();
      await Promise.all(started.map(({ ended }) => ended));
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", kill);
    }
  }

  /**
   * Infers scenes as `AirModel.infer` does, in one of the processes. Results are sent back whole: `pixels: false` leaves out what is
   * large.
   *
   * @throws {ModelPoolError} if the queue is full, the time limit is over, the process ended, or the pool is disposed of
   * @throws {RangeError} for a function among the options
   * @throws the signal's reason, when aborted
   * @throws the errors of `AirModel.infer`
   */
  infer(images: ImageInput, options: PoolOptions<SummaryOptions>): Promise<SceneSummary[]>;
  infer(images: ImageInput, options?: PoolOptions<InferenceOptions>): Promise<Scene[]>;
  infer(
    pictures: PoolPictureSource | readonly PoolPictureSource[],
    options?: PoolOptions<PictureOptions>,
  ): Promise<PictureScene[]>;
  async infer(
    images: ImageInput | PoolPictureSource | readonly PoolPictureSource[],
    options: PoolOptions<SummaryOptions | InferenceOptions | PictureOptions> = {},
  ): Promise<unknown> {
    const { signal, timeLimit, ...own } = options;
    if (timeLimit !== undefined && !(timeLimit > 0))
      throw new RangeError(`timeLimit must be above 0, got ${timeLimit}`);
    signal?.throwIfAborted();
    if (this.#disposal) throw new ModelPoolError(`The pool of "${this.manifest.name}" is disposed of`, "closed");
    const hasProcess = this.#idle.length > 0 || this.#processes.size < this.#size;
    if (!hasProcess && this.#waiting.length >= this.#maxQueue) {
      throw new ModelPoolError(`${this.#waiting.length} calls wait already: try again later`, "full");
    }
    const call = message(images, own);

    const end = new AbortController();
    const abort = () => end.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const late = () => end.abort(new ModelPoolError(`There was no result within ${timeLimit} ms`, "time"));
    const timer = timeLimit === undefined ? undefined : setTimeout(late, timeLimit);
    this.#calls.add(end);
    try {
      return await this.#run(await this.#take(end.signal), call, end.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(end);
      if (this.#calls.size === 0) this.#whenIdle?.();
    }
  }

  /**
   * Refuses new calls, waits for those that were made, waiting ones included, and ends the processes.
   *
   * @param options `timeLimit`: milliseconds after which calls that have not ended are given up, with a `ModelPoolError` of kind `closed`;
   *   unlimited by default
   */
  dispose(options: { readonly timeLimit?: number | undefined } = {}): Promise<void> {
    this.#disposal ??= this.#drain(options.timeLimit);
    return this.#disposal;
  }

  /** `await using pool = …` disposes of the pool at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #drain(timeLimit: number | undefined): Promise<void> {
    const giveUp = () => {
      const reason = new ModelPoolError(
        `The pool of "${this.manifest.name}" was disposed of before the result`,
        "closed",
      );
      for (const call of this.#calls) call.abort(reason);
    };
    const timer = timeLimit === undefined ? undefined : setTimeout(giveUp, timeLimit);
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    clearTimeout(timer);
    await Promise.all([...this.#processes].map((each) => each.close()));
  }

  /** A process for one more call. */
  async #take(ended: AbortSignal): Promise<PoolProcess> {
    for (let process = this.#idle.pop(); process; process = this.#idle.pop()) {
      if (process.isAlive) return process;
      this.#processes.delete(process);
    }
    if (this.#processes.size < this.#size) return this.#replace();
    return new Promise((resolve, reject) => {
      const take = (process: PoolProcess) => {
        ended.removeEventListener("abort", leave);
        resolve(process);
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(ended.reason);
      };
      this.#waiting.push(take);
      ended.addEventListener("abort", leave, { once: true });
    });
  }

  #replace(): PoolProcess {
    const process = this.#start();
    this.#processes.add(process);
    return process;
  }

  /** Gives a process that has done its call to the next one; a process that has ended is replaced when there is one. */
  #give(process: PoolProcess): void {
    if (!process.isAlive) this.#processes.delete(process);
    const next = this.#waiting.shift();
    if (next) next(process.isAlive ? process : this.#replace());
    else if (process.isAlive) this.#idle.push(process);
  }

  async #run(first: PoolProcess, call: Uint8Array, ended: AbortSignal): Promise<unknown> {
    let process = first;
    if (ended.aborted) {
      this.#give(process);
      throw ended.reason;
    }
    const infer = async (): Promise<unknown> => {
      try {
        return await process.do({ kind: "infer", call });
      } catch (error) {
        if (process.isAlive || process.hasStarted || ended.aborted) throw error;
        // It ended before the call came, which nobody had noticed.
        this.#processes.delete(process);
        process = this.#replace();
        return process.do({ kind: "infer", call });
      }
    };
    const answer = infer();
    const done = () => this.#give(process);
    answer.then(done, done);
    // The caller does not wait until the process has noticed.
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        process.stop();
        reject(ended.reason);
      };
      ended.addEventListener("abort", giveUp, { once: true });
      answer.then(resolve, reject).finally(() => ended.removeEventListener("abort", giveUp));
    });
  }
}

/** A call as it is sent to a process. Serialised here: what cannot be is an error of this call, and not one of the process's channel. */
function message(images: PoolCall["images"] | URL, options: PoolCall["options"]): Uint8Array {
  const named = Object.entries(options).find(([, value]) => typeof value === "function");
  if (named) throw new RangeError(`A pool has no option ${named[0]}: functions cannot be sent to its processes`);
  const portable = (source: unknown) => (source instanceof URL ? source.href : source);
  const call = { images: Array.isArray(images) ? images.map(portable) : portable(images), options };
  try {
    if (images instanceof Blob || (Array.isArray(images) && images.some((each) => each instanceof Blob))) {
      throw new TypeError("a Blob is not taken: give its arrayBuffer()");
    }
    return serialize(call);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`The images cannot be sent to a process: ${reason}`, undefined, { cause });
  }
}
