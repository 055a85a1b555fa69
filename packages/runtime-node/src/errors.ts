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

/** The fields of a {@link ModelNotKeptError}. */
export interface ModelNotKeptErrorDetails extends ErrorOptions {
  /** The folder that cannot be changed. */
  readonly folder: string;
}

/** A downloaded model cannot be written into the cache folder, or deleted there. */
export class ModelNotKeptError extends Error {
  override name = "ModelNotKeptError";
  /** The folder that cannot be changed. */
  readonly folder: string;

  constructor(message: string, { folder, ...options }: ModelNotKeptErrorDetails) {
    super(message, options);
    this.folder = folder;
  }
}
