/** One seed of a sweep in a process of its own, which ends in good order with this one. */
import { fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type SeedJob, type SeedMessage, STOPPED_EXIT_CODE } from "./seed-job.js";

export type SeedOutcome =
  | { readonly type: "done" }
  /** By a signal that it could answer. */
  | { readonly type: "stopped" }
  | { readonly type: "failed"; readonly reason: string };

export interface SeedProcessOptions {
  /** Stops the process, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Is told what the training notices, each in a line. */
  readonly onNotice: (line: string) => void;
}

/** Lines of standard error that are kept, for the reason of a failure. */
const KEPT_LINES = 100;

export function trainInProcess(job: SeedJob, { signal, onNotice }: SeedProcessOptions): Promise<SeedOutcome> {
  // The built file, also for tests, which run the sources.
  const program = fileURLToPath(new URL("../../dist/sweep/seed-program.js", import.meta.url));
  const child = fork(program, [], {
    // While a training step is traced, V8 would let the space for short-lived values grow by some 35 MB, and keep it.
    execArgv: ["--semi-space-growth-factor=1"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // A process group of its own: Ctrl-C on a terminal is for this process alone, which then stops the child once.
    detached: true,
  });
  const stop = (): void => {
    if (child.connected) child.disconnect();
  };
  if (signal.aborted) stop();
  else child.send(job);
  signal.addEventListener("abort", stop, { once: true });
  let failure: string | undefined;
  child.on("message", (message: SeedMessage) => {
    if (message.type === "notice") onNotice(message.line);
    else failure = message.reason;
  });
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr! }).on("line", (line) => {
    said.push(line);
    if (said.length > KEPT_LINES) said.shift();
  });
  const heardAll = new Promise((resolve) => lines.on("close", resolve));
  return new Promise((resolve) => {
    const end = (outcome: SeedOutcome): void => {
      signal.removeEventListener("abort", stop);
      resolve(outcome);
    };
    child.on("error", (error) => end({ type: "failed", reason: `cannot start a process: ${error.message}` }));
    // Not its event "close", which does not come after a disconnect from here.
    child.on("exit", (code, killedBy) => void heardAll.then(() => end(outcomeOf(code, killedBy, failure, said))));
  });
}

function outcomeOf(
  code: number | null,
  killedBy: NodeJS.Signals | null,
  failure: string | undefined,
  said: readonly string[],
): SeedOutcome {
  if (code === 0) return { type: "done" };
  const isStopped = killedBy === "SIGHUP" || killedBy === "SIGINT" || killedBy === "SIGTERM";
  if (code === STOPPED_EXIT_CODE || isStopped) return { type: "stopped" };
  if (failure !== undefined) return { type: "failed", reason: failure };
  if (killedBy === "SIGKILL") {
    return { type: "failed", reason: "killed by SIGKILL, as the system does when memory runs out" };
  }
  const end = killedBy ? `killed by ${killedBy}` : `ended with exit code ${code}`;
  return { type: "failed", reason: `${end}: ${said.slice(-10).join("\n") || "it said nothing"}` };
}
