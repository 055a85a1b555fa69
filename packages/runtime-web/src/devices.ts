/** The devices that onnxruntime-web can run a graph on, and what is said when one is not there or goes away. */

/** The devices by name, as onnxruntime-web calls its execution providers. */
export const devices = ["webgpu", "wasm"] as const;
/** Name of a device. */
export type Device = (typeof devices)[number];

/** A wanted device cannot run a graph here. */
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
