import { trace, type Value } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { CHAIN, traceProducts } from "../src/speed/matmul-peak.js";
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

it("measures the peak by products alone: hardly anything crosses over to a device and back", () => {
  const size = 512;
  const traced = traceProducts(size);
  const elements = (values: readonly Value[]): number =>
    values.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
  expect(matrixWork(traced)).toBe(2 * CHAIN * size ** 3);
  expect(elements(traced.graph.inputs)).toBe(2 * size);
  expect(elements(Object.values(traced.graph.outputs))).toBe(1);
  // No constant is so large that onnxruntime could compute the products before it runs.
  const constants = traced.graph.nodes.flatMap(({ inputs }) => inputs.filter((value) => value?.kind === "constant"));
  expect(elements(constants as Value[])).toBeLessThan(size);
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
