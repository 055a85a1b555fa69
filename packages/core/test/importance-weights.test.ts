import { describe, expect, it } from "vitest";
import {
  effectiveSampleSize,
  logImportanceWeight,
  logMeanExp,
  logSumExp,
  normalLogRatios,
} from "../src/importance-weights.js";

const logNormal = (z: number, mean: number, std: number): number =>
  -0.5 * ((z - mean) / std) ** 2 - Math.log(std) - 0.5 * Math.log(2 * Math.PI);

describe("normalLogRatios", () => {
  it("is the difference of the two log-densities at the draw", () => {
    const prior = { mean: [3, 0], std: [0.2, 1] };
    const mean = [2.9, 0.4, 3.5, -2];
    const std = [0.1, 0.5, 0.3, 2];
    const eps = [0.7, -1.2, 0, 3];
    const ratios = normalLogRatios({ mean, std, eps }, prior);
    expect(ratios).toHaveLength(2);
    ratios.forEach((ratio, row) => {
      let expected = 0;
      for (const d of [0, 1]) {
        const at = 2 * row + d;
        const z = mean[at]! + std[at]! * eps[at]!;
        expected += logNormal(z, prior.mean[d]!, prior.std[d]!) - logNormal(z, mean[at]!, std[at]!);
      }
      expect(ratio).toBeCloseTo(expected, 10);
    });
  });

  it("is 0 for a posterior that is the prior, whatever was drawn", () => {
    const prior = { mean: [1, -2], std: [0.5, 3] };
    expect([...normalLogRatios({ ...prior, eps: [5, -4] }, prior)]).toEqual([0]);
  });
});

describe("logImportanceWeight", () => {
  it("adds up the joint probabilities of all counts", () => {
    const weight = logImportanceWeight({
      logCountPrior: [Math.log(0.7), Math.log(0.2), Math.log(0.1)],
      logLikelihoods: [-2, -1, -0.5],
      logRatios: [-0.3, 0.6],
    });
    const expected = 0.7 * Math.exp(-2) + 0.2 * Math.exp(-1 - 0.3) + 0.1 * Math.exp(-0.5 - 0.3 + 0.6);
    expect(weight).toBeCloseTo(Math.log(expected), 12);
  });
});

describe("sums of exponentials", () => {
  it("neither overflow nor underflow", () => {
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.log(2), 10);
    expect(logMeanExp([-2000, -2000, -2000])).toBeCloseTo(-2000, 10);
    expect(logSumExp([Number.NEGATIVE_INFINITY, 3])).toBe(3);
    expect(logSumExp([])).toBe(Number.NEGATIVE_INFINITY);
  });

  it("give the effective number of weights", () => {
    expect(effectiveSampleSize([-700, -700, -700, -700])).toBeCloseTo(4, 10);
    expect(effectiveSampleSize([0, -800, -900])).toBeCloseTo(1, 10);
    expect(effectiveSampleSize([Math.log(1), Math.log(3)])).toBeCloseTo(16 / 10, 10);
  });
});
