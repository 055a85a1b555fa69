/** The backends of training by name, and a check that one can run on this machine. */
import { type Device, whyUnavailable } from "@air-onnx/runtime-node";
import type { TrainConfig } from "../config.js";
import { BackendUnavailableError } from "../errors.js";
import { type EagerBackend, useEagerBackend } from "./tfjs-backends.js";

/** Name of a backend of training: a device of onnxruntime, or a backend of TensorFlow.js. */
export type Backend = TrainConfig["backend"];

/** The device of onnxruntime that each backend with a traced engine runs on. */
const tracedDevices: { readonly [B in Exclude<Backend, EagerBackend>]: Device } = {
  onnxruntime: "cpu",
  "onnxruntime-cuda": "cuda",
  "onnxruntime-webgpu": "webgpu",
};

/** The device of onnxruntime that `backend` runs on; undefined if it is a backend of TensorFlow.js. */
export function tracedDevice(backend: Backend): Device | undefined {
  return backend in tracedDevices ? tracedDevices[backend as keyof typeof tracedDevices] : undefined;
}

/**
 * Loads `backend` and checks that it can run on this machine.
 *
 * @throws {BackendUnavailableError} if it cannot; the error says what is missing and how to get it
 */
export async function requireBackend(backend: Backend): Promise<void> {
  const device = tracedDevice(backend);
  if (device === undefined) return useEagerBackend(backend as EagerBackend);
  if (device === "cpu") return;
  const reason = await whyUnavailable(device);
  if (reason !== undefined) throw new BackendUnavailableError(backend, reason);
}
