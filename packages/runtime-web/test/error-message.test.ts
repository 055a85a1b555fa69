import {
  ConfigError,
  GraphOutputError,
  GraphRunError,
  ImageError,
  ModelDisposedError,
  ModelFileError,
} from "@air-onnx/core";
import { expect, it } from "vitest";
import { errorFromMessage, errorToMessage } from "../src/error-message.js";
import { DeviceLostError, DeviceUnavailableError } from "../src/errors.js";

/** Clones a value as posting a worker's message does. */
const across = (error: unknown): Error => errorFromMessage(structuredClone(errorToMessage(error)));

const errors = [
  new ConfigError("no such key", {
    source: "manifest",
    issues: [{ kind: "unknown", key: "model.colour", message: "there is no such setting" }],
  }),
  new GraphOutputError("NaN", { kind: "value", output: "z_where", image: 2, step: 1 }),
  new GraphRunError("wrong shape", { graph: "step" }),
  new ImageError("too small"),
  new ModelDisposedError("gone"),
  new ModelFileError("truncated", { kind: "damaged", file: "onnx/step.onnx" }),
  new DeviceLostError("unplugged"),
  new DeviceUnavailableError("webgpu", "no adapter"),
  new RangeError("steps"),
  new TypeError("not a function"),
  new Error("something else"),
];

it.each(errors.map((error) => [error.name, error] as const))("%s arrives with its class and message", (_, error) => {
  const arrived = across(error);
  expect(Object.getPrototypeOf(arrived)).toBe(Object.getPrototypeOf(error));
  expect(arrived.name).toBe(error.name);
  expect(arrived.message).toBe(error.message);
  expect(arrived.stack).toBe(error.stack);
  expect(Object.entries(arrived)).toEqual(Object.entries(error));
});

it("keeps the causes", () => {
  const cause = new TypeError("Failed to fetch");
  const arrived = across(new ModelFileError("cannot be fetched", { kind: "unreachable", cause }));
  expect(arrived.cause).toBeInstanceOf(TypeError);
  expect(arrived.cause).toMatchObject({ message: "Failed to fetch" });
});

it("keeps the name of an unknown error class, and the text of a thrown value that is not an error", () => {
  const odd = Object.assign(new Error("odd"), { name: "OddError" });
  expect(across(odd)).toMatchObject({ name: "OddError", message: "odd" });
  expect(across("just words")).toMatchObject({ name: "Error", message: "just words" });
});
