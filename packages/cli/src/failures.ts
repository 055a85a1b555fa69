/** The errors of the command line itself, and the messages and exit codes for all errors. */
import { AssertionError } from "node:assert";

/** The exit codes of a command that did not succeed. */
export const exitCode = { failure: 1, usage: 2, SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;
/** A signal by which a user stops a command. */
export type StopSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

/** The command line, or the configuration file that it names, asks for something that cannot be. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The command ran as asked, and the answer is no: a check that failed, a file that is not what it should be. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** The user stopped the command; `message` says what is kept, if anything is. */
export class StoppedError extends Error {
  override name = "StoppedError";
  constructor(
    readonly signal: StopSignal,
    message = "Stopped.",
  ) {
    super(message);
  }
}

/** Errors that JavaScript itself throws. They are always faults of the program, not of the user. */
const bugs = [TypeError, ReferenceError, SyntaxError, AssertionError];

/**
 * The text on standard error, and the exit code, for any error.
 *
 * @param advice which flags help, in lines
 */
export function explain(
  cause: unknown,
  advice: readonly string[],
  debug: boolean,
): { message: string; exitCode: number } {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const isBug = bugs.some((Bug) => error instanceof Bug);
  const lines = [error instanceof StoppedError ? error.message : `error: ${error.message}`, ...advice];
  if (debug || isBug) lines.push(...stacks(error));
  if (isBug) lines.push("This is a bug in air-onnx: please report it with the lines above.");
  return { message: lines.join("\n"), exitCode: codeOf(error) };
}

function codeOf(error: Error): number {
  if (error instanceof StoppedError) return exitCode[error.signal];
  return error instanceof UsageError ? exitCode.usage : exitCode.failure;
}

/** The stack of an error and of its causes. */
function stacks(error: Error): string[] {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? [own, "caused by:", ...stacks(error.cause)] : [own];
}
