/** The examples run as a user runs them: with node, on the built package. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));
const built = existsSync(join(packageFolder, "dist/index.js"));

test.each(["mlp", "lstm"])("export-%s", async (name) => {
  expect(built, "the examples need a build: run `npm run build` first").toBe(true);
  const folder = await mkdtemp(join(tmpdir(), "tracer-example-"));
  try {
    const script = join(packageFolder, "examples", `export-${name}.mjs`);
    const { stdout } = await promisify(execFile)(process.execPath, [script, folder], { cwd: packageFolder });
    expect(stdout).toMatch(/differs from tfjs by at most/);
    expect(await readdir(folder)).toEqual([`${name}.onnx`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
