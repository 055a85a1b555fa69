import { logCountPrior } from "@air-onnx/core";
import { adamScalars } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { inferTrajectory } from "../../src/model/air.js";
import { initialParameters, parameterShapes } from "../../src/model/parameters.js";
import { logCountPosterior, marginal } from "../../src/objective/marginal.js";
import { nvil, sampledTerms } from "../../src/objective/nvil.js";
import { defaultAdam } from "../../src/optimizer/adam.js";
import { lossAndGradients, trainStep } from "../../src/train-step.js";
import { expectClose } from "../model/close.js";
import { normal, tinyConfig, uniform } from "../model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const config = tinyConfig();
const { maxSteps } = config;

function parametersOf(of: typeof config, seed: number): Record<string, tf.Tensor> {
  const values = Object.entries(initialParameters(of, seed, nvil.parameters(of)));
  return Object.fromEntries(values.map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]));
}

/** Noise that makes the estimator draw `counts` objects, one number for each image of the batch. */
function noiseOf(counts: number[], of = config): Record<string, tf.Tensor> {
  const batch = counts.length;
  const rows = Array.from({ length: of.maxSteps }, (_, t) => counts.map((count) => (t < count ? 0 : 1)));
  return {
    epsWhere: normal([of.maxSteps, batch, 3], 1),
    epsWhat: normal([of.maxSteps, batch, of.zWhatSize], 2),
    uPresence: tf.tensor2d(rows, [of.maxSteps, batch]),
  };
}

// A prior of counts that is not geometric: its steps have different probabilities of presence.
const logPrior = (): tf.Tensor => tf.log(tf.tensor1d([0.5, 0.1, 0.3, 0.1]));

describe("the sampled bound", () => {
  it("has the marginal bound, and its gradient, as its expectation over the draws of presence", () => {
    const p = parametersOf(config, 3);
    const image = uniform([1, 1, 9, 9], 4);
    const { epsWhere, epsWhat } = noiseOf([0]);
    const trajectory = inferTrajectory(p, config, image, { epsWhere: epsWhere!, epsWhat: epsWhat! });
    const probabilities = tf.exp(logCountPosterior(trajectory.presenceLogit, maxSteps)).dataSync();

    const schedules = { logCountPrior: logPrior() };
    const exact = lossAndGradients(marginal, config)(p, image, noiseOf([0]), schedules);
    const sums = Object.fromEntries(Object.keys(exact.gradients).map((name) => [name, tf.zerosLike(p[name]!)]));
    let bound = 0;
    for (let count = 0; count <= maxSteps; count++) {
      const drawn = lossAndGradients(nvil, config)(p, image, noiseOf([count]), schedules);
      expect(drawn.metrics.count!.dataSync()[0]).toBe(count);
      bound += probabilities[count]! * drawn.metrics.elbo!.dataSync()[0]!;
      for (const [name, sum] of Object.entries(sums)) {
        sums[name] = tf.add(sum, tf.mul(drawn.gradients[name]!, probabilities[count]!));
      }
    }
    expect(bound).toBeCloseTo(exact.metrics.elbo!.dataSync()[0]!, 2);
    for (const [name, gradient] of Object.entries(exact.gradients)) expectClose(sums[name]!, gradient, 1e-3, name);
  });

  it("is the sum of its logged parts", () => {
    const p = parametersOf(config, 3);
    const { elbo, loss, metrics } = nvil.loss(p, config, uniform([4, 1, 9, 9], 4), noiseOf([0, 1, 2, 3]), {
      logCountPrior: logPrior(),
    });
    const part = (name: string): number => metrics[name]!.dataSync()[0]!;
    expect(part("count")).toBe(1.5);
    expect(part("logLikelihood") - part("klWhere") - part("klWhat") - part("klCount")).toBeCloseTo(
      elbo.dataSync()[0]!,
      2,
    );
    expect((part("modelLoss") + part("baselineLoss")) / loss.dataSync()[0]!).toBeCloseTo(1, 5);
  });

  it("stays finite under a prior that makes objects extremely unlikely", () => {
    const p = parametersOf(config, 3);
    const prior = tf.tensor1d(logCountPrior(1e-30, maxSteps).map((log) => Math.max(log, -200)));
    const { metrics, gradients } = lossAndGradients(nvil, config)(p, uniform([4, 1, 9, 9], 4), noiseOf([0, 1, 2, 3]), {
      logCountPrior: prior,
    });
    expect(metrics.loss!.dataSync()[0]).toSatisfy(Number.isFinite);
    for (const gradient of Object.values(gradients)) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
  });

  it("draws an object only after the one before it", () => {
    const image = uniform([2, 1, 9, 9], 4);
    const noise = noiseOf([0, 0]);
    const trajectory = inferTrajectory(parametersOf(config, 3), config, image, {
      epsWhere: noise.epsWhere!,
      epsWhat: noise.epsWhat!,
    });
    const uniforms = tf.tensor2d([
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
    const { presence, reached } = sampledTerms(trajectory, uniforms, logPrior());
    expect(tf.transpose(presence).arraySync()).toEqual([
      [1, 0, 0],
      [0, 0, 0],
    ]);
    expect(tf.transpose(reached).arraySync()).toEqual([
      [1, 1, 0],
      [1, 0, 0],
    ]);
  });
});

it("the baseline has its own learning rate, and its gradients are clipped apart from the model's", () => {
  const p = parametersOf(config, 3);
  const zeros = (): Record<string, tf.Tensor> =>
    Object.fromEntries(Object.entries(p).map(([name, value]) => [name, tf.zerosLike(value)]));
  const { stepSize, rootCorrection } = adamScalars(1, 1e-3, defaultAdam);
  const scalars = {
    stepSize: tf.scalar(stepSize),
    rootCorrection: tf.scalar(rootCorrection),
    logCountPrior: logPrior(),
  };
  const names = Object.keys(nvil.parameters(config));
  const learningRateScales = Object.fromEntries(names.map((name) => [name, 10]));
  const step = trainStep(nvil, config, { maxGradientNorm: 1, learningRateScales });
  const state = { parameters: p, firstMoment: zeros(), secondMoment: zeros() };
  const next = step(state, uniform([4, 1, 9, 9], 4), noiseOf([0, 1, 2, 3]), scalars);
  const norm = (tensors: tf.Tensor[]): number => Math.hypot(...tensors.flatMap((tensor) => [...tensor.dataSync()]));
  // The first moment starts from zero, so after one update it is the clipped gradient.
  expect(norm(names.map((name) => next.firstMoment[name]!))).toBeCloseTo(1, 3);
  expect(norm(Object.keys(parameterShapes(config)).map((name) => next.firstMoment[name]!))).toBeCloseTo(1, 3);
  // Adam's first update changes every element that has a gradient by the learning rate.
  const moved = (name: string): number => tf.max(tf.abs(tf.sub(next.parameters[name]!, p[name]!))).dataSync()[0]!;
  expect(moved("baseline.regressor.output_bias")).toBeCloseTo(1e-2, 4);
  expect(moved("decoder.output_bias")).toBeCloseTo(1e-3, 5);
});

it("works with a single step", () => {
  const single = tinyConfig({ maxSteps: 1 });
  const { gradients, metrics } = lossAndGradients(nvil, single)(
    parametersOf(single, 1),
    uniform([2, 1, 9, 9], 1),
    noiseOf([0, 1], single),
    { logCountPrior: tf.tensor1d(logCountPrior(0.1, 1)) },
  );
  expect(metrics.loss!.dataSync()[0]).toSatisfy(Number.isFinite);
  expect(tf.max(tf.abs(gradients["lstm.image_kernel"]!)).dataSync()[0]).toBeGreaterThan(0);
});
