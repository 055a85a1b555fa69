/** What a pool and its processes say to each other. */
import {
  ConfigError,
  GraphOutputError,
  GraphRunError,
  ImageError,
  type InferenceOptions,
  ModelDisposedError,
  ModelFileError,
} from "@air-onnx/core";
import type { LoadOptions } from "./air-model.js";
import { DeviceUnavailableError, ModelNotKeptError } from "./errors.js";
import type { PictureSource } from "./read-picture.js";

/** The options of `AirModel.fromPretrained` that can be sent to a process: those that are no functions or signals. */
export type PoolLoadOptions = Omit<LoadOptions, "onProgress" | "onNotice" | "signal">;

/** How a process opens its model; its first argument, as JSON. */
export interface PoolSettings {
  readonly location: string;
  readonly options: PoolLoadOptions;
}

/** What a call of `infer` consists of. */
export interface PoolCall {
  readonly images: PictureSource | readonly PictureSource[] | Float32Array;
  readonly options: Omit<InferenceOptions, "onStep" | "signal">;
}

/** What the pool sends to a process. Only `stop` may come before the last request is answered; it has no answer. */
export type PoolRequest =
  | { readonly kind: "open" }
  /** `call` is a {@link PoolCall}, serialised. */
  | { readonly kind: "infer"; readonly call: Uint8Array }
  | { readonly kind: "stop" };

/** What a process answers: first that it has the request. */
export type PoolAnswer = { readonly started: true } | { readonly result: unknown } | { readonly error: SentError };

/** An error with its fields, as a plain object. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

/** Errors that a process may report, by name. */
const errorClasses: readonly { readonly name: string; readonly prototype: Error }[] = [
  ConfigError,
  DeviceUnavailableError,
  GraphOutputError,
  GraphRunError,
  ImageError,
  ModelDisposedError,
  ModelFileError,
  ModelNotKeptError,
  RangeError,
  TypeError,
];

/** The error that a process sent, of the class that it had there. */
export function asThrown(sent: SentError): Error {
  const known = errorClasses.find(({ name }) => name === sent.name);
  const error = new Error(sent.message);
  // The constructors take other arguments than these fields.
  if (known) Object.setPrototypeOf(error, known.prototype);
  for (const [key, value] of Object.entries(sent)) {
    // Built-in classes have it in their prototype.
    if (key === "name" && error.name === value) continue;
    Object.defineProperty(error, key, {
      value,
      configurable: true,
      writable: true,
      enumerable: key !== "stack" && key !== "message",
    });
  }
  return error;
}
