/** Errors across a worker's boundary: they arrive as the class and with the words that they were thrown with. */
import { ConfigError, GraphOutputError, ImageError, ModelDisposedError, ModelFileError } from "@air-onnx/core";
import { DeviceLostError, DeviceUnavailableError } from "./devices.js";

/** An error as a message. Not every browser keeps the properties of a posted error. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: ErrorMessage | undefined;
  /** Of the errors about devices. */
  readonly device: string | undefined;
  readonly reason: string | undefined;
  /** Of an `ImageError`. */
  readonly index: number | undefined;
  readonly problem: string | undefined;
}

const classes: Readonly<Record<string, new (message: string) => Error>> = {
  ConfigError,
  GraphOutputError,
  ModelDisposedError,
  ModelFileError,
  RangeError,
  TypeError,
};

export function errorToMessage(error: unknown): ErrorMessage {
  if (!(error instanceof Error)) return errorToMessage(new Error(String(error)));
  const { name, message, stack, cause } = error;
  const { device, reason } = error as Partial<DeviceUnavailableError>;
  const { index, problem } = error as Partial<ImageError>;
  return {
    name,
    message,
    stack,
    cause: cause === undefined ? undefined : errorToMessage(cause),
    device,
    reason,
    index,
    problem,
  };
}

export function errorFromMessage(posted: ErrorMessage): Error {
  const { message, stack, cause } = posted;
  const error = create(posted);
  Object.defineProperty(error, "message", { value: message, configurable: true, writable: true });
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  if (cause !== undefined) error.cause = errorFromMessage(cause);
  return error;
}

function create({ name, message, device, reason, index, problem }: ErrorMessage): Error {
  if (name === "ImageError") return new ImageError(problem ?? message, index);
  if (name === "DeviceLostError") return new DeviceLostError(reason ?? "");
  if (name === "DeviceUnavailableError") return new DeviceUnavailableError(device as "webgpu" | "wasm", reason ?? "");
  if (name === "AbortError") return new DOMException(message, name);
  const Class = classes[name];
  if (Class) return new Class(message);
  const error = new Error(message);
  error.name = name;
  return error;
}
