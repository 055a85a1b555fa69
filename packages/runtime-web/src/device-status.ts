/** Which devices this browser has, asked of the browser alone: it is quick and loads nothing. */
import { type Device, type DeviceUnavailableError, devices } from "./devices.js";
import { requestAdapter } from "./gpu.js";

export interface DeviceStatus {
  readonly device: Device;
  readonly available: boolean;
  /** Why not; absent if available. */
  readonly reason?: string;
}

/** Asks for each device. */
export async function listDevices(): Promise<DeviceStatus[]> {
  return Promise.all(
    devices.map(async (device) => {
      const reason = await whyUnavailable(device);
      return reason === undefined ? { device, available: true } : { device, available: false, reason };
    }),
  );
}

/** Why `device` cannot run a graph, `undefined` if nothing speaks against it. */
export async function whyUnavailable(device: Device): Promise<string | undefined> {
  if (device === "wasm") return typeof WebAssembly === "object" ? undefined : "this browser has no WebAssembly";
  try {
    await requestAdapter(undefined);
    return undefined;
  } catch (error) {
    return (error as DeviceUnavailableError).reason;
  }
}
