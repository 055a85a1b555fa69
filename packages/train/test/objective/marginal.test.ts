import { type AirConfigInput, countProbabilities, logCountPrior } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { inferTrajectory } from "../../src/model/air.js";
import { type ParameterTensors, parameterShapes } from "../../src/model/parameters.js";
import { evaluateScenes, logCountPosterior, marginal } from "../../src/objective/marginal.js";
import { expectGradients } from "../model/finite-differences.js";
import { boundedWindows, normal, tinyConfig, tinyParameters, uniform } from "../model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const config = tinyConfig();
const batch = 3;
const image = (): tf.Tensor => uniform([batch, 1, config.imageSize, config.imageSize], 11);
const prior = (): tf.Tensor => tf.tensor1d(logCountPrior(0.3, config.maxSteps));
const noise = (): Record<string, tf.Tensor> =>
  Object.fromEntries(
    Object.entries(marginal.noise(config, batch)).map(([name, { shape }], i) => [name, normal(shape, i)]),
  );

/** The ELBO of one image, summed over n in float64. */
function bruteForce(presence: number[], likelihood: number[], klWhere: number[], klWhat: number[], logPrior: number[]) {
  return countProbabilities(presence).reduce((elbo, q, n) => {
    if (q === 0) return elbo;
    let kl = 0;
    for (let t = 0; t < n; t++) kl += klWhere[t]! + klWhat[t]!;
    return elbo + q * (likelihood[n]! - kl + logPrior[n]! - Math.log(q));
  }, 0);
}

describe("the marginal bound", () => {
  it("equals the sum over every count", () => {
    const p = tinyParameters(config, 5);
    const { epsWhere, epsWhat } = noise();
    const trajectory = inferTrajectory(p, config, image(), { epsWhere: epsWhere!, epsWhat: epsWhat! });
    const columns = (tensor: tf.Tensor): number[][] => tf.transpose(tensor).arraySync() as number[][];
    const presence = columns(trajectory.presenceLogit).map((logits) => logits.map((x) => 1 / (1 + Math.exp(-x))));
    const likelihood = columns(trajectory.logLikelihood);
    const [klWhere, klWhat] = [columns(trajectory.klWhere), columns(trajectory.klWhat)];
    const expected = presence.map((p, b) =>
      bruteForce(p, likelihood[b]!, klWhere[b]!, klWhat[b]!, logCountPrior(0.3, config.maxSteps)),
    );

    const scenes = evaluateScenes(p, config, image(), noise(), prior());
    scenes.elbo.dataSync().forEach((elbo, b) => {
      expect(elbo).toBeCloseTo(expected[b]!, 3);
    });
    const { loss, elbo } = marginal.loss(p, config, image(), noise(), { logCountPrior: prior() });
    const mean = expected.reduce((a, b) => a + b, 0) / batch;
    expect(elbo.dataSync()[0]).toBeCloseTo(mean, 3);
    expect(loss.dataSync()[0]).toBeCloseTo(-mean, 3);
  });

  it("has no denormal gradients along counts of negligible probability", () => {
    // The predictor's first output is the presence logit: q(1) is about 1e-35 in every image.
    const p = tinyParameters(config, 5);
    const bias = p["predictor.output_bias"]!;
    p["predictor.output_bias"] = tf.add(bias, tf.tensor1d([-80, ...new Array<number>(bias.size - 1).fill(0)]));
    const { value, grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const parameters = Object.fromEntries(Object.keys(p).map((name, i) => [name, values[i]!]));
      return marginal.loss(parameters, config, image(), noise(), { logCountPrior: prior() }).loss;
    })(Object.values(p));

    const empty = evaluateScenes(p, config, image(), noise(), prior());
    const emptyBound = tf.mean(tf.add(empty.logLikelihood.slice([0, 0], [batch, 1]), prior().slice(0, 1)));
    expect(value.dataSync()[0]).toBeCloseTo(-emptyBound.dataSync()[0]!, 3);
    for (const gradient of grads) {
      for (const slope of gradient.dataSync()) expect(slope === 0 || Math.abs(slope) > 2 ** -126).toBe(true);
    }
  });

  it("is the sum of its logged parts", () => {
    const p = tinyParameters(config, 6);
    const { elbo, metrics } = marginal.loss(p, config, image(), noise(), { logCountPrior: prior() });
    const part = (name: string): number => metrics[name]!.dataSync()[0]!;
    const sum = part("logLikelihood") - part("klWhere") - part("klWhat") - part("klCount");
    expect(sum).toBeCloseTo(elbo.dataSync()[0]!, 3);
    expect(part("count")).toBeGreaterThan(0);
    expect(part("count")).toBeLessThan(config.maxSteps);
  });

  // No normaliser, and a dim, smooth image: both make the loss small and its gradients large in comparison.
  const unnormalised = { type: "gaussian", std: 1 / Math.sqrt(2 * Math.PI) } as const;
  it.each<AirConfigInput>([
    { likelihood: unnormalised },
    {
      likelihood: { type: "bernoulli", pixelNoise: 0.05 },
      imagePooling: 3,
      embeddingSize: 16,
      lstmInput: { type: "remainder" },
    },
    { likelihood: { type: "bernoulli", pixelNoise: 0.05 } },
    { likelihood: { type: "bernoulli", pixelNoise: 0.05, canvas: "clamp" } },
    { likelihood: unnormalised, ...boundedWindows },
  ])("has the gradient of finite differences in every parameter, %j", (overrides) => {
    const small = tinyConfig(overrides);
    const names = Object.keys(parameterShapes(small));
    // Recurrent kernels are as large as those of a trained network: with initial ones the gradient in the image would
    // be tiny. Layers with ReLUs have biases and small kernels, which keep their kinks apart.
    const p = Object.fromEntries(
      Object.entries(tinyParameters(small, 22)).map(([name, value], i) => {
        if (/(hidden|embedding)_bias$/.test(name)) return [name, tf.mul(normal(value.shape, 100 + i), 0.2)];
        if (name.endsWith(".hidden_kernel")) return [name, tf.mul(value, 0.4)];
        return [name, name.startsWith("lstm.") ? tf.mul(value, name.endsWith("embedding_kernel") ? 1.6 : 4) : value];
      }),
    );
    const [eps, logPrior] = [noise(), prior()];
    const x = tf.tidy(() => {
      const along = tf.sin(tf.linspace(0.3, 2.8, small.imageSize));
      const blob = tf.mul(tf.reshape(along, [-1, 1]), along);
      return tf.tile(tf.reshape(tf.mul(blob, 0.5), [1, 1, small.imageSize, small.imageSize]), [batch, 1, 1, 1]);
    });
    const loss = (...values: tf.Tensor[]): tf.Scalar => {
      const parameters: ParameterTensors = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
      return marginal.loss(parameters, small, x, eps, { logCountPrior: logPrior }).loss;
    };
    expectGradients(loss, p, { moves: [1e-1, 3e-2, 1e-2, 3e-3, 1e-3], tolerance: 0.02 });
  });

  it("stays finite, with finite gradients, when a count's probability underflows", () => {
    const p = tinyParameters(config, 9);
    for (const logit of [-300, 300]) {
      const bias = p["predictor.output_bias"]!.arraySync() as number[];
      const extreme = { ...p, "predictor.output_bias": tf.tensor1d([logit, ...bias.slice(1)]) };
      const names = Object.keys(extreme);
      const { value, grads } = tf.valueAndGrads((...values: tf.Tensor[]) => {
        const parameters = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
        return marginal.loss(parameters, config, image(), noise(), { logCountPrior: prior() }).loss;
      })(Object.values(extreme));
      expect(value.dataSync()[0]).toSatisfy(Number.isFinite);
      for (const gradient of grads) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    }
  });

  it("evaluates scenes with the batch as first dimension", () => {
    const scenes = evaluateScenes(tinyParameters(config, 5), config, image(), noise(), prior());
    const shapes = Object.fromEntries(Object.entries(scenes).map(([name, tensor]) => [name, tensor.shape]));
    expect(shapes).toEqual({
      elbo: [batch],
      logCount: [batch, 4],
      logLikelihood: [batch, 4],
      klWhere: [batch, 3],
      klWhat: [batch, 3],
      zWhere: [batch, 3, 3],
      canvases: [batch, 3, 1, config.imageSize, config.imageSize],
    });
  });
});

it("logCountPosterior is the logarithm of the counts' probabilities", () => {
  const logits = [
    [2, -1, 0.5],
    [-3, 4, 0],
  ];
  const log = logCountPosterior(tf.transpose(tf.tensor2d(logits)), 3);
  const actual = tf.transpose(tf.exp(log)).arraySync() as number[][];
  logits.forEach((row, b) => {
    const expected = countProbabilities(row.map((x) => 1 / (1 + Math.exp(-x))));
    expected.forEach((q, n) => {
      expect(actual[b]![n]).toBeCloseTo(q, 6);
    });
  });
});

it("a missing noise tensor is named", () => {
  const p = tinyParameters(config, 5);
  const { epsWhere } = noise();
  expect(() => evaluateScenes(p, config, image(), { epsWhere: epsWhere! }, prior())).toThrow("epsWhat is missing");
});
