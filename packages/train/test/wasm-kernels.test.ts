import { RandomStream } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { useEagerBackend } from "../src/engine/tfjs-backends.js";

function normal(shape: [number, number, number, number], seed: number): Float32Array {
  return new RandomStream(seed).fillNormal(new Float32Array(shape.reduce((product, side) => product * side, 1)));
}

it.each([
  [1, "valid", 9],
  [2, "valid", 9],
  [2, "same", 9],
  [3, "valid", 10],
  [2, 1, 8],
] as const)(
  "the wasm backend has the gradients of a convolution: stride %j, padding %j, %j pixels",
  async (stride, pad, side) => {
    const [image, filter] = [
      [2, side, side, 3],
      [4, 3, 3, 5],
    ] as [[number, number, number, number], [number, number, number, number]];
    const gradients = async (backend: "wasm" | "cpu"): Promise<Float32Array[]> => {
      await useEagerBackend(backend);
      const before = tf.memory().numTensors;
      // The square makes the incoming gradient differ from element to element.
      const loss = (x: tf.Tensor, w: tf.Tensor) =>
        tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad)));
      const found = tf.tidy(() =>
        tf.grads(loss)([tf.tensor(normal(image, 1), image), tf.tensor(normal(filter, 2), filter)]),
      );
      const arrays = found.map((gradient) => gradient.dataSync() as Float32Array);
      tf.dispose(found);
      expect(tf.memory().numTensors).toBe(before);
      return arrays;
    };
    const [expected, actual] = [await gradients("cpu"), await gradients("wasm")];
    for (const [i, values] of expected.entries()) {
      const scale = Math.max(...values.map(Math.abs));
      values.forEach((value, place) => {
        expect(Math.abs(actual[i]![place]! - value)).toBeLessThan(1e-5 * scale);
      });
    }
  },
);
