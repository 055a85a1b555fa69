/** The executable: this process's arguments, streams and exit code. */
import { setFlagsFromString } from "node:v8";
import { run } from "./run.js";

// While a training step is traced, V8 would let the space for short-lived values grow by some 35 MB, and keep it. It looks at
// this flag whenever that space is full, so it may be set now.
setFlagsFromString("--semi-space-growth-factor=1");

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
process.exitCode = await run(process.argv.slice(2));
