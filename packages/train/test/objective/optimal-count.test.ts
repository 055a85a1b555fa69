import { logCountPrior } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { inferTrajectory } from "../../src/model/air.js";
import { windowCoverage } from "../../src/model/attention.js";
import type { Noise } from "../../src/objective/estimator.js";
import { optimalCount } from "../../src/objective/optimal-count.js";
import { localSteps, normal, tinyConfig, tinyParameters, uniform } from "../model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

const config = tinyConfig(localSteps);
const batch = 3;
const temperature = 0.7;
const std = 0.3;
const schedules = () => ({
  logCountPrior: tf.tensor1d(logCountPrior(0.3, config.maxSteps)),
  placeTemperature: tf.scalar(temperature),
  firstObjectWeight: tf.scalar(0.4),
});
const image = (): tf.Tensor => uniform([batch, 1, 9, 9], 11);
const noiseOf = (composed?: { images: number; objects: number }): Noise =>
  Object.fromEntries(
    Object.entries(optimalCount.noise(config, batch, composed)).map(([name, { shape, distribution }], i) => [
      name,
      distribution === "normal" ? normal(shape, i) : uniform(shape, i),
    ]),
  );
const gumbel = (u: tf.Tensor): tf.Tensor => tf.mul(tf.neg(tf.log(tf.neg(tf.log(u)))), temperature);
const columns = (tensor: tf.Tensor): number[][] => tf.transpose(tensor).arraySync() as number[][];
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const logSumExp = (values: number[]): number => {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
};
const crossEntropy = (logit: number, target: number): number =>
  -target * Math.log(sigmoid(logit)) - (1 - target) * Math.log(sigmoid(-logit));
const smooth = (x: number): number => (Math.abs(x) < 1 ? x ** 2 / 2 : Math.abs(x) - 0.5);
const number = (scalar: tf.Tensor): number => scalar.dataSync()[0]!;

describe("the loss of training images", () => {
  it("is the bound of the best q(n), with presence and values taught by the evidence", () => {
    const p = tinyParameters(config, 5);
    const noise = noiseOf();
    const { epsWhere, epsWhat, uPlace } = noise as Record<"epsWhere" | "epsWhat" | "uPlace", tf.Tensor>;
    const trajectory = inferTrajectory(p, config, image(), { epsWhere, epsWhat, place: gumbel(uPlace) });
    const [likelihood, klWhere, klWhat] = [trajectory.logLikelihood, trajectory.klWhere, trajectory.klWhat].map(
      columns,
    );
    const logits = columns(trajectory.presenceLogit);
    const values = columns(tf.stack(trajectory.steps.map(({ value }) => value!)));
    const windows = trajectory.steps.map(({ zWhere }) => {
      const { rows, columns } = windowCoverage(zWhere.sample, config);
      return { rows: rows.arraySync() as number[][], columns: columns.arraySync() as number[][] };
    });
    const pixels = image().arraySync() as number[][][][];
    const canvases = trajectory.canvases.map((canvas) => canvas.arraySync() as number[][][][]);
    const prior = logCountPrior(0.3, config.maxSteps);
    const inkLeft = (b: number, t: number, canvas: number[][][][] | undefined): number => {
      let sum = 0;
      for (let y = 0; y < 9; y++) {
        for (let x = 0; x < 9; x++) {
          const residual = pixels[b]![0]![y]![x]! - (canvas ? canvas[b]![0]![y]![x]! : 0);
          sum += windows[t]!.rows[b]![y]! * windows[t]!.columns[b]![x]! * residual ** 2;
        }
      }
      return sum;
    };
    let expected = 0;
    for (let b = 0; b < batch; b++) {
      let kl = 0;
      const evidence = likelihood![b]!.map((each, n) => {
        if (n > 0) kl += klWhere![b]![n - 1]! + klWhat![b]![n - 1]!;
        return each - kl;
      });
      const joint = evidence.map((each, n) => each + prior[n]!);
      expected -= logSumExp(joint) + 0.4 * evidence[1]!;
      const tail = (n: number): number => logSumExp(joint.slice(n));
      let reached = 1;
      for (let t = 0; t < config.maxSteps; t++) {
        const target = Math.exp(tail(t + 1) - tail(t));
        const reach = Math.max(0.02, Math.exp(tail(t) - tail(0)));
        expected += 10 * reach * crossEntropy(logits[b]![t]!, target);
        let gain = evidence[t + 1]! - evidence[t]!;
        if (gain > 0) {
          const left = inkLeft(b, t, canvases[t]) / (inkLeft(b, t, canvases[t - 1]) + 1e-3);
          gain *= Math.min(1, Math.max(0, 1 - left));
        }
        expected += 50 * Math.max(0.05, reached) * smooth(values[b]![t]! - gain / 50);
        reached *= sigmoid(logits[b]![t]!);
      }
    }
    const { loss } = optimalCount.loss(p, config, image(), noise, schedules());
    expect(number(loss)).toBeCloseTo(expected / batch, 1);
    expect(Math.abs(number(loss) / (expected / batch) - 1)).toBeLessThan(1e-5);
  });

  it("teaches presence where the counts that are left have no probability", () => {
    const p = tinyParameters(config, 5);
    // A black image: every object costs hundreds of nats, and the sums of exp(L_n) p(n) over n ≥ 1 are 0 in float32.
    const black = tf.zeros([batch, 1, 9, 9]);
    const strong = { ...config, likelihood: { type: "gaussian" as const, std: 0.02 } };
    const { value, grads } = tf.valueAndGrads((bias: tf.Tensor) => {
      return optimalCount.loss({ ...p, "predictor.output_bias": bias }, strong, black, noiseOf(), schedules()).loss;
    })([p["predictor.output_bias"]!]);
    expect(Number.isFinite(number(value))).toBe(true);
    // More presence is more loss.
    expect(grads[0]!.dataSync()[0]).toBeGreaterThan(0);
  });

  it("needs its schedules and a local step network", () => {
    const p = tinyParameters(config, 5);
    const { logCountPrior: prior } = schedules();
    expect(() => optimalCount.loss(p, config, image(), noiseOf(), { logCountPrior: prior })).toThrow(
      /placeTemperature/,
    );
    const lstm = tinyConfig();
    expect(() => optimalCount.noise(lstm, batch)).toThrow(/local step network/);
  });
});

describe("the loss of composed images", () => {
  const composed = { images: 2, objects: 2 };
  /** Two objects in the first image, one in the second. */
  const layers = (): tf.Tensor => {
    const objects = tf.buffer([2, 2, 1, 9, 9]);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        objects.set(0.8, 0, 0, 0, 1 + i, 1 + j);
        objects.set(0.6, 0, 1, 0, 5 + i, 4 + j);
        objects.set(0.9, 1, 0, 0, 4 + i, 2 + j);
      }
    }
    return objects.toTensor();
  };

  it("scores each step on the object left that it explains best", () => {
    const p = tinyParameters(config, 6);
    const noise = noiseOf(composed);
    const own = optimalCount.loss(p, config, image(), noise, schedules());
    const { loss, metrics } = optimalCount.loss(p, config, image(), noise, schedules(), layers());
    const steps = composed.objects + 1;
    const trajectory = inferTrajectory(p, { ...config, maxSteps: steps }, tf.minimum(tf.sum(layers(), 1), 1), {
      epsWhere: noise["composed/epsWhere"]!,
      epsWhat: noise["composed/epsWhat"]!,
      place: gumbel(noise["composed/uPlace"]!),
    });
    const objects = tf.reshape(layers(), [2, 2, 81]).arraySync() as number[][][];
    const drawn = trajectory.layers.map((layer) => tf.reshape(layer, [2, 81]).arraySync() as number[][]);
    const canvases = trajectory.canvases.map((canvas) => tf.reshape(canvas, [2, 81]).arraySync() as number[][]);
    const pixels = tf.reshape(tf.minimum(tf.sum(layers(), 1), 1), [2, 81]).arraySync() as number[][];
    const [klWhere, klWhat, logits] = [trajectory.klWhere, trajectory.klWhat, trajectory.presenceLogit].map(columns);
    const values = columns(tf.stack(trajectory.steps.map(({ value }) => value!)));
    const nats = 0.5 / std ** 2;
    const squares = (values: number[]): number => values.reduce((sum, value) => sum + value ** 2, 0);
    let [expected, errors] = [0, 0];
    for (let image = 0; image < 2; image++) {
      const left = objects[image]!.map((object) => squares(object) > 0);
      for (let t = 0; t < steps; t++) {
        const layer = drawn[t]![image]!;
        const kl = klWhere![image]![t]! + klWhat![image]![t]!;
        const any = left.some(Boolean);
        const explained = objects[image]!.map(
          (object) => squares(object) - squares(object.map((value, i) => value - layer[i]!)),
        );
        const best = explained.reduce((a, each, j) => (left[j] && (a < 0 || each > explained[a]!) ? j : a), -1);
        const gain = best < 0 ? 0 : nats * explained[best]! - kl;
        expected += -gain + 10 * crossEntropy(logits![image]![t]!, Number(any));
        const target = any ? gain : -nats * squares(layer) - kl;
        expected += 50 * smooth(values[image]![t]! - target / 50);
        if (logits![image]![t]! > 0 !== any) errors++;
        if (best >= 0 && gain > 0.3 * nats * squares(objects[image]![best]!)) left[best] = false;
        objects[image]!.forEach((object, j) => {
          const remainder = object.map((_, i) => pixels[image]![i]! - canvases[t]![image]![i]!);
          const inkLeft = object.reduce((sum, value, i) => sum + value * remainder[i]!, 0);
          if (inkLeft <= 0.3 * squares(object)) left[j] = false;
        });
      }
    }
    expect(number(metrics.composedLoss!)).toBeCloseTo(expected / 2, 2);
    expect(number(metrics.composedPresenceErrors!)).toBeCloseTo(errors / (2 * steps), 5);
    // Three training images and two composed ones.
    expect(number(loss)).toBeCloseTo(0.6 * number(own.loss) + 0.4 * (expected / 2), 2);
  });
});
