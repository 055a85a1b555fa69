/**
 * onnxruntime-web, of which each device has its own edition: the one with WebGPU is twice as large, so only what is
 * needed is loaded.
 */
import type * as OnnxRuntime from "onnxruntime-web";
import type { Device } from "./devices.js";
import type { ResolvedSettings } from "./settings.js";

export type Ort = Pick<typeof OnnxRuntime, "env" | "InferenceSession" | "Tensor">;

export function loadOnnxRuntime(device: Device): Promise<Ort> {
  return device === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm");
}

const started = new WeakMap<Ort, string>();

/**
 * @throws {Error} if it was started in this page or worker before, with other settings: they would not take effect
 */
export function applySettings(ort: Ort, { wasmPaths, threads }: ResolvedSettings): void {
  const settings = JSON.stringify({ wasmPaths, threads });
  const before = started.get(ort) ?? settings;
  if (before !== settings) {
    throw new Error(`onnxruntime runs here with ${before} already, which cannot become ${settings} without a reload`);
  }
  started.set(ort, settings);
  ort.env.wasm.numThreads = threads;
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
}

const last = new WeakMap<Ort, Promise<unknown>>();

/**
 * Does `work` when all that was asked for before is done. With WebGPU a run pauses in the midst of WebAssembly to wait
 * for the GPU, and another that starts meanwhile hangs both.
 */
export function oneAtATime<Result>(ort: Ort, work: () => Promise<Result>): Promise<Result> {
  const result = (last.get(ort) ?? Promise.resolve()).then(work);
  last.set(
    ort,
    result.catch(() => {}),
  );
  return result;
}
