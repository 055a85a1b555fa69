import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import {
  bernoulliLogDensity,
  gaussianLogDensity,
  klFromStandardNormal,
  logSigmoid,
  SMALLEST_PROBABILITY,
  stdFromRaw,
} from "../../src/model/distributions.js";
import { expectGradients } from "./finite-differences.js";
import { normal, uniform } from "./tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

it("logSigmoid and its gradient are accurate for large logits of either sign", () => {
  const logits = [-1000, -90, -20, -1, 0, 1, 20, 90, 1000];
  const values = logSigmoid(tf.tensor1d(logits)).dataSync();
  const slopes = tf.grad(logSigmoid)(tf.tensor1d(logits)).dataSync();
  logits.forEach((x, i) => {
    const exact = x > -30 ? -Math.log1p(Math.exp(-x)) : x;
    expect(values[i]).toBeCloseTo(exact, 5);
    expect(slopes[i]).toBeCloseTo(1 / (1 + Math.exp(x)), 6);
  });
});

it("the KL divergence of normals is zero at the prior and equals the textbook formula elsewhere", () => {
  const mean = [0, 0.5, -2];
  const std = [1, 0.3, 1.7];
  const kl = klFromStandardNormal(tf.tensor2d([mean, [0, 0, 0]]), tf.tensor2d([std, [1, 1, 1]])).dataSync();
  const expected = mean.reduce((sum, m, i) => sum + -Math.log(std[i]!) + (std[i]! ** 2 + m ** 2) / 2 - 0.5, 0);
  expect(kl[0]).toBeCloseTo(expected, 5);
  expect(kl[1]).toBeCloseTo(0, 6);
  const inputs = { mean: normal([2, 3], 1), std: tf.tensor2d([std, [0.2, 0.9, 1.3]]) };
  expectGradients((m, s) => tf.sum(tf.mul(klFromStandardNormal(m!, s!), [1, -2])), inputs);
});

it("the Gaussian log-density sums over channels and pixels, normaliser included", () => {
  const residual = normal([2, 3, 4, 5], 1);
  const density = gaussianLogDensity(residual, 0.3);
  expect(density.shape).toEqual([2]);
  const first = residual.dataSync<"float32">().slice(0, 60);
  const expected = first.reduce(
    (sum, r) => sum - 0.5 * (r / 0.3) ** 2 - Math.log(0.3) - 0.5 * Math.log(2 * Math.PI),
    0,
  );
  expect(density.dataSync()[0]).toBeCloseTo(expected, 3);
  expectGradients((r) => tf.sum(tf.mul(gaussianLogDensity(r, 0.9), [1, -2])), { residual });
});

it("the Bernoulli log-density is the log-probability of black and white pixels, and minus the cross-entropy of grey ones", () => {
  const x = [0, 1, 0.25, 1];
  const p = [0.1, 0.9, 0.6, 1e-3];
  const density = bernoulliLogDensity(tf.tensor4d(x, [1, 1, 2, 2]), tf.tensor4d(p, [1, 1, 2, 2]));
  expect(density.shape).toEqual([1]);
  const expected = x.reduce((sum, v, i) => sum + v * Math.log(p[i]!) + (1 - v) * Math.log(1 - p[i]!), 0);
  expect(density.dataSync()[0]).toBeCloseTo(expected, 4);
  const image = uniform([2, 3, 4, 5], 1);
  const probability = tf.add(tf.mul(uniform([2, 3, 4, 5], 2), 0.6), 0.2);
  expectGradients((q) => tf.sum(tf.mul(bernoulliLogDensity(image, q!), [1, -2])), { probability });
});

it("the Bernoulli log-probability and its gradient are finite at the smallest probabilities", () => {
  const extremes = [SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY];
  for (const x of [0, 1]) {
    for (const p of extremes) {
      const at = (q: tf.Tensor): tf.Tensor => bernoulliLogDensity(tf.fill([1, 1, 1, 1], x), q);
      const probability = tf.fill([1, 1, 1, 1], p);
      const exact = Math.log(x === 1 ? p : 1 - p);
      expect(at(probability).dataSync()[0]).toBeCloseTo(exact, 4);
      expect(tf.grad(at)(probability).dataSync()[0]).toSatisfy(Number.isFinite);
    }
  }
});

it("a standard deviation never reaches zero, so that its logarithm stays finite", () => {
  const raw = tf.tensor1d([-1e4, -30, 0, 30]);
  const std = stdFromRaw(raw).dataSync();
  expect(std[0]).toBeGreaterThan(0);
  expect(std[2]).toBeCloseTo(Math.log(2), 5);
  expect(std[3]).toBeCloseTo(30, 4);
  expect(tf.log(stdFromRaw(raw)).dataSync().every(Number.isFinite)).toBe(true);
  expect(
    tf
      .grad((x) => tf.log(stdFromRaw(x)))(raw)
      .dataSync()
      .every(Number.isFinite),
  ).toBe(true);
});
