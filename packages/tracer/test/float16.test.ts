import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { roundToFloat16, toFloat16 } from "../src/encode/float16.js";
import { encodeGraph, trace } from "../src/index.js";

const largest = 65504;
const smallest = 2 ** -24;

it.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [largest, 0x7bff],
  [smallest, 0x0001],
  [2 ** -14, 0x0400],
  // The numbers between are rounded to the nearest half, and in the middle to the even one.
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [1 + 2 ** -11 + 2 ** -20, 0x3c01],
  [2 - 2 ** -12, 0x4000],
  [2 ** -14 - 2 ** -26, 0x0400],
  [1.5 * smallest, 0x0002],
  [0.5 * smallest, 0x0000],
  [1e-30, 0x0000],
])("%d is stored as the half with bits 0x%x", (value, half) => {
  expect(toFloat16([value])[0]).toBe(half);
});

it("every finite half is itself", () => {
  const halves = Uint16Array.from({ length: 1 << 16 }, (_, i) => i).filter((half) => (half & 0x7c00) !== 0x7c00);
  const values = Float32Array.from(halves, (half) => {
    const magnitude = (half & 0x3ff) / 1024 + ((half & 0x7c00) === 0 ? 0 : 1);
    const exponent = Math.max(1, (half >>> 10) & 0x1f) - 15;
    return (half & 0x8000 ? -1 : 1) * magnitude * 2 ** exponent;
  });
  expect(toFloat16(values)).toEqual(halves);
  expect(roundToFloat16(values)).toEqual(values);
});

it("refuses what no half can hold", () => {
  for (const value of [65520, -1e6, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => toFloat16([1, value])).toThrow(`${value} cannot be stored`);
  }
  expect(toFloat16([65519])[0]).toBe(0x7bff);
});

it("a graph with half weights is half as large, and computes with the rounded ones in float32", async () => {
  const kernel = Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i) * 3);
  const encode = (data: Float32Array<ArrayBuffer>, weights: "float32" | "float16"): Uint8Array =>
    encodeGraph(
      trace(({ x, kernel }) => ({ y: tf.matMul(x!, kernel!) }), {
        inputs: { x: { shape: [2, 64] } },
        weights: { kernel: { shape: [64, 64], data } },
      }),
      { weights },
    );
  const half = encode(kernel, "float16");
  const rounded = encode(roundToFloat16(kernel), "float32");
  expect(half.length).toBeLessThan(0.55 * rounded.length);
  const x = new ort.Tensor(
    "float32",
    Float32Array.from({ length: 128 }, (_, i) => Math.cos(i)),
    [2, 64],
  );
  const run = async (model: Uint8Array): Promise<Float32Array> => {
    const session = await ort.InferenceSession.create(model);
    const { y } = await session.run({ x });
    await session.release();
    return y!.data as Float32Array;
  };
  expect(await run(half)).toEqual(await run(rounded));
});

it("names the weight that cannot be stored", () => {
  const traced = trace(({ x, scale }) => ({ y: tf.mul(x!, scale!) }), {
    inputs: { x: { shape: [2] } },
    weights: { scale: { shape: [2], data: Float32Array.of(1, 1e9) } },
  });
  expect(() => encodeGraph(traced, { weights: "float16" })).toThrow("The weight scale cannot be stored as float16");
});
