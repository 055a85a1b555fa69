/** The backends of training by name, and whether each can run here: by trying it. */
import { type Device, whyUnavailable } from "@air-onnx/runtime-node";
import type { TrainConfig } from "../config.js";
import { BackendUnavailableError } from "../errors.js";
import { type EagerBackend, useEagerBackend } from "./tfjs-backends.js";

export type Backend = TrainConfig["backend"];

/** The provider of onnxruntime that a backend traces for, if it traces. */
const tracedDevices: { readonly [B in Exclude<Backend, EagerBackend>]: Device } = {
  onnxruntime: "cpu",
  "onnxruntime-cuda": "cuda",
  "onnxruntime-webgpu": "webgpu",
};

/** The device of onnxruntime that `backend` runs on; undefined for the eager ones. */
export function tracedDevice(backend: Backend): Device | undefined {
  return backend in tracedDevices ? tracedDevices[backend as keyof typeof tracedDevices] : undefined;
}

/**
 * Loads `backend` and tries it.
 *
 * @throws {BackendUnavailableError} saying what is missing and how to get it
 */
export async function requireBackend(backend: Backend): Promise<void> {
  const device = tracedDevice(backend);
  if (device === undefined) return useEagerBackend(backend as EagerBackend);
  if (device === "cpu") return;
  const reason = await whyUnavailable(device);
  if (reason !== undefined) throw new BackendUnavailableError(backend, reason);
}
