import { boxFromZWhere } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { attend, hat, write } from "../../src/model/attention.js";
import { expectClose } from "./close.js";
import { expectGradients } from "./finite-differences.js";
import { normal } from "./tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const windows = [
  [3, 0, 0],
  [2.2, 0.7, -0.4],
  [1, 0, 0],
  [4.5, -3.9, 3.1],
  [0.8, 0.1, 0.3],
  [3, 9, 0],
];

/** Bilinear sampling pixel by pixel, with zeros outside the source, as the matrix products must compute it. */
function sampleDirectly(
  source: tf.Tensor,
  size: number,
  coordinates: (u: number, b: number, axis: "x" | "y") => number,
) {
  const [batch, channels, side] = source.shape as [number, number, number, number];
  const values = source.arraySync() as number[][][][];
  const centre = (i: number): number => (2 * i + 1) / size - 1;
  const pixel = (b: number, c: number, row: number, column: number): number => values[b]![c]![row]?.[column] ?? 0;
  const sample = (b: number, c: number, i: number, j: number): number => {
    const y = ((coordinates(centre(i), b, "y") + 1) * side - 1) / 2;
    const x = ((coordinates(centre(j), b, "x") + 1) * side - 1) / 2;
    const [y0, x0] = [Math.floor(y), Math.floor(x)];
    const [fy, fx] = [y - y0, x - x0];
    return (
      (1 - fy) * ((1 - fx) * pixel(b, c, y0, x0) + fx * pixel(b, c, y0, x0 + 1)) +
      fy * ((1 - fx) * pixel(b, c, y0 + 1, x0) + fx * pixel(b, c, y0 + 1, x0 + 1))
    );
  };
  const along = <T>(length: number, f: (i: number) => T): T[] => Array.from({ length }, (_, i) => f(i));
  return tf.tensor4d(
    along(batch, (b) => along(channels, (c) => along(size, (i) => along(size, (j) => sample(b, c, i, j))))),
    [batch, channels, size, size],
  );
}

const shift = (window: number[], axis: "x" | "y"): number => (axis === "x" ? window[1]! : window[2]!);

describe.each([1, 3])("with %i channels", (channels) => {
  const batch = windows.length;

  it("attend samples the image bilinearly at (u - (x, y)) / s", () => {
    const image = normal([batch, channels, 11, 11], 1);
    const expected = sampleDirectly(image, 6, (u, b, axis) => (u - shift(windows[b]!, axis)) / windows[b]![0]!);
    expectClose(attend(image, tf.tensor2d(windows), 6), expected, 1e-5, "glimpse");
  });

  it("write samples the patch bilinearly at s·u + (x, y)", () => {
    const patch = normal([batch, channels, 6, 6], 2);
    const expected = sampleDirectly(patch, 11, (u, b, axis) => windows[b]![0]! * u + shift(windows[b]!, axis));
    expectClose(write(patch, tf.tensor2d(windows), 11), expected, 1e-5, "layer");
  });

  it("the gradients of both agree with finite differences", () => {
    // The gradient jumps where a sampled position falls on a pixel centre: these windows stay away from that.
    const zWhere = tf.tensor2d([
      [2.13, 0.31, -0.17],
      [1.71, -0.23, 0.57],
    ]);
    const probe = normal([2, channels, 4, 4], 5);
    const glimpseProbe = (image: tf.Tensor, where: tf.Tensor): tf.Scalar =>
      tf.sum(tf.mul(attend(image, where, 4), probe));
    expectGradients(glimpseProbe, { image: normal([2, channels, 7, 7], 3), zWhere });

    const layerProbeWeights = normal([2, channels, 7, 7], 6);
    const layerProbe = (patch: tf.Tensor, where: tf.Tensor): tf.Scalar =>
      tf.sum(tf.mul(write(patch, where, 7), layerProbeWeights));
    expectGradients(layerProbe, { patch: normal([2, channels, 4, 4], 4), zWhere });
  });
});

it("a patch lands in the pixels of its box", () => {
  const zWhere = [4, 1, -2] as const;
  const layer = write(tf.ones([1, 1, 8, 8]), tf.tensor2d([[...zWhere]]), 32);
  const box = boxFromZWhere(zWhere, 32);
  const rows = layer.arraySync() as number[][][][];
  rows[0]![0]!.forEach((row, y) => {
    row.forEach((value, x) => {
      const inside = x >= box.xmin && x < box.xmax && y >= box.ymin && y < box.ymax;
      expect(value > 0.5, `pixel ${x}, ${y}`).toBe(inside);
    });
  });
});

it("the hat is one at a pixel, falls linearly, and is zero from one pixel on", () => {
  const distances = tf.tensor1d([0, 0.25, -0.25, 0.75, -0.5, 1, -1, 1.5, -40]);
  expect([...hat(distances).dataSync()]).toEqual([1, 0.75, 0.75, 0.25, 0.5, 0, 0, 0, 0]);
});
