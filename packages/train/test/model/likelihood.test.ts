import type { AirConfigInput } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { drawOn, logLikelihood } from "../../src/model/likelihood.js";
import { tinyConfig, uniform } from "./tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const bernoulli = (settings: object = {}) =>
  tinyConfig({ likelihood: { type: "bernoulli", ...settings } as NonNullable<AirConfigInput["likelihood"]> });
const pixels = (...values: number[]): tf.Tensor4D => tf.tensor4d(values, [1, 1, 1, values.length]);
const values = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync());

describe("where two objects overlap", () => {
  const [below, above] = [pixels(0, 0.3, 0.8, 1), pixels(0.4, 0.3, 0.9, 0.5)];
  const slope = (config: ReturnType<typeof tinyConfig>): number[] =>
    values(tf.grad((layer) => drawOn(config, below, layer))(above));

  it("a Gaussian's canvas is their sum", () => {
    expect(values(drawOn(tinyConfig(), below, above))).toEqual(values(tf.add(below, above)));
  });

  it("a union stays below 1 and has a gradient wherever the object below is not white", () => {
    const config = bernoulli();
    [0.4, 0.51, 0.98, 1].forEach((expected, i) => {
      expect(values(drawOn(config, below, above))[i]).toBeCloseTo(expected, 6);
    });
    [1, 0.7, 0.2, 0].forEach((expected, i) => {
      expect(slope(config)[i]).toBeCloseTo(expected, 6);
    });
  });

  it("a clamped sum is at most 1, and has no gradient beyond", () => {
    const config = bernoulli({ canvas: "clamp" });
    [0.4, 0.6, 1, 1].forEach((expected, i) => {
      expect(values(drawOn(config, below, above))[i]).toBeCloseTo(expected, 6);
    });
    expect(slope(config)).toEqual([1, 1, 0, 0]);
  });

  it("an object that is absent changes nothing, and the order of objects does not matter", () => {
    for (const config of [tinyConfig(), bernoulli(), bernoulli({ canvas: "clamp" })]) {
      expect(values(drawOn(config, below, tf.zerosLike(below)))).toEqual(values(below));
      expect(values(drawOn(config, above, below))).toEqual(values(drawOn(config, below, above)));
    }
  });
});

describe("the Bernoulli likelihood", () => {
  it("costs at most log(1 / pixelNoise) nats for a pixel", () => {
    const config = bernoulli({ pixelNoise: 0.02 });
    const at = (x: number, canvas: number): number => values(logLikelihood(config, pixels(x), pixels(canvas)))[0]!;
    expect(at(1, 0)).toBeCloseTo(Math.log(0.02), 4);
    expect(at(0, 1)).toBeCloseTo(Math.log(0.02), 4);
    expect(at(1, 1)).toBeCloseTo(Math.log(0.98), 5);
    expect(at(0, 0)).toBeCloseTo(Math.log(0.98), 5);
  });

  it.each([{}, { pixelNoise: 0 }, { canvas: "clamp" }, { canvas: "clamp", pixelNoise: 0 }])(
    "is finite, with a finite gradient, for black and white images and canvases, %j",
    (settings) => {
      const config = bernoulli(settings);
      const image = pixels(0, 0, 1, 1, 0.5, 0.5);
      const canvas = pixels(0, 1, 0, 1, 0, 1);
      const slope = tf.grad((c) => logLikelihood(config, image, c))(canvas);
      expect(values(logLikelihood(config, image, canvas)).every(Number.isFinite)).toBe(true);
      expect(values(slope).every(Number.isFinite)).toBe(true);
    },
  );

  it("of the empty canvas equals that of a black canvas", () => {
    for (const config of [tinyConfig(), bernoulli(), bernoulli({ pixelNoise: 0 })]) {
      const image = uniform([2, 1, 9, 9], 1);
      const black = logLikelihood(config, image, tf.zerosLike(image));
      expect(values(logLikelihood(config, image, undefined))).toEqual(values(black));
    }
  });
});
