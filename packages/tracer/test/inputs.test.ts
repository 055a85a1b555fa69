/** What is refused before a function is traced: descriptions of inputs and weights from which no graph can come. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { BATCH, encodeGraph, type InputSpec, TraceInputError, trace, type Weight } from "../src/index.js";
import { float, runModel } from "./run-model.js";

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

let calls = 0;
/** Traces the sum of all inputs and weights. */
function traceSum(inputs: Record<string, InputSpec>, weights: Record<string, Weight> = {}): ReturnType<typeof trace> {
  return trace(
    (tensors) => {
      calls++;
      return { sum: tf.addN(Object.values(tensors).map((each) => tf.sum(each))) };
    },
    { inputs, weights },
  );
}

function refusal(inputs: Record<string, unknown>, weights: Record<string, unknown> = {}): TraceInputError {
  calls = 0;
  try {
    traceSum(inputs as Record<string, InputSpec>, weights as Record<string, Weight>);
  } catch (error) {
    expect(error).toBeInstanceOf(TraceInputError);
    expect(calls, "calls of the function").toBe(0);
    expect(tf.getBackend()).toBe("cpu");
    return error as TraceInputError;
  }
  throw new Error("It was traced");
}

describe("a dimension", () => {
  const wrong: [about: string, dim: unknown, named: RegExp][] = [
    ["PyTorch's and ONNX's -1", -1, /is -1/],
    ["tfjs's null", null, /is null/],
    ["another symbol", "N", /is "N"/],
    ["a digit as text", "3", /is "3"/],
    ["a fraction", 2.5, /is 2\.5/],
    ["NaN", Number.NaN, /is NaN/],
    ["an infinite number", Number.POSITIVE_INFINITY, /is Infinity/],
    ["a number beyond the integers", 2 ** 53, /is 9007199254740992/],
    ["nothing", undefined, /is undefined/],
    ["a bigint", 3n, /is 3:/],
    ["an object", {}, /is \[object Object\]/],
  ];

  test.each(wrong)("of an input is not %s", (_, dim, named) => {
    for (const [axis, shape] of [[dim, 2], [2, dim], [dim]].entries()) {
      const error = refusal({ ok: { shape: [2] }, x: { shape } });
      expect(error.input).toBe("x");
      expect(error.message).toMatch(named);
      expect(error.message).toContain(`Dimension ${axis === 1 ? 1 : 0} of input x`);
      expect(error.message).toContain('"batch" for any size');
    }
  });

  test.each([...wrong, ["a symbol", BATCH, /is "batch"/] as const])("of a weight is not %s", (_, dim, named) => {
    const error = refusal({}, { w: { shape: [dim], data: new Float32Array(2) } });
    expect(error.message).toMatch(named);
    expect(error.message).toContain("Dimension 0 of weight w");
    expect(error.message).not.toContain("any size");
  });

  test("is not left out", () => {
    expect(refusal({ x: { shape: new Array(2) } }).message).toMatch(/Dimension 0 of input x is undefined/);
  });

  test("may be 0, 1, or the batch, of which a graph takes any", async () => {
    const model = encodeGraph(traceSum({ x: { shape: [BATCH, 2] }, none: { shape: [0, 3] }, scalar: { shape: [] } }));
    for (const batch of [1, 3]) {
      const feeds = {
        x: float([batch, 2], new Array(batch * 2).fill(1)),
        none: float([0, 3], []),
        scalar: float([], [4]),
      };
      expect((await runModel(model, feeds)).sum!.data).toEqual(Float32Array.of(batch * 2 + 4));
    }
  });
});

test.each([
  ["a shape that is none", { x: { shape: 3 } }, {}, /shape of input x is no array of sizes, but 3/],
  ["no shape", { x: {} }, {}, /shape of input x is no array of sizes, but undefined/],
  ["two batches in one input", { x: { shape: [BATCH, BATCH] } }, {}, /input x has the dimension "batch" twice/],
  ["a type that no graph has", { x: { shape: [2], dtype: "float64" } }, {}, /Input x has type float64/],
  ["text", { x: { shape: [2], dtype: "string" } }, {}, /Input x has type string/],
  ["an input without a name", { "": { shape: [2] } }, {}, /input has the empty name/],
  ["a weight without a name", {}, { "": { shape: [1], data: new Float32Array(1) } }, /weight has the empty name/],
  ["doubles", {}, { w: { shape: [1], data: new Float64Array(1) } }, /data of weight w is no Float32Array/],
  ["a plain array", {}, { w: { shape: [1], data: [1] } }, /data of weight w is no Float32Array/],
  ["too few values", {}, { w: { shape: [2, 2], data: new Float32Array(3) } }, /\[2,2\] needs 4 values, its data has 3/],
  [
    "one name for two",
    { x: { shape: [1] } },
    { x: { shape: [1], data: new Float32Array(1) } },
    /x is the name of both an input and a weight/,
  ],
])("refuses %s", (_, inputs, weights, message) => {
  expect(refusal(inputs, weights).message).toMatch(message);
});
