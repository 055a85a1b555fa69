import { logCountPrior } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { inferTrajectory } from "../../src/model/air.js";
import type { Estimator, Noise } from "../../src/objective/estimator.js";
import { guided } from "../../src/objective/guided.js";
import { marginal } from "../../src/objective/marginal.js";
import { lossAndGradients } from "../../src/train-step.js";
import { normal, tinyConfig, tinyParameters, uniform } from "../model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const config = tinyConfig();
const batch = 3;
const image = (): tf.Tensor => uniform([batch, 1, 9, 9], 11);
const noise = (): Noise =>
  Object.fromEntries(
    Object.entries(guided.noise(config, batch)).map(([name, { shape }], i) => [name, normal(shape, i)]),
  );
const schedules = (weight: number) => ({
  logCountPrior: tf.tensor1d(logCountPrior(0.3, config.maxSteps)),
  evidenceWeight: tf.scalar(weight),
});
const stepOf = (estimator: Estimator, weight: number) =>
  lossAndGradients(estimator, config)(tinyParameters(config, 5), image(), noise(), schedules(weight));
const number = (scalar: tf.Tensor): number => scalar.dataSync()[0]!;
const columns = (tensor: tf.Tensor): number[][] => tf.transpose(tensor).arraySync() as number[][];
const logSumExp = (values: number[]): number => {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
};
const logSigmoid = (x: number): number => -Math.log(1 + Math.exp(-x));

describe("the guided estimator", () => {
  it("is the marginal one where the evidence has no weight", () => {
    const [own, other] = [stepOf(guided, 0), stepOf(marginal, 0)];
    expect(number(own.metrics.loss!)).toBe(number(other.metrics.loss!));
    for (const [name, gradient] of Object.entries(other.gradients)) {
      expect(own.gradients[name]!.arraySync(), name).toEqual(gradient.arraySync());
    }
  });

  it("is the bound of the best q(n), with presence taught by it, where the evidence has all the weight", () => {
    const p = tinyParameters(config, 5);
    const { epsWhere, epsWhat } = noise() as Record<"epsWhere" | "epsWhat", tf.Tensor>;
    const trajectory = inferTrajectory(p, config, image(), { epsWhere, epsWhat });
    const [likelihood, klWhere, klWhat, logits] = [
      trajectory.logLikelihood,
      trajectory.klWhere,
      trajectory.klWhat,
      trajectory.presenceLogit,
    ].map(columns) as [number[][], number[][], number[][], number[][]];
    const prior = logCountPrior(0.3, config.maxSteps);
    let expected = 0;
    for (let b = 0; b < batch; b++) {
      let kl = 0;
      const joint = likelihood[b]!.map((each, n) => {
        if (n > 0) kl += klWhere[b]![n - 1]! + klWhat[b]![n - 1]!;
        return each - kl + prior[n]!;
      });
      expected -= logSumExp(joint);
      const tail = (n: number): number => logSumExp(joint.slice(n));
      for (let t = 0; t < config.maxSteps; t++) {
        const target = Math.exp(tail(t + 1) - tail(t));
        const reach = Math.max(0.02, Math.exp(tail(t) - tail(0)));
        const logit = logits[b]![t]!;
        expected -= 10 * reach * (target * logSigmoid(logit) + (1 - target) * logSigmoid(-logit));
      }
    }
    expect(Math.abs(number(stepOf(guided, 1).metrics.loss!) / (expected / batch) - 1)).toBeLessThan(1e-5);
  });

  it("is between them in between", () => {
    const [none, half, all] = [0, 0.5, 1].map((weight) => stepOf(guided, weight)) as [
      ReturnType<typeof stepOf>,
      ReturnType<typeof stepOf>,
      ReturnType<typeof stepOf>,
    ];
    for (const [name, gradient] of Object.entries(half.gradients)) {
      const mean = tf.mul(tf.add(none.gradients[name]!, all.gradients[name]!), 0.5);
      const [difference, size] = [tf.sub(gradient, mean), mean].map((each) => number(tf.norm(each)));
      expect(difference!, name).toBeLessThan(1e-4 * size! + 1e-4);
    }
  });

  it("brings presence back where it is sure of the wrong count, which the ELBO's own gradient does not", () => {
    // An image of the decoder's own making would gain from every object; presence is sure that there is none.
    const p = tinyParameters(config, 5);
    const bias = p["predictor.output_bias"]!;
    const sure = tf.tensor1d([-40, ...Array.from(bias.dataSync()).slice(1)]);
    const strong = { ...config, likelihood: { type: "gaussian" as const, std: 0.05 } };
    const { epsWhere, epsWhat } = noise() as Record<"epsWhere" | "epsWhat", tf.Tensor>;
    const { canvases } = inferTrajectory(p, strong, image(), { epsWhere, epsWhat });
    const drawn = canvases.at(-1)!;
    const slope = (estimator: Estimator): number => {
      const differentiate = lossAndGradients(estimator, strong);
      const { gradients } = differentiate({ ...p, "predictor.output_bias": sure }, drawn, noise(), schedules(1));
      return number(tf.slice(gradients["predictor.output_bias"]!, [0], [1]));
    };
    expect(Math.abs(slope(marginal))).toBeLessThan(1e-9);
    // More presence is less loss.
    expect(slope(guided)).toBeLessThan(-1);
  });

  it("needs its schedule", () => {
    const { logCountPrior } = schedules(1);
    expect(() => guided.loss(tinyParameters(config, 5), config, image(), noise(), { logCountPrior })).toThrow(
      /evidenceWeight/,
    );
  });
});
