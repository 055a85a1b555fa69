/** `air-onnx train` in a process of its own, which ends in good order with this one. */
import { fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exitCode } from "./failures.js";

export type ChildOutcome =
  | { readonly type: "done" }
  /** By a signal that it could answer. */
  | { readonly type: "stopped" }
  | { readonly type: "failed"; readonly reason: string };

export interface ChildOptions {
  /** Stops the child, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Is told what the child notices, each in a line. */
  readonly notify: (line: string) => void;
}

/** Lines of standard error that are kept, for the reason of a failure. */
const KEPT_LINES = 100;
const NOTICE = "notice: ";
const ERROR = "error: ";

/** @param args of `train` */
export function trainInChild(args: readonly string[], { signal, notify }: ChildOptions): Promise<ChildOutcome> {
  // The built file, also for tests, which run the sources.
  const bin = fileURLToPath(new URL("../dist/child-bin.js", import.meta.url));
  const child = fork(bin, ["train", ...args], {
    execArgv: [],
    // What it says on standard output is in its metrics too.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // A process group of its own: Ctrl-C on a terminal is for this process alone, which then stops the child once.
    detached: true,
  });
  const stop = (): void => {
    if (child.connected) child.disconnect();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr! }).on("line", (line) => {
    if (line.startsWith(NOTICE)) return notify(line.slice(NOTICE.length));
    said.push(line);
    if (said.length > KEPT_LINES) said.shift();
  });
  const heardAll = new Promise((resolve) => lines.on("close", resolve));
  return new Promise((resolve) => {
    const end = (outcome: ChildOutcome): void => {
      signal.removeEventListener("abort", stop);
      resolve(outcome);
    };
    child.on("error", (error) => end({ type: "failed", reason: `cannot start a process: ${error.message}` }));
    // Not its event "close", which does not come after a disconnect from here.
    child.on("exit", (code, killedBy) => heardAll.then(() => end(outcomeOf(code, killedBy, said))));
  });
}

function outcomeOf(code: number | null, killedBy: NodeJS.Signals | null, said: readonly string[]): ChildOutcome {
  if (code === 0) return { type: "done" };
  if (code === exitCode.SIGINT || code === exitCode.SIGTERM || killedBy === "SIGINT" || killedBy === "SIGTERM") {
    return { type: "stopped" };
  }
  if (killedBy === "SIGKILL") {
    return { type: "failed", reason: "killed by SIGKILL, as the system does when memory runs out" };
  }
  const start = said.findLastIndex((line) => line.startsWith(ERROR));
  const message = (start < 0 ? said.slice(-10) : said.slice(start)).join("\n");
  const end = killedBy ? `killed by ${killedBy}` : `ended with exit code ${code}`;
  return {
    type: "failed",
    reason: start < 0 ? `${end}: ${message || "it said nothing"}` : message.slice(ERROR.length),
  };
}
