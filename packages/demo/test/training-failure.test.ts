import { TrainingDivergedError } from "@air-onnx/trainer";
import { expect, it } from "vitest";
import { failureInWords, failureKind } from "../src/training-failure.js";

it.each([
  [new TrainingDivergedError(7, "loss", Number.NaN), "diverged"],
  [new RangeError("WebAssembly.Memory.grow(): Unable to grow: out of memory"), "memory"],
  [new RangeError("Array buffer allocation failed"), "memory"],
  [new Error("std::bad_alloc"), "memory"],
  [new Error("Aborted(Cannot enlarge memory arrays)"), "memory"],
  [new Error("training.json could not be fetched: the server says 404."), "other"],
  ["anything", "other"],
] as const)("tells %s", (error, kind) => {
  expect(failureKind(error)).toBe(kind);
});

it("says what can be done", () => {
  expect(failureInWords("diverged", "the loss of step 7 is NaN")).toMatchObject({ canGoOn: false });
  expect(failureInWords("memory", "out of memory")).toMatchObject({ canGoOn: true });
  expect(failureInWords("memory", "out of memory").text).toMatch(/Close other tabs, then go on/);
  expect(failureInWords("other", "the network is down")).toEqual({
    text: "The training stopped: the network is down",
    canGoOn: true,
  });
});
