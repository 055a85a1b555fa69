/** The executable: this process's arguments, streams and exit code. */
import { setFlagsFromString } from "node:v8";
import { exitCodeWithOutput, outputFailed } from "./output.js";
import { run } from "./run.js";

// While a training step is traced, V8 would let the space for short-lived values grow by some 35 MB, and keep it. It looks at
// this flag whenever that space is full, so it may be set now.
setFlagsFromString("--semi-space-growth-factor=1");

process.stdout.on("error", outputFailed);
// There is nobody to tell.
process.stderr.on("error", () => {});
// The last words can fail after the command has ended.
process.on("exit", (code) => {
  process.exitCode = exitCodeWithOutput(code);
});
process.exitCode = await run(process.argv.slice(2));
