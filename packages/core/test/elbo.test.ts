import { describe, expect, it } from "vitest";
import { countProbabilities, fitPresencePrior, logCountPrior } from "../src/count.js";
import { elboParts } from "../src/elbo.js";

describe("elboParts", () => {
  const terms = {
    countProbabilities: [0.2, 0.3, 0.5],
    logCountPrior: logCountPrior(0.1, 2),
    logLikelihoods: [-10, -4, -3],
    klWhere: [1, 2],
    klWhat: [0.5, 0.25],
  };

  it("weights the term of every count by its probability", () => {
    const parts = elboParts(terms);
    expect(parts.logLikelihood).toBeCloseTo(0.2 * -10 + 0.3 * -4 + 0.5 * -3, 12);
    expect(parts.klWhere).toBeCloseTo(0.3 * 1 + 0.5 * 3, 12);
    expect(parts.klWhat).toBeCloseTo(0.3 * 0.5 + 0.5 * 0.75, 12);
    const prior = [0.9, 0.09, 0.01];
    const klCount = terms.countProbabilities.reduce((sum, q, n) => sum + q * Math.log(q / prior[n]!), 0);
    expect(parts.klCount).toBeCloseTo(klCount, 12);
    expect(parts.elbo).toBeCloseTo(parts.logLikelihood - parts.klWhere - parts.klWhat - parts.klCount, 12);
  });

  it("ignores a count of probability 0, even where the prior excludes that count", () => {
    const parts = elboParts({ ...terms, countProbabilities: [1, 0, 0], logCountPrior: logCountPrior(0, 2) });
    expect(parts).toEqual({ elbo: -10, logLikelihood: -10, klWhere: 0, klWhat: 0, klCount: 0 });
  });
});

describe("fitPresencePrior", () => {
  const logProbability = (q: readonly number[], presence: number): number =>
    q.reduce((sum, share, n) => sum + share * logCountPrior(presence, q.length - 1)[n]!, 0);

  it.each([[[0.3, 0.3, 0.4]], [[0.9, 0.05, 0.03, 0.02]], [[0.1, 0, 0, 0.9]], [countProbabilities([0.37, 0.37, 0.37])]])(
    "makes %j more probable than any other presence does",
    (q) => {
      const fitted = fitPresencePrior(q);
      for (const nearby of [0.99 * fitted, fitted + 0.01 * (1 - fitted)]) {
        expect(logProbability(q, fitted)).toBeGreaterThan(logProbability(q, nearby));
      }
    },
  );

  it("recovers the presence prior from which the counts were made", () => {
    expect(fitPresencePrior(countProbabilities([0.37, 0.37, 0.37]))).toBeCloseTo(0.37, 12);
  });

  it("is 0 where no step finds an object, and 1 where every step does", () => {
    expect(fitPresencePrior([1, 0, 0])).toBe(0);
    expect(fitPresencePrior([0, 0, 1])).toBe(1);
  });
});
