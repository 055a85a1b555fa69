/** The errors of this package that are not those of `@air-onnx/core`. Nothing here loads onnxruntime. */
import type { Device } from "./device-names.js";

/** A device was asked for that cannot run a graph here. */
export class DeviceUnavailableError extends Error {
  override name = "DeviceUnavailableError";
  /** The device that was asked for. */
  readonly device: Device;
  /** Why, mostly in onnxruntime's words. */
  readonly reason: string;

  /** @param installed the devices that this installation of onnxruntime-node has providers for */
  constructor(device: Device, reason: string, installed: readonly Device[]) {
    super(
      `The device "${device}" is not available: ${reason}\n` +
        `This installation of onnxruntime-node has providers for: ${installed.join(", ")}.`,
    );
    this.device = device;
    this.reason = reason;
  }
}
