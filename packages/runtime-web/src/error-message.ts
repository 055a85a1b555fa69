/** Errors across a worker's boundary: they arrive as the class, with the words and the fields that they were thrown with. */
import {
  ConfigError,
  type ConfigErrorDetails,
  GraphOutputError,
  type GraphOutputErrorDetails,
  GraphRunError,
  type GraphRunErrorDetails,
  ImageError,
  ModelDisposedError,
  ModelFileError,
  type ModelFileErrorDetails,
} from "@air-onnx/core";
import { DeviceLostError, DeviceUnavailableError } from "./errors.js";

/** An error as plain data, because not every browser keeps the properties of a posted error. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: ErrorMessage | undefined;
  /** What the error has beside those, such as its kind. */
  readonly fields: Readonly<Record<string, unknown>>;
}

type Create = (message: string, fields: Readonly<Record<string, unknown>>) => Error;

/** How each class is made of a message and of the fields of an error of that class. */
const classes: Readonly<Record<string, Create>> = {
  ConfigError: (message, fields) => new ConfigError(message, fields as ConfigErrorDetails),
  GraphOutputError: (message, fields) => new GraphOutputError(message, fields as unknown as GraphOutputErrorDetails),
  GraphRunError: (message, fields) => new GraphRunError(message, fields as unknown as GraphRunErrorDetails),
  ImageError: (_, fields) => new ImageError(fields.problem as string, fields.index as number | undefined),
  ModelDisposedError: (_, fields) => new ModelDisposedError(fields.model as string),
  ModelFileError: (message, fields) => new ModelFileError(message, fields as unknown as ModelFileErrorDetails),
  DeviceLostError: (_, fields) => new DeviceLostError(fields.reason as string),
  DeviceUnavailableError: (_, { device, reason }) =>
    new DeviceUnavailableError(device as "webgpu" | "wasm", reason as string),
  AbortError: (message) => new DOMException(message, "AbortError"),
  RangeError: (message) => new RangeError(message),
  TypeError: (message) => new TypeError(message),
};

/** Converts an error to plain data. */
export function errorToMessage(error: unknown): ErrorMessage {
  if (!(error instanceof Error)) return errorToMessage(new Error(String(error)));
  const { name, message, stack, cause } = error;
  const known = Object.hasOwn(classes, name) ? Object.entries(error) : [];
  return {
    name,
    message,
    stack,
    cause: cause === undefined ? undefined : errorToMessage(cause),
    fields: Object.fromEntries(known.filter(([field]) => !["name", "message", "stack", "cause"].includes(field))),
  };
}

export function errorFromMessage({ name, message, stack, cause, fields }: ErrorMessage): Error {
  const create = Object.hasOwn(classes, name) ? classes[name] : undefined;
  const error = create ? create(message, fields) : new Error(message);
  if (!create) Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  Object.defineProperty(error, "message", { value: message, configurable: true, writable: true });
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  if (cause !== undefined) error.cause = errorFromMessage(cause);
  return error;
}
