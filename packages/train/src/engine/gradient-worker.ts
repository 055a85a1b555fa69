/** A thread that computes the gradients of one part of each batch, as its owner sees it. */
import { Worker } from "node:worker_threads";
import type { NamedArrays } from "@air-onnx/trainer";

/** What a thread is started with. */
export interface GradientSetup {
  /** The graph of `traceGradients`, serialised. */
  readonly graph: Uint8Array;
  /** Threads of one operator. */
  readonly threads: number;
  /** Every parameter, with its place in the shared memory: numbers from `begin` on. */
  readonly parameters: readonly {
    readonly input: string;
    readonly output: string;
    readonly shape: readonly number[];
    readonly begin: number;
  }[];
  /** Shapes of the inputs that are new at each step. */
  readonly perStep: Readonly<Record<string, readonly number[]>>;
  /** The metrics to return, with their outputs of the graph. */
  readonly metrics: readonly { readonly name: string; readonly output: string }[];
  /** The parameters, which the thread reads at each step. */
  readonly sharedParameters: SharedArrayBuffer;
  /** The gradients, which the thread writes at each step: as long as the parameters. */
  readonly sharedGradients: SharedArrayBuffer;
}

/** A request to a thread: the inputs of one step, or that it ends. */
export type GradientRequest = NamedArrays | "close";
/** The answer to the inputs of a step. The first one, to none, says that the thread is ready. */
export type GradientAnswer = { readonly metrics: Readonly<Record<string, number>> } | { readonly error: string };

/**
 * The thread. Its owner ends it by {@link close} and never by force: a thread that is terminated while onnxruntime runs takes the
 * whole process with it.
 */
export class GradientWorker {
  readonly #worker: Worker;
  readonly #gone: Promise<void>;
  #call:
    | { readonly resolve: (metrics: Readonly<Record<string, number>>) => void; readonly reject: (error: Error) => void }
    | undefined;
  #failure: Error | undefined;
  /** Resolves when the thread is ready. */
  readonly ready: Promise<unknown>;
  /** The gradients of the last step. */
  readonly gradients: Float32Array;

  constructor(setup: GradientSetup) {
    this.gradients = new Float32Array(setup.sharedGradients);
    // This is the built file also in tests, which otherwise run the sources: Node 20 cannot run TypeScript.
    const program = new URL("../../dist/engine/gradient-thread.js", import.meta.url);
    // Options of this process, such as a port to debug it, are not the thread's.
    this.#worker = new Worker(program, { workerData: setup, execArgv: [] });
    this.#worker.on("message", (answer: GradientAnswer) => {
      if ("error" in answer) this.#call?.reject(new Error(answer.error));
      else this.#call?.resolve(answer.metrics);
      this.#call = undefined;
      // A thread that waits for its next step keeps no process alive.
      this.#worker.unref();
    });
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#call?.reject(error);
      this.#call = undefined;
    };
    this.#worker.on("error", fail);
    this.#gone = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        fail(new Error("A thread of the training ended"));
        resolve();
      });
    });
    this.ready = this.#answer();
  }

  /**
   * Computes the gradients of its part of a batch.
   *
   * @param inputs the part's inputs, in arrays of their own: they are handed over, and empty afterwards
   * @returns metrics of the part by name
   * @throws {Error} if the graph fails, or the thread has ended
   */
  compute(inputs: NamedArrays): Promise<Readonly<Record<string, number>>> {
    const answer = this.#answer();
    if (!this.#failure)
      this.#worker.postMessage(
        inputs,
        Object.values(inputs).map(({ buffer }) => buffer),
      );
    return answer;
  }

  /** Ends the thread. What it computes has to be waited for before. */
  async close(): Promise<void> {
    this.#worker.ref();
    if (!this.#failure) this.#worker.postMessage("close" satisfies GradientRequest);
    await this.#gone;
  }

  #answer(): Promise<Readonly<Record<string, number>>> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#call = { resolve, reject };
      this.#worker.ref();
    });
  }
}
