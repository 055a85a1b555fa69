/** Tests which packages each command loads: those that neither trace nor train do not load TensorFlow.js. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encodePng } from "@air-onnx/scenes";
import { createRunFolder, parseTrainConfig } from "@air-onnx/train/runs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bin, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());
const model = fileURLToPath(new URL("../../../models/multi-mnist", import.meta.url));
/** Writes the specifier of every import of a package to the file of AIR_ONNX_TEST_IMPORTS. */
const hooks = new URL("record-imports.mjs", import.meta.url);
const recorder = `data:text/javascript,import{register}from"node:module";register(${JSON.stringify(hooks.href)})`;

/** The packages that `air-onnx` with these arguments imports, and what it says on standard error. */
async function loadedBy(...args: string[]): Promise<{ readonly loaded: readonly string[]; readonly stderr: string }> {
  const file = place.at("imports");
  writeFileSync(file, "");
  const stderr = await new Promise<string>((resolve) => {
    const env = { ...process.env, AIR_ONNX_TEST_IMPORTS: file };
    execFile(process.execPath, ["--import", recorder, bin, ...args], { cwd: place.path, env }, (_, __, said) =>
      resolve(said),
    );
  });
  return { loaded: [...new Set(readFileSync(file, "utf8").trim().split("\n"))], stderr };
}

const tensorflow = (loaded: readonly string[]): string[] => loaded.filter((name) => name.startsWith("@tensorflow/"));

beforeAll(async () => {
  const black = { data: new Uint8Array(50 * 50), width: 50, height: 50, channels: 1 } as const;
  writeFileSync(place.at("black.png"), encodePng(black));
  mkdirSync(place.at("runs"));
  for (const seed of [0, 1]) {
    const config = parseTrainConfig({ dataset: "multi-strokes", seed });
    const { lock } = await createRunFolder(place.at(`runs/seed-${seed}`), config, () => {});
    lock.release();
  }
});

it.each([
  ["data", ["data", "multi-strokes", "--train-size", "20", "--test-size", "4", "--cache-dir", "cache"]],
  [
    "eval MODEL",
    ["eval", model, "--dataset", "multi-strokes", "--test-size", "4", "--cache-dir", "cache", "--out", "e"],
  ],
  ["infer", ["infer", model, "black.png", "--out", "found", "--steps-picture", "steps.png"]],
  ["sample", ["sample", model, "--n", "2", "--out", "samples.png"]],
  ["report of several runs", ["report", "runs"]],
  ["report of a run without a checkpoint", ["report", "runs/seed-0"]],
])("air-onnx %s loads no TensorFlow.js", async (_, args) => {
  const { loaded, stderr } = await loadedBy(...args);
  expect(stderr).not.toContain("error: ");
  expect(loaded).toContain("@air-onnx/core");
  expect(tensorflow(loaded)).toEqual([]);
});

it("export, which traces graphs, is seen to load TensorFlow.js", async () => {
  expect(tensorflow((await loadedBy("export", "runs/nowhere")).loaded)).toContain("@tensorflow/tfjs");
});
