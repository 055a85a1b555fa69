/**
 * Where the cpu backend of TensorFlow.js 4.22 is wrong itself, so that the cases beside the lowerings cannot compare with
 * it: graphs against values computed by definition.
 */
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, test } from "vitest";
import { BATCH, encodeGraph, trace, traceLayersModel } from "../src/index.js";
import { float, runModel } from "./run-model.js";

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

/** Numbers of both signs. */
const numbers = (size: number, seed: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.sin(seed + 3 * i));

function expectClose(actual: ort.Tensor, dims: readonly number[], expected: readonly number[]): void {
  expect(actual.dims).toEqual(dims);
  const differences = Array.from(actual.data as Float32Array, (value, i) => Math.abs(value - expected[i]!));
  expect(differences).toHaveLength(expected.length);
  expect(Math.max(...differences)).toBeLessThan(1e-5);
}

describe("batch normalisation on an axis other than the last", () => {
  test.each([
    ["the first of two", [2, 3], 1],
    ["the first of three", [2, 3, 2], 1],
    ["the second of three", [3, 2, 3], 2],
  ] as const)("%s", async (_, shape, axis) => {
    const channels = shape[axis - 1]!;
    const model = tf.sequential({
      layers: [tf.layers.batchNormalization({ axis, epsilon: 0.01, inputShape: [...shape] })],
    });
    const [gamma, beta, mean] = [1, 2, 3].map((seed) => numbers(channels, seed)) as [number[], number[], number[]];
    const variance = numbers(channels, 4).map((each) => 0.5 + each ** 2);
    model.setWeights([gamma, beta, mean, variance].map((values) => tf.tensor1d(values)));
    const bytes = encodeGraph(traceLayersModel(model));

    const batch = 2;
    const dims = [batch, ...shape];
    const x = numbers(
      dims.reduce((a, b) => a * b, 1),
      5,
    );
    const behind = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const expected = x.map((value, i) => {
      const c = Math.floor(i / behind) % channels;
      return (gamma[c]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + 0.01) + beta[c]!;
    });
    const results = await runModel(bytes, { [`${model.layers[0]!.name}_input`]: float(dims, x) });
    expectClose(Object.values(results)[0]!, dims, expected);
    model.dispose();
  });
});

test.each([false, true])("matrices in stacks that broadcast, rank 4, transposed: %s", async (transposed) => {
  const [m, k, n] = [2, 3, 4];
  const [aDims, bDims] = [
    [2, 1, m, k],
    [1, 3, ...(transposed ? [n, k] : [k, n])],
  ];
  const [a, b] = [numbers(2 * m * k, 1), numbers(3 * k * n, 2)];
  const traced = trace(({ a, b }) => ({ y: tf.matMul(a!, b!, false, transposed) }), {
    inputs: { a: { shape: aDims }, b: { shape: bDims } },
  });
  const { y } = await runModel(encodeGraph(traced), { a: float(aDims, a), b: float(bDims, b) });
  const expected: number[] = [];
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < 3; j++)
      for (let row = 0; row < m; row++)
        for (let column = 0; column < n; column++) {
          let sum = 0;
          for (let inner = 0; inner < k; inner++) {
            const place = transposed ? column * k + inner : inner * n + column;
            sum += a[(i * m + row) * k + inner]! * b[j * k * n + place]!;
          }
          expected.push(sum);
        }
  expectClose(y!, [2, 3, m, n], expected);
});

describe.each([
  ["nearest", tf.image.resizeNearestNeighbor],
  ["bilinear", tf.image.resizeBilinear],
] as const)("the gradient of %s resizing, two images that are not square", (_, resize) => {
  test.each([
    ["larger", [4, 6], false],
    ["larger, corners aligned", [5, 7], true],
    ["smaller", [1, 2], false],
    ["smaller, corners aligned", [1, 2], true],
  ] as const)("%s", async (_, [toHeight, toWidth], alignCorners) => {
    const [images, height, width, channels] = [2, 2, 4, 2];
    const apply = (x: tf.Tensor): tf.Tensor => resize(x as tf.Tensor4D, [toHeight, toWidth], alignCorners);
    const outputShape = [BATCH, toHeight, toWidth, channels] as const;
    const traced = trace(
      ({ x, weight }) => ({ gradient: tf.grad((each) => tf.sum(tf.mul(weight!, apply(each))))(x!) }),
      { inputs: { x: { shape: [BATCH, height, width, channels] }, weight: { shape: outputShape } } },
    );
    const [size, outputSize] = [height * width * channels, toHeight * toWidth * channels];
    const weight = numbers(images * outputSize, 1);
    const dims = [images, height, width, channels];
    const { gradient } = await runModel(encodeGraph(traced), {
      x: float(dims, numbers(images * size, 2)),
      weight: float([images, toHeight, toWidth, channels], weight),
    });
    // Resizing is linear: each pixel's gradient is the weighted sum of what it alone becomes.
    const expected = Array.from({ length: images * size }, (_, i) => {
      const alone = new Float32Array(size);
      alone[i % size] = 1;
      const resized = tf.tidy(() => Array.from(apply(tf.tensor4d(alone, [1, height, width, channels])).dataSync()));
      const offset = Math.floor(i / size) * outputSize;
      return resized.reduce((sum, value, j) => sum + value * weight[offset + j]!, 0);
    });
    expectClose(gradient!, dims, expected);
  });
});

// The cpu backend transforms the first image of a batch alone, so each image is one of its own here.
describe.each(["nearest", "bilinear"] as const)("the images of a batch, transformed, %s", (interpolation) => {
  test.each([
    ["all alike", 1],
    ["each by its own", 3],
  ] as const)("%s", async (_, sets) => {
    const [images, height, width, channels] = [3, 4, 5, 2];
    const size = height * width * channels;
    const own = Array.from({ length: sets }, (_, i) => [1, 0.2 * i, i, -0.1, 0.9, 0.5, 0.01 * i, 0]);
    const run = (x: tf.Tensor, by: tf.Tensor): tf.Tensor =>
      tf.image.transform(x as tf.Tensor4D, by as tf.Tensor2D, interpolation, "reflect", 0, [3, 6]);
    const traced = trace(({ x, by }) => ({ y: run(x!, by!) }), {
      inputs: { x: { shape: [BATCH, height, width, channels] }, by: { shape: [sets === 1 ? 1 : BATCH, 8] } },
    });
    const x = numbers(images * size, 1);
    const { y } = await runModel(encodeGraph(traced), {
      x: float([images, height, width, channels], x),
      by: float([sets, 8], own.flat()),
    });
    const expected = Array.from({ length: images }, (_, i) =>
      tf.tidy(() => {
        const image = tf.tensor4d(x.slice(i * size, (i + 1) * size), [1, height, width, channels]);
        return Array.from(run(image, tf.tensor2d([own[i % sets]!])).dataSync());
      }),
    );
    expectClose(y!, [images, 3, 6, channels], expected.flat());
  });
});

test("whether each number of a list comes, which the cpu backend counts", async () => {
  const traced = trace(({ x }) => ({ y: tf.denseBincount(x as tf.Tensor1D, tf.tensor1d([], "float32"), 5, true) }), {
    inputs: { x: { shape: [BATCH], dtype: "int32" } },
  });
  const x = new ort.Tensor("int32", Int32Array.of(0, 3, 3, 3, 9, 1), [6]);
  const { y } = await runModel(encodeGraph(traced), { x });
  expectClose(y!, [5], [1, 1, 0, 1, 0]);
});

test("negative numbers, at which the cpu backend stops, are not counted", async () => {
  const traced = trace(({ x }) => ({ y: tf.bincount(x as tf.Tensor1D, tf.tensor1d([], "float32"), 3) }), {
    inputs: { x: { shape: [BATCH], dtype: "int32" } },
  });
  const x = new ort.Tensor("int32", Int32Array.of(-1, 2, 2, 7, 0), [5]);
  const { y } = await runModel(encodeGraph(traced), { x });
  expectClose(y!, [3], [1, 0, 2]);
});
