/**
 * Runs work that is only worth doing for the newest input. While it is running, the newest new input waits and older ones
 * are dropped, so that nothing queues up behind a slow device.
 */
export class LatestOnly<Input> {
  readonly #work: (input: Input) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #waiting: { readonly input: Input } | undefined;
  #running: Promise<void> | undefined;

  constructor(work: (input: Input) => Promise<void>, onError: (error: unknown) => void) {
    this.#work = work;
    this.#onError = onError;
  }

  submit(input: Input): void {
    this.#waiting = { input };
    this.#running ??= this.#drain();
  }

  /** Drops the waiting input, if any. */
  cancel(): void {
    this.#waiting = undefined;
  }

  /** Resolves when no work is running and no input waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting) {
      const { input } = this.#waiting;
      this.#waiting = undefined;
      try {
        await this.#work(input);
      } catch (error) {
        this.#onError(error);
      }
    }
    this.#running = undefined;
  }
}
