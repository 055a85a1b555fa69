/** Finds out which devices this browser has. It asks the browser only, which is quick and loads nothing. */
import type { DeviceStatus as CoreDeviceStatus } from "@air-onnx/core";
import { type Device, devices } from "./devices.js";
import type { DeviceUnavailableError } from "./errors.js";
import { isSoftware, requestAdapter } from "./gpu.js";

/** Availability of a device in this browser. */
export interface DeviceStatus extends CoreDeviceStatus<Device> {
  /** True for a GPU that is emulated in software on the CPU. It is many times slower than `wasm`, so `auto` skips it. */
  readonly software?: true;
}

/** Lists all devices with their availability, without loading anything. */
export async function listDevices(): Promise<DeviceStatus[]> {
  return Promise.all(
    devices.map(async (device) => {
      const reason = await whyUnavailable(device);
      if (reason !== undefined) return { device, available: false, reason };
      const software = device === "webgpu" && isSoftware(await requestAdapter(undefined));
      return software ? { device, available: true, software } : { device, available: true };
    }),
  );
}

/** Reason why `device` cannot run a graph; `undefined` if none is known. */
export async function whyUnavailable(
  device: Device,
  powerPreference?: GPUPowerPreference | undefined,
): Promise<string | undefined> {
  if (device === "wasm") return typeof WebAssembly === "object" ? undefined : "this browser has no WebAssembly";
  try {
    await requestAdapter(powerPreference);
    return undefined;
  } catch (error) {
    return (error as DeviceUnavailableError).reason;
  }
}

/** Reason why device `auto` should not choose WebGPU; `undefined` if it should. */
export async function whyNotGpu(powerPreference: GPUPowerPreference | undefined): Promise<string | undefined> {
  const unavailable = await whyUnavailable("webgpu", powerPreference);
  if (unavailable !== undefined) return `webgpu is not available: ${unavailable}`;
  const adapter = await requestAdapter(powerPreference);
  if (!isSoftware(adapter)) return undefined;
  const { vendor, architecture } = adapter.info;
  const name = [vendor, architecture].filter(Boolean).join(" ");
  return `the only webgpu adapter${name && ` (${name})`} is software on the CPU, slower than wasm; device: "webgpu" would take it`;
}
