import { logCountPrior } from "@air-onnx/core";
import { adamScalars } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import { parameterShapes } from "../src/model/parameters.js";
import { marginal } from "../src/objective/marginal.js";
import { type AdamState, defaultAdam } from "../src/optimizer/adam.js";
import { lossAndGradients, trainStep } from "../src/train-step.js";
import { normal, tinyConfig, tinyParameters, uniform } from "./model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const batch = 4;
const config = tinyConfig();

function noise(seed: number, { maxSteps, zWhatSize } = config): Record<string, tf.Tensor> {
  return { epsWhere: normal([maxSteps, batch, 3], seed), epsWhat: normal([maxSteps, batch, zWhatSize], seed + 1) };
}

function firstState(): AdamState {
  const zeros = (): Record<string, tf.Tensor> =>
    Object.fromEntries(Object.entries(parameterShapes(config)).map(([name, shape]) => [name, tf.zeros(shape)]));
  return { parameters: tinyParameters(config, 1), firstMoment: zeros(), secondMoment: zeros() };
}

function scalarsAt(t: number, rate: number) {
  const { stepSize, rootCorrection } = adamScalars(t, rate, defaultAdam);
  return {
    stepSize: tf.scalar(stepSize),
    rootCorrection: tf.scalar(rootCorrection),
    logCountPrior: tf.tensor1d(logCountPrior(0.1, config.maxSteps)),
  };
}

it("training fits a batch, and neither disposes of a tensor too early nor leaks one", () => {
  const step = trainStep(marginal, config, { maxGradientNorm: 10 });
  const image = uniform([batch, 1, 9, 9], 2);
  const losses: number[] = [];
  let state = firstState();
  const live = tf.memory().numTensors;
  for (let t = 1; t <= 12; t++) {
    const [scalars, eps] = [scalarsAt(t, 2e-2), noise(3)];
    const { metrics, ...next } = step(state, image, eps, scalars);
    losses.push(metrics.loss!.dataSync()[0]!);
    expect(metrics.gradientNorm!.dataSync()[0]).toBeGreaterThan(0);
    tf.dispose([state, metrics, scalars, eps] as unknown as tf.TensorContainer);
    state = next;
    expect(tf.memory().numTensors).toBe(live);
  }
  expect(Object.keys(state.parameters)).toEqual(Object.keys(parameterShapes(config)));
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 5);
});

it("every parameter has a gradient, in the order of parameterShapes", () => {
  const image = uniform([batch, 1, 9, 9], 2);
  const { gradients, metrics } = lossAndGradients(marginal, config)(
    firstState().parameters,
    image,
    noise(3),
    scalarsAt(1, 1),
  );
  expect(Object.entries(gradients).map(([name, { shape }]) => [name, shape])).toEqual(
    Object.entries(parameterShapes(config)),
  );
  for (const [name, gradient] of Object.entries(gradients)) {
    expect(tf.max(tf.abs(gradient)).dataSync()[0], name).toBeGreaterThan(0);
  }
  expect(metrics.loss!.dataSync()[0]).toBe(-metrics.elbo!.dataSync()[0]!);
});

it("trainStep uses the gradients of lossAndGradients", () => {
  const image = uniform([batch, 1, 9, 9], 2);
  const state = firstState();
  const [scalars, eps] = [scalarsAt(1, 1e-3), noise(3)];
  const { gradients } = lossAndGradients(marginal, config)(state.parameters, image, eps, scalars);
  const next = trainStep(marginal, config, { maxGradientNorm: 1e9 })(state, image, eps, scalars);
  // The first moment starts from zero, so after one update it is the gradient.
  for (const [name, gradient] of Object.entries(gradients)) {
    expect(Array.from(next.firstMoment[name]!.dataSync())).toEqual(Array.from(gradient.dataSync()));
  }
});

it("a model with a single step trains, and the gradient of its recurrent kernel is zero", () => {
  const single = tinyConfig({ maxSteps: 1 });
  const scalars = { ...scalarsAt(1, 1e-3), logCountPrior: tf.tensor1d(logCountPrior(0.1, 1)) };
  const image = uniform([batch, 1, 9, 9], 2);
  const { gradients } = lossAndGradients(marginal, single)(tinyParameters(single, 1), image, noise(1, single), scalars);
  expect(tf.max(tf.abs(gradients["lstm.recurrent_kernel"]!)).dataSync()[0]).toBe(0);
  expect(tf.max(tf.abs(gradients["lstm.image_kernel"]!)).dataSync()[0]).toBeGreaterThan(0);
});
