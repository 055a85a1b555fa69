/** The errors of this package that are not those of `@air-onnx/core`. */
import type { Device } from "./devices.js";

/** A device was asked for that cannot run a graph here. */
export class DeviceUnavailableError extends Error {
  override name = "DeviceUnavailableError";
  /** The device that was asked for. */
  readonly device: Device;
  /** Why it cannot run a graph. */
  readonly reason: string;

  constructor(device: Device, reason: string, options?: ErrorOptions) {
    super(`The device "${device}" is not available: ${reason}`, options);
    this.device = device;
    this.reason = reason;
  }
}

/** The GPU was taken away while a model was on it: the model is lost, and another can be opened. */
export class DeviceLostError extends Error {
  override name = "DeviceLostError";
  /** The browser's words. */
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(
      `The GPU that the model ran on was lost (${reason}). Dispose of the model and open it again: its files are still in the browser's cache`,
      options,
    );
    this.reason = reason;
  }
}

/**
 * What happened to a worker:
 *
 * - `start`: it could not be started, as where the page's policy forbids workers or its bundler left the worker's module out;
 * - `failed`: it started, and then failed or sent something that cannot be read.
 */
export type WorkerUnavailableErrorKind = "start" | "failed";

/** The fields of a {@link WorkerUnavailableError}. */
export interface WorkerUnavailableErrorDetails extends ErrorOptions {
  /** Default `start`. */
  readonly kind?: WorkerUnavailableErrorKind;
}

/** The worker that a model is to run in cannot be started, or failed. */
export class WorkerUnavailableError extends Error {
  override name = "WorkerUnavailableError";
  /** Whether it failed to start or later. */
  readonly kind: WorkerUnavailableErrorKind;

  constructor(message: string, { kind = "start", ...options }: WorkerUnavailableErrorDetails = {}) {
    super(message, options);
    this.kind = kind;
  }
}

/**
 * Why a model is not kept:
 *
 * - `unavailable`: there is no cache: the page is no secure context, or storage is forbidden;
 * - `refused`: there is one, and the browser refused to put a file into it.
 */
export type ModelNotKeptErrorKind = "unavailable" | "refused";

/** A model that must be kept for use without a network cannot be kept in the browser's cache. */
export class ModelNotKeptError extends Error {
  override name = "ModelNotKeptError";
  /** Whether there is no cache, or it refused a file. */
  readonly kind: ModelNotKeptErrorKind;

  constructor(message: string, kind: ModelNotKeptErrorKind) {
    super(message);
    this.kind = kind;
  }
}
