/**
 * Starts onnxruntime-web. Each device has its own edition of it; the one with WebGPU is twice as large, so only the needed
 * one is loaded.
 */
import { probeModel } from "@air-onnx/core";
import type * as OnnxRuntime from "onnxruntime-web";
import { whyUnavailable } from "./device-status.js";
import type { Device } from "./devices.js";
import { DeviceUnavailableError } from "./errors.js";
import type { ResolvedSettings } from "./settings.js";

/** The part of an edition's module that is used here. */
export type Ort = Pick<typeof OnnxRuntime, "env" | "InferenceSession" | "Tensor">;

/** WebAssembly file of each edition, in the version that package.json names; `size` in bytes, uncompressed. */
export const wasmFiles: Readonly<Record<Device, { readonly file: string; readonly size: number }>> = {
  wasm: { file: "ort-wasm-simd-threaded.wasm", size: 14_239_897 },
  webgpu: { file: "ort-wasm-simd-threaded.asyncify.wasm", size: 26_781_914 },
};

/**
 * Log level at which onnxruntime prints errors only. At 2 it would also warn that the arithmetic of shapes runs on the CPU,
 * which is intended.
 */
export const ERRORS = 3;

/** A start of onnxruntime in this page or worker. */
interface Start {
  readonly settings: string;
  /** Rejects with a {@link DeviceUnavailableError}. */
  readonly ready: Promise<void>;
}

const starts = new WeakMap<Ort, Start>();

/**
 * Loads onnxruntime's WebAssembly. By itself onnxruntime would load it only with the first graph, after that has been
 * downloaded; this way both are downloaded in parallel.
 *
 * @throws {Error} if it was started in this page or worker before with other settings, because new ones have no effect
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

/** Opens a tiny graph on the CPU, in either edition: this starts WebAssembly and says nothing about the GPU. */
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
 * Runs `work` after all work that was passed to this function before. With WebGPU a run suspends WebAssembly while it waits
 * for the GPU, and a second run that starts meanwhile makes both hang.
 */
export function oneAtATime<Result>(ort: Ort, work: () => Promise<Result>): Promise<Result> {
  const result = (last.get(ort) ?? Promise.resolve()).then(work);
  last.set(
    ort,
    result.catch(() => {}),
  );
  return result;
}
