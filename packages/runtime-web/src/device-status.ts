/** Which devices this browser has, asked of the browser alone: it is quick and loads nothing. */
import type { DeviceStatus as CoreDeviceStatus } from "@air-onnx/core";
import { type Device, devices } from "./devices.js";
import type { DeviceUnavailableError } from "./errors.js";
import { isSoftware, requestAdapter } from "./gpu.js";

/** Whether the browser has a device. */
export interface DeviceStatus extends CoreDeviceStatus<Device> {
  /** A GPU that is a program on the CPU: many times slower than `wasm`, so that `auto` passes it over. */
  readonly software?: true;
}

/** Asks for each device. */
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

/** Why `device` cannot run a graph, `undefined` if nothing speaks against it. */
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

/** Why WebGPU, if nobody asked for it by name, should not run a graph; `undefined` if it should. */
export async function whyNotGpu(powerPreference: GPUPowerPreference | undefined): Promise<string | undefined> {
  const unavailable = await whyUnavailable("webgpu", powerPreference);
  if (unavailable !== undefined) return `webgpu is not available: ${unavailable}`;
  const adapter = await requestAdapter(powerPreference);
  if (!isSoftware(adapter)) return undefined;
  const { vendor, architecture } = adapter.info;
  const name = [vendor, architecture].filter(Boolean).join(" ");
  return `the only webgpu adapter${name && ` (${name})`} is software on the CPU, slower than wasm; device: "webgpu" would take it`;
}
