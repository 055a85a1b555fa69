/** The page's side of a worker: numbered calls, their progress reports and answers, and the worker's failure. */
import type { StepReport } from "@air-onnx/core";
import type { Device } from "./devices.js";
import { errorFromMessage } from "./error-message.js";
import { WorkerUnavailableError } from "./errors.js";
import type { Call, ToPage, ToWorker } from "./worker-messages.js";

/** Listeners of a running call. */
export interface Listeners {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((report: StepReport) => void | Promise<void>) | undefined;
  readonly onProgress?: ((progress: number, total?: number) => void) | undefined;
}

interface Pending extends Listeners {
  readonly settle: (message: { result: unknown } | { failure: unknown }) => void;
}

/** A worker that answers calls. */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  /** Whether the worker has ever answered; before that, an error means that it could not start. */
  #answered = false;
  #fault: Error | undefined;

  /** @throws {WorkerUnavailableError} if no worker can be created */
  constructor(device: Device) {
    try {
      this.#worker = startWorker(device);
    } catch (cause) {
      throw new WorkerUnavailableError(`no worker: ${String(cause)}`, { cause });
    }
    this.#worker.addEventListener("message", ({ data }: MessageEvent<ToPage>) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#fail(
        this.#answered
          ? new WorkerUnavailableError(`The model's worker failed: ${event.message}`, { kind: "failed" })
          : new WorkerUnavailableError(`the worker cannot start: ${event.message || MODULE_MISSING}`),
      );
    });
    this.#worker.addEventListener("messageerror", () =>
      this.#fail(new WorkerUnavailableError("The model's worker sent what cannot be read", { kind: "failed" })),
    );
  }

  /** Reason why the worker does not answer any more; undefined while it works. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  /**
   * Calls the worker and waits for its answer.
   *
   * @param transfer memory that is transferred to the worker
   * @throws the error that the worker threw, or the signal's reason
   */
  async call(call: Call, listeners: Listeners = {}, transfer: Transferable[] = []): Promise<unknown> {
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

  /** Ends the worker at once. */
  terminate(): void {
    this.#worker.terminate();
  }

  /** Ends the worker at once; calls without an answer are rejected with `reason`. */
  end(reason: Error): void {
    this.terminate();
    this.#fail(reason);
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: ToPage): void {
    this.#answered = true;
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if ("error" in message) pending.settle({ failure: errorFromMessage(message.error) });
    else if ("result" in message) pending.settle({ result: message.result });
    else void this.#report(message, pending);
  }

  /** Passes a report to a listener; an error of the listener rejects the call. */
  async #report(message: Extract<ToPage, { step: unknown } | { progress: unknown }>, pending: Pending): Promise<void> {
    const { id } = message;
    try {
      if ("progress" in message) {
        pending.onProgress?.(message.progress, message.total);
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

const MODULE_MISSING =
  "its module, or one that it imports, cannot be loaded (import maps do not reach workers: without a bundler import dist/standalone/index.js of this package, which needs none)";

/** Starts the worker of a device. Bundlers recognise the workers' modules only in exactly this form. */
function startWorker(device: Device): Worker {
  return device === "webgpu"
    ? new Worker(new URL("./worker-webgpu.js", import.meta.url), { type: "module", name: "air-onnx webgpu" })
    : new Worker(new URL("./worker-wasm.js", import.meta.url), { type: "module", name: "air-onnx wasm" });
}
