import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadProgress } from "@air-onnx/core";
import { expect, it } from "vitest";
import { LoadMeter } from "../src/load-meter.js";
import { wasmFiles } from "../src/onnxruntime.js";

it("adds up model and runtime, and reports once the total is known", () => {
  const reports: LoadProgress[] = [];
  const meter = new LoadMeter((report) => reports.push(report));
  meter.expectRuntime(100);
  meter.add("runtime.wasm", 30);
  expect(reports).toEqual([]);
  meter.expectModel(50);
  meter.add("step.onnx", 50);
  meter.add("runtime.wasm", 70);
  expect(reports).toEqual([
    { file: "runtime.wasm", loadedBytes: 30, totalBytes: 150 },
    { file: "step.onnx", loadedBytes: 80, totalBytes: 150 },
    { file: "runtime.wasm", loadedBytes: 150, totalBytes: 150 },
  ]);
});

it("the sizes of onnxruntime's files are those of the installed version", () => {
  const folder = dirname(fileURLToPath(import.meta.resolve("onnxruntime-web/wasm")));
  for (const { file, size } of Object.values(wasmFiles)) expect(statSync(join(folder, file)).size, file).toBe(size);
});
