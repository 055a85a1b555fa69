/**
 * Asks a program a question in a process of its own. A native library that crashes there ends that process and not this
 * one, one that hangs is stopped, and what it prints is caught.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Options of {@link askProcess}. */
export interface AskOptions {
  /** Environment of the process; by default that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Milliseconds after which the process is stopped if it has not answered; unlimited by default. */
  readonly timeLimit?: number | undefined;
}

/** The answer of a process, or how it ended without one. */
export type ProcessAnswer<Answer> = ({ readonly answer: Answer } | { readonly failure: string }) & {
  /** Last {@link MOST_PRINTED} characters that the process wrote to its standard output and error. */
  readonly printed: string;
};

/** Characters that are kept of what a process prints. */
export const MOST_PRINTED = 4000;
/** Lines of them that explain how a process ended. */
const EXPLAINING_LINES = 3;

/**
 * Starts a program with Node.js, sends it a message and waits for the message that it sends back; then stops it. A
 * crash, a time limit that is over and a process that cannot be started are answers too: nothing is thrown.
 *
 * @param program URL of the program's file
 * @param question what the program receives as its first message; typed arrays are allowed
 */
export function askProcess<Answer>(
  program: URL,
  question: object | string,
  { env = process.env, timeLimit }: AskOptions = {},
): Promise<ProcessAnswer<Answer>> {
  const child = fork(fileURLToPath(program), {
    // Options of this process, such as a port to debug it, are not the child's.
    execArgv: [],
    // The default, JSON, cannot send typed arrays.
    serialization: "advanced",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env,
  });
  const stop = () => child.kill("SIGKILL");
  process.once("exit", stop);
  let printed = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed = (printed + text).slice(-MOST_PRINTED);
    });
  }
  return new Promise((resolve) => {
    let answered: { readonly answer: Answer } | undefined;
    let failure: string | undefined;
    const timer =
      timeLimit === undefined
        ? undefined
        : setTimeout(() => {
            failure = `its process gave no answer within ${timeLimit / 1000} s and was stopped`;
            stop();
          }, timeLimit);
    const finish = (result: { readonly answer: Answer } | { readonly failure: string }) => {
      clearTimeout(timer);
      process.removeListener("exit", stop);
      resolve({ ...result, printed: printed.trim() });
    };
    child.on("message", (message) => {
      answered = { answer: message as Answer };
      // Threads of native libraries would keep it alive, and some libraries crash when they are unloaded.
      stop();
    });
    child.on("error", (error) => {
      // If the process did start, it ended before it read the question: "close" then gives a better reason.
      if (child.pid === undefined) finish({ failure: `cannot start a process: ${error.message}` });
    });
    child.on("close", (code, signal) => {
      const last = printed.trim().split("\n").slice(-EXPLAINING_LINES).join(" ");
      finish(
        answered ?? {
          failure: failure ?? `its process ended with ${signal ?? `exit code ${code}`}: ${last || "it said nothing"}`,
        },
      );
    });
    child.send(question);
  });
}
