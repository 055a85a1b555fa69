/** One process of a pool, as the pool sees it. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ModelPoolError } from "./errors.js";
import { asThrown, type PoolAnswer, type PoolRequest, type PoolSettings } from "./pool-messages.js";

/** A process that opens a model at its start. It does one call at a time. */
export class PoolProcess {
  readonly #child: ChildProcess;
  readonly #grace: number;
  #call: { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void } | undefined;
  #killer: NodeJS.Timeout | undefined;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  #isAlive = true;
  #hasStarted = false;

  /** @param grace milliseconds that a call which is stopped may go on, and the process at its end, before it is killed */
  constructor(settings: PoolSettings, grace: number) {
    this.#grace = grace;
    // This is the built file also in tests, which otherwise run the sources: Node 20 cannot run TypeScript.
    const program = fileURLToPath(new URL("../dist/pool-program.js", import.meta.url));
    this.#child = fork(program, [JSON.stringify(settings)], {
      // Options of this process, such as a port to debug it, are not the child's.
      execArgv: [],
      // The default, JSON, cannot send typed arrays.
      serialization: "advanced",
    });
    this.#child.on("message", (message) => this.#settle(message as PoolAnswer));
    this.ended = new Promise((resolve) => {
      const end = (why: string, cause?: Error) => {
        this.#isAlive = false;
        clearTimeout(this.#killer);
        this.#call?.reject(
          new ModelPoolError(`A process of the pool ended before the result: ${why}`, "crashed", cause && { cause }),
        );
        this.#call = undefined;
        resolve();
      };
      this.#child.on("exit", (code, signal) => end(signal ?? `exit code ${code}`));
      this.#child.on("error", (cause) => {
        // Another error, of a message that cannot be sent, is followed by the end of the process.
        if (this.#child.pid === undefined) end(`it cannot be started: ${cause.message}`, cause);
        else this.kill();
      });
    });
  }

  /** Whether the process can do another call. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Whether the process got the last call, rather than having ended before. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /**
   * Does one call, for which the one before must have ended.
   *
   * @throws what the process throws, of the class that it has there
   * @throws {ModelPoolError} of kind `crashed` if the process ends
   */
  do(request: PoolRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#call = { resolve, reject };
      this.#hasStarted = false;
      this.#child.send(request);
    });
  }

  /** Ends the call at its next batch, or the process if that takes too long. */
  stop(): void {
    if (this.#call === undefined || this.#killer) return;
    this.#child.send({ kind: "stop" } satisfies PoolRequest);
    this.#killer = setTimeout(() => this.kill(), this.#grace);
  }

  /** Ends the process, which does no call. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    this.#killer ??= setTimeout(() => this.kill(), this.#grace);
    await this.ended;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #settle(answer: PoolAnswer): void {
    if ("started" in answer) {
      this.#hasStarted = true;
      return;
    }
    clearTimeout(this.#killer);
    this.#killer = undefined;
    const call = this.#call;
    this.#call = undefined;
    if ("error" in answer) call?.reject(asThrown(answer.error));
    else call?.resolve(answer.result);
  }
}
