import { ConfigError, GraphOutputError, ImageError, ModelDisposedError, ModelFileError } from "@air-onnx/core";
import { expect, it } from "vitest";
import { DeviceLostError, DeviceUnavailableError } from "../src/devices.js";
import { errorFromMessage, errorToMessage } from "../src/error-message.js";

/** As a worker's message does. */
const across = (error: unknown): Error => errorFromMessage(structuredClone(errorToMessage(error)));

const errors = [
  new ConfigError("no such key"),
  new GraphOutputError("NaN"),
  new ImageError("too small"),
  new ModelDisposedError("gone"),
  new ModelFileError("truncated"),
  new DeviceLostError("unplugged"),
  new DeviceUnavailableError("webgpu", "no adapter"),
  new RangeError("steps"),
  new TypeError("not a function"),
  new Error("something else"),
];

it.each(errors.map((error) => [error.name, error] as const))("%s arrives as what it was", (_, error) => {
  const arrived = across(error);
  expect(Object.getPrototypeOf(arrived)).toBe(Object.getPrototypeOf(error));
  expect(arrived.name).toBe(error.name);
  expect(arrived.message).toBe(error.message);
  expect(arrived.stack).toBe(error.stack);
});

it("keeps what the errors about devices know", () => {
  expect(across(new DeviceUnavailableError("webgpu", "no adapter"))).toMatchObject({
    device: "webgpu",
    reason: "no adapter",
  });
  expect(across(new DeviceLostError("unplugged"))).toMatchObject({ reason: "unplugged" });
});

it("keeps which image an error is about", () => {
  const error = new ImageError("is 3x3", 2);
  expect(across(error)).toMatchObject({ message: "image 2 is 3x3", index: 2, problem: "is 3x3" });
});

it("keeps the causes", () => {
  const cause = new TypeError("Failed to fetch");
  const arrived = across(new ModelFileError("cannot be fetched", { cause }));
  expect(arrived.cause).toBeInstanceOf(TypeError);
  expect(arrived.cause).toMatchObject({ message: "Failed to fetch" });
});

it("keeps the name of an error that it does not know, and the words of what is none", () => {
  const odd = Object.assign(new Error("odd"), { name: "OddError" });
  expect(across(odd)).toMatchObject({ name: "OddError", message: "odd" });
  expect(across("just words")).toMatchObject({ name: "Error", message: "just words" });
});
