/**
 * Runs both benchmarks, training and then inference, with the options that they share; each has further ones of its own.
 *
 *   npm run bench -- [--python <python with jax and torch>] [--device gpu] [--against <built checkout>] [--rounds 12]
 *     [--threads 1] [--only JAX,eager | --write]
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { here, parseOptions, say } from "./competitors.mjs";

const options = process.argv.slice(2);
// Parses the options first, so that an unknown one is refused before either benchmark runs.
parseOptions({});
for (const half of ["training", "inference"]) {
  say(`\n${half[0].toUpperCase()}${half.slice(1)}`);
  const { status } = spawnSync(process.execPath, [join(here, `${half}.mjs`), ...options], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
