/** A training that runs in a worker of its own, as the page sees it. */
import { failureInWords } from "./training-failure.js";
import type { FromTrainer, ToTrainer } from "./training-messages.js";

type Answer = Exclude<FromTrainer, { failure: unknown }>;

export interface TrainingEvents {
  receive(message: Answer): void;
  /** The worker stopped and is gone; the next message goes to a new one. */
  failed(failure: { readonly text: string; readonly canGoOn: boolean }): void;
}

export class TrainingClient implements Disposable {
  readonly #events: TrainingEvents;
  readonly #name: string;
  #worker: Worker | undefined;

  /** @param name name of the worker in the browser's tools */
  constructor(name: string, events: TrainingEvents) {
    this.#name = name;
    this.#events = events;
  }

  post(message: ToTrainer): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./training-worker.ts", import.meta.url), { type: "module", name: this.#name });
    const failed = (kind: Parameters<typeof failureInWords>[0], message: string): void => {
      // What an exhausted or broken runtime holds is of no use: the next start is in a new worker.
      this[Symbol.dispose]();
      this.#events.failed(failureInWords(kind, message));
    };
    worker.addEventListener("message", ({ data }: MessageEvent<FromTrainer>) => {
      if ("failure" in data) failed(data.failure.kind, data.failure.message);
      else this.#events.receive(data);
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      failed("other", event.message || "the worker could not be loaded");
    });
    return worker;
  }
}
