import { trace } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { matrixWork } from "../src/speed/matrix-work.js";
import { ratesOf } from "../src/speed/rates.js";

describe("the work of a traced graph", () => {
  const workOf = (
    compute: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor,
    x: readonly number[],
    y: readonly number[],
  ): number =>
    matrixWork(
      trace((tensors) => ({ out: compute(tensors.x!, tensors.y!) }), { inputs: { x: { shape: x }, y: { shape: y } } }),
    );

  it("is two operations for each multiply-add of a matrix product", () => {
    expect(workOf((x, y) => tf.matMul(x, y), [3, 4], [4, 5])).toBe(2 * 3 * 4 * 5);
    expect(workOf((x, y) => tf.matMul(x, y, true, true), [4, 3], [5, 4])).toBe(2 * 3 * 4 * 5);
    expect(workOf((x, y) => tf.matMul(x, y), [7, 3, 4], [7, 4, 5])).toBe(7 * 2 * 3 * 4 * 5);
  });

  it("is two operations for each multiply-add of a convolution", () => {
    const convolve = (x: tf.Tensor, y: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 2, "same");
    expect(workOf(convolve, [2, 8, 8, 3], [3, 3, 3, 5])).toBe(2 * (2 * 4 * 4 * 5) * (3 * 3 * 3));
  });

  it("does not count operations on single elements", () => {
    expect(workOf((x, y) => tf.relu(tf.add(x, y)), [3, 4], [3, 4])).toBe(0);
  });
});

it("computes rates from the median time", () => {
  const rates = ratesOf([30, 10, 20], 64, 4e9, { gigaflopsPerSecond: 400, size: 512 });
  expect(rates).toEqual({
    milliseconds: { median: 20, least: 10, most: 30 },
    imagesPerSecond: 3200,
    gigaflopsPerSecond: 200,
    matmulPeak: { gigaflopsPerSecond: 400, size: 512 },
    shareOfPeak: 0.5,
  });
});
