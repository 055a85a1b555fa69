import { adamScalars, annealedProbability, warmupCosine } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { type AdamState, adamUpdate, clipFactor, defaultAdam } from "../../src/optimizer/adam.js";
import { normal } from "../model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

describe("adamUpdate", () => {
  it("follows the textbook update, ε outside the corrected root, over many steps", () => {
    const [beta1, beta2, epsilon, rate] = [0.9, 0.999, 1e-8, 0.01];
    const shape = [3, 4];
    let state: AdamState = {
      parameters: { w: normal(shape, 1) },
      firstMoment: { w: tf.zeros(shape) },
      secondMoment: { w: tf.zeros(shape) },
    };
    const theta = Array.from(state.parameters.w!.dataSync());
    const m = theta.map(() => 0);
    const v = theta.map(() => 0);
    for (let t = 1; t <= 12; t++) {
      // Some gradients are so small that ε matters.
      const gradient = tf.mul(normal(shape, 100 + t), [1, 1e-3, 1e-7, 30]);
      const { stepSize, rootCorrection } = adamScalars(t, rate, defaultAdam);
      const scalars = { stepSize: tf.scalar(stepSize), rootCorrection: tf.scalar(rootCorrection) };
      state = adamUpdate({ ...state, gradients: { w: gradient } }, scalars);

      gradient.dataSync().forEach((g, i) => {
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        const [mHat, vHat] = [m[i]! / (1 - beta1 ** t), v[i]! / (1 - beta2 ** t)];
        theta[i]! -= (rate * mHat) / (Math.sqrt(vHat) + epsilon);
      });
      state.parameters.w!.dataSync().forEach((value, i) => {
        expect(Math.abs(value - theta[i]!), `element ${i} after ${t} updates`).toBeLessThan(2e-6);
      });
    }
  });

  it("scales the learning rate of the named parameters alone", () => {
    const tensors = (): Record<string, tf.Tensor> => ({ a: normal([4], 1), b: normal([4], 2) });
    const zeros = { a: tf.zeros([4]), b: tf.zeros([4]) };
    const given = {
      parameters: tensors(),
      firstMoment: zeros,
      secondMoment: zeros,
      gradients: { a: normal([4], 3), b: normal([4], 4) },
    };
    const { stepSize, rootCorrection } = adamScalars(1, 1e-2, defaultAdam);
    const scalars = { stepSize: tf.scalar(stepSize), rootCorrection: tf.scalar(rootCorrection) };
    const plain = adamUpdate(given, scalars);
    const scaled = adamUpdate(given, scalars, defaultAdam, { b: 5 });
    expect(scaled.parameters.a!.dataSync()).toEqual(plain.parameters.a!.dataSync());
    const moved = ({ parameters }: AdamState) => tf.sub(parameters.b!, given.parameters.b!).dataSync();
    moved(scaled).forEach((distance, i) => {
      expect(distance / moved(plain)[i]!).toBeCloseTo(5, 3);
    });
  });

  it("does not change a parameter whose gradient is zero", () => {
    const zeros = { w: tf.zeros([2]) };
    const scalars = { stepSize: tf.scalar(1), rootCorrection: tf.scalar(31) };
    const next = adamUpdate(
      { parameters: { w: tf.tensor1d([1, 2]) }, firstMoment: zeros, secondMoment: zeros, gradients: zeros },
      scalars,
    );
    expect(Array.from(next.parameters.w!.dataSync())).toEqual([1, 2]);
  });

  it("names the parameter whose moment is missing", () => {
    const one = { w: tf.ones([1]) };
    const scalars = { stepSize: tf.scalar(1), rootCorrection: tf.scalar(1) };
    expect(() => adamUpdate({ parameters: one, firstMoment: {}, secondMoment: one, gradients: one }, scalars)).toThrow(
      "parameter w",
    );
  });
});

describe("clipFactor", () => {
  const number = (scalar: tf.Scalar): number => scalar.dataSync()[0]!;

  it("scales all gradients together down to the largest norm", () => {
    const { factor, norm } = clipFactor({ a: tf.tensor1d([3, 0]), b: tf.tensor2d([[0, -4]]) }, 1);
    expect(number(norm)).toBeCloseTo(5, 6);
    expect(number(factor)).toBeCloseTo(0.2, 6);
  });

  it("is exactly 1 for smaller gradients, zero among them", () => {
    expect(number(clipFactor({ a: tf.tensor1d([3, -4]) }, 5).factor)).toBe(1);
    const zero = clipFactor({ a: tf.zeros([2]) }, 10);
    expect(number(zero.factor)).toBe(1);
    expect(number(zero.norm)).toBe(0);
  });
});

describe("warmupCosine", () => {
  const schedule = { peak: 1e-3, floor: 1e-4, warmupSteps: 200, totalSteps: 1000 };

  it("rises linearly, falls along a cosine, and stays at the floor", () => {
    const at = (t: number): number => warmupCosine(t, schedule);
    expect(at(1)).toBeCloseTo(5e-6, 12);
    expect(at(100)).toBeCloseTo(5e-4, 12);
    expect(at(200)).toBeCloseTo(1e-3, 12);
    expect(at(600)).toBeCloseTo(5.5e-4, 12);
    expect(at(1000)).toBeCloseTo(1e-4, 12);
    expect(at(5000)).toBe(1e-4);
  });

  it("starts at the peak without a warm-up", () => {
    expect(warmupCosine(1, { ...schedule, warmupSteps: 0 })).toBeCloseTo(1e-3, 7);
  });
});

describe("annealedProbability", () => {
  it("changes the log-odds linearly, and keeps the last value", () => {
    const at = (t: number): number => annealedProbability(t, { from: 0.9, to: 0.01, steps: 100 });
    const logOdds = (p: number): number => Math.log(p / (1 - p));
    expect(at(1)).toBeCloseTo(0.9, 1);
    expect(logOdds(at(50))).toBeCloseTo((logOdds(0.9) + logOdds(0.01)) / 2, 10);
    expect(at(100)).toBe(0.01);
    expect(at(5000)).toBe(0.01);
  });
});
