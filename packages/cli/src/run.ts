/** From arguments to an exit code: every way a command can end is decided here. */
import { CommanderError } from "commander";
import { exitCode, explain } from "./failures.js";
import { asTyped } from "./invocation.js";
import { printError } from "./output.js";
import { createProgram } from "./program.js";

/**
 * Runs one command line; results go to standard output, failures to standard error.
 *
 * @param args without the executable, such as `["train", "--steps", "100"]`
 * @returns 0 success, 1 failure, 2 wrong usage, 129, 130 or 143 stopped by SIGHUP, SIGINT or SIGTERM
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = await createProgram(args);
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (cause) {
    // commander has printed its own errors, and its help.
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : exitCode.usage;
    const debug = Boolean(process.env.DEBUG) || program.commands.some((command) => command.opts().debug);
    // Loaded only now: a command that does not fail need not wait for it.
    const { adviceFor } = await import("./advice.js");
    const failure = explain(cause, adviceFor(cause), debug);
    if (failure.message) printError(asTyped(failure.message));
    return failure.exitCode;
  }
}
