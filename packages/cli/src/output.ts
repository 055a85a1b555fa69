/**
 * Where a command's words go: results to standard output, notices about what was got round to standard error.
 *
 * Standard output can fail: a reader such as `head` has gone, a disk is full, a terminal was closed. A command whose work is in
 * files goes on without printing, so that nothing is lost; one whose work is what it prints stops.
 */
import { exitCode } from "./failures.js";

/** What a command leaves: files, or what it prints. */
export type Work = "files" | "output";

const state: { work: Work | undefined; failure: NodeJS.ErrnoException | undefined } = {
  work: undefined,
  failure: undefined,
};

/** Says what the command that runs now leaves; before that, as for `--help`, it leaves nothing. */
export function setWork(work: Work): void {
  state.work = work;
  told.clear();
}

export function print(text: string): void {
  if (state.failure) return;
  try {
    process.stdout.write(`${text}\n`);
  } catch (cause) {
    // Files are written to at once.
    outputFailed(cause as NodeJS.ErrnoException);
  }
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

export function notice(text: string): void {
  printError(`notice: ${text}`);
}

const told = new Set<string>();

/** A notice that a command says once, however often its cause is met: images are loaded to guess settings, and again to train. */
export function noticeOnce(text: string): void {
  if (told.has(text)) return;
  told.add(text);
  notice(text);
}

/** A line on standard error. There is nobody to tell if that fails. */
export function printError(text: string): void {
  try {
    process.stderr.write(`${text}\n`);
  } catch {}
}

/** What standard output's first error means: see {@link Work}. */
export function outputFailed(error: NodeJS.ErrnoException): void {
  if (state.failure) return;
  state.failure = error;
  const isClosed = error.code === "EPIPE";
  const failure = `Cannot write to standard output: ${error.message}`;
  if (state.work === "files") {
    if (isClosed) notice("standard output was closed; going on without printing");
    else printError(`error: ${failure}; going on without printing`);
    return;
  }
  if (!isClosed) printError(`error: ${failure}`);
  // A reader that has seen enough of the help is no failure.
  const closed = state.work === "output" ? exitCode.SIGPIPE : 0;
  process.exit(isClosed ? closed : exitCode.failure);
}

/** The exit code of a command that would end with `code`: words that were asked for and lost are a failure. */
export function exitCodeWithOutput(code: number): number {
  return code === 0 && state.failure && state.failure.code !== "EPIPE" ? exitCode.failure : code;
}
