/**
 * onnxruntime-web, of which each device has its own edition: the one with WebGPU is twice as large, so only what is
 * needed is loaded.
 */
import { probeModel } from "@air-onnx/core";
import type * as OnnxRuntime from "onnxruntime-web";
import { whyUnavailable } from "./device-status.js";
import type { Device } from "./devices.js";
import { DeviceUnavailableError } from "./errors.js";
import type { ResolvedSettings } from "./settings.js";

export type Ort = Pick<typeof OnnxRuntime, "env" | "InferenceSession" | "Tensor">;

/** The WebAssembly of each edition, of the version that package.json names: bytes as they are run, not as they are sent. */
export const wasmFiles: Readonly<Record<Device, { readonly file: string; readonly size: number }>> = {
  wasm: { file: "ort-wasm-simd-threaded.wasm", size: 14_239_897 },
  webgpu: { file: "ort-wasm-simd-threaded.asyncify.wasm", size: 26_781_914 },
};

/** onnxruntime's levels: 2 would warn in the console that the arithmetic of shapes runs on the CPU, as it should. */
export const ERRORS = 3;

/** How onnxruntime was started in this page or worker. */
interface Start {
  readonly settings: string;
  /** Rejects with a {@link DeviceUnavailableError}. */
  readonly ready: Promise<void>;
}

const starts = new WeakMap<Ort, Start>();

/**
 * Loads its WebAssembly, which it would do only with the first graph, when that has been downloaded: this way both come
 * at a time.
 *
 * @throws {RangeError} if it was started in this page or worker before, with other settings: they would not take effect
 * @throws {DeviceUnavailableError} if it does not start
 */
export function startOnnxRuntime(ort: Ort, device: Device, { wasmPaths, threads }: ResolvedSettings): Promise<void> {
  const settings = JSON.stringify({ wasmPaths, threads });
  const before = starts.get(ort);
  if (before !== undefined) {
    if (before.settings === settings) return before.ready;
    throw new RangeError(
      `onnxruntime runs here with ${before.settings} already, which cannot become ${settings} without a reload`,
    );
  }
  ort.env.wasm.numThreads = threads;
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
  const ready = oneAtATime(ort, () => probe(ort, device));
  starts.set(ort, { settings, ready });
  return ready;
}

/** Runs on the CPU, in either edition: it is there to start WebAssembly, not to see whether there is a GPU. */
async function probe(ort: Ort, device: Device): Promise<void> {
  const unavailable = await whyUnavailable("wasm");
  if (unavailable !== undefined) throw new DeviceUnavailableError(device, unavailable);
  try {
    const options = { executionProviders: ["wasm"], logSeverityLevel: ERRORS } as const;
    const session = await ort.InferenceSession.create(probeModel, options);
    await session.release();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceUnavailableError(
      device,
      `onnxruntime cannot start, is its .wasm file served? (see wasmPaths): ${reason}`,
      { cause },
    );
  }
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
