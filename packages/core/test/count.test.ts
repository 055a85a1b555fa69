import { describe, expect, it } from "vitest";
import { countProbabilities, logCountPrior, mapCount } from "../src/count.js";

describe("countProbabilities", () => {
  it("is the distribution of the number of steps before the first absent one", () => {
    const q = countProbabilities([0.9, 0.5, 0.2]);
    [0.1, 0.9 * 0.5, 0.9 * 0.5 * 0.8, 0.9 * 0.5 * 0.2].forEach((p, n) => {
      expect(q[n]).toBeCloseTo(p, 15);
    });
    expect(q.reduce((a, b) => a + b)).toBeCloseTo(1, 15);
  });

  it.each([
    [[], [1]],
    [
      [0, 1, 1],
      [1, 0, 0, 0],
    ],
    [
      [1, 1, 0],
      [0, 0, 1, 0],
    ],
    [
      [1, 1, 1],
      [0, 0, 0, 1],
    ],
  ])("of certain steps %j is %j", (presence, expected) => {
    expect(countProbabilities(presence)).toEqual(expected);
  });
});

describe("logCountPrior", () => {
  it("sums to one, with the probability of all counts beyond T on T", () => {
    const prior = logCountPrior(0.01, 3);
    expect(prior.map(Math.exp).reduce((a, b) => a + b)).toBeCloseTo(1, 15);
    expect(prior[3]).toBeCloseTo(3 * Math.log(0.01), 12);
    expect(prior[1]).toBeCloseTo(Math.log(0.01) + Math.log(0.99), 12);
  });
});

describe("mapCount", () => {
  it("takes the most probable count, the smallest of equals", () => {
    expect(mapCount([0.2, 0.5, 0.3])).toBe(1);
    expect(mapCount([0.4, 0.2, 0.4])).toBe(0);
    expect(mapCount([1])).toBe(0);
  });
});
