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

/**
 * Why a pool has no result:
 *
 * - `full`: as many calls wait as may wait; nothing was done, and the call may be made again later;
 * - `time`: the call's time limit is over;
 * - `crashed`: the process that worked on the call ended;
 * - `closed`: the pool is disposed of.
 */
export type ModelPoolErrorKind = "full" | "time" | "crashed" | "closed";

/** A pool of processes gave no result, for a reason that lies in the pool rather than in the images. */
export class ModelPoolError extends Error {
  override name = "ModelPoolError";
  /** Why there is no result. */
  readonly kind: ModelPoolErrorKind;

  constructor(message: string, kind: ModelPoolErrorKind, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
