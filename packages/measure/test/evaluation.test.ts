import { elboParts, logCountPrior } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { EvaluationTally, type ImageMeasures, MeanTally } from "../src/evaluation.js";

const PRESENCE = 0.01;

/** An image of a model with at most two steps, with counts as probable as given. */
function image(countProbabilities: number[], presence = PRESENCE): ImageMeasures {
  const parts = elboParts({
    countProbabilities,
    logCountPrior: logCountPrior(presence, 2),
    logLikelihoods: [-30, -20, -10],
    klWhere: [2, 3],
    klWhat: [4, 5],
  });
  return { ...parts, countProbabilities };
}

function evaluate(
  images: readonly (readonly [truth: number | undefined, q: number[]])[],
  presence = PRESENCE,
  maxObjects = 2,
) {
  const tally = new EvaluationTally(presence, 2, maxObjects);
  for (const [truth, q] of images) tally.add(truth, image(q, presence));
  return tally.result();
}

const images = [
  [0, [0.9, 0.1, 0]],
  [1, [0.3, 0.6, 0.1]],
  [1, [0.2, 0.2, 0.6]],
  [0, [1, 0, 0]],
] as const satisfies [number, number[]][];

describe("an evaluation", () => {
  it("has a confusion matrix, and accuracies by true count", () => {
    const evaluation = evaluate(images);
    expect(evaluation.images).toBe(4);
    expect(evaluation.confusion).toEqual([
      [2, 0, 0],
      [0, 1, 1],
      [0, 0, 0],
    ]);
    expect(evaluation.countAccuracyMap).toBe(0.75);
    expect(evaluation.countAccuracySampled).toBeCloseTo((0.9 + 0.6 + 0.2 + 1) / 4, 12);
    expect(evaluation.countAccuracyMapByCount).toEqual([1, 0.5, null]);
    expect(evaluation.countAccuracySampledByCount![1]).toBeCloseTo(0.4, 12);
    expect(evaluation.countAccuracySampledByCount![2]).toBeNull();
  });

  it("measures counts on the images whose true count is known, and the bound on all", () => {
    const evaluation = evaluate([...images, [undefined, [0, 0, 1]], [undefined, [0, 1, 0]]]);
    expect(evaluation).toMatchObject({ images: 6, countedImages: 4, countAccuracyMap: 0.75, foundCounts: [2, 2, 2] });
    expect(evaluation.confusion).toEqual(evaluate(images).confusion);
  });

  it("has no measure of counts if no true count is known", () => {
    const evaluation = evaluate(images.map(([, q]) => [undefined, q]));
    expect(evaluation).toMatchObject({ images: 4, foundCounts: [2, 1, 1] });
    expect(Object.keys(evaluation).filter((key) => /^(count|over|under|confusion)/.test(key))).toEqual([]);
    for (const value of Object.values(evaluation)) if (typeof value === "number") expect(value).not.toBeNaN();
  });

  it("cannot be right about more objects than the model has steps", () => {
    const evaluation = evaluate([[3, [0, 0, 1]]], PRESENCE, 3);
    expect(evaluation).toMatchObject({ countAccuracyMap: 0, countAccuracySampled: 0 });
    expect(evaluation.confusion![3]).toEqual([0, 0, 1]);
  });

  it("has the mean absolute error of the most probable count, and the shares of images with too high and too low ones", () => {
    const far = evaluate(
      [
        [0, [0, 0, 1]],
        [3, [0.4, 0.6, 0]],
        [1, [0, 1, 0]],
        [1, [0.9, 0.1, 0]],
      ],
      PRESENCE,
      3,
    );
    expect(far.countMeanAbsoluteError).toBe((2 + 2 + 0 + 1) / 4);
    expect(evaluate(images).countMeanAbsoluteError).toBe(0.25);
    expect(far).toMatchObject({ overcounted: 0.25, undercounted: 0.5 });
    expect(evaluate(images)).toMatchObject({ overcounted: 0.25, undercounted: 0 });
  });

  it("has a bound that is the sum of its parts, and a standard error", () => {
    const evaluation = evaluate(images);
    const { elbo, logLikelihood, klWhere, klWhat, klCount } = evaluation;
    expect(elbo).toBeCloseTo(logLikelihood - klWhere - klWhat - klCount, 10);
    const bounds = images.map(([, q]) => image(q).elbo);
    const mean = bounds.reduce((a, b) => a + b) / 4;
    const variance = bounds.reduce((sum, bound) => sum + (bound - mean) ** 2, 0) / 3;
    expect(elbo).toBeCloseTo(mean, 10);
    expect(evaluation.elboStandardError).toBeCloseTo(Math.sqrt(variance / 4), 10);
  });

  it("has the bound under the fitted presence prior", () => {
    const { presence, elbo } = evaluate(images).presencePriorFitted;
    expect(evaluate(images, presence).elbo).toBeCloseTo(elbo, 10);
    for (const other of [PRESENCE, 0.9 * presence, 1.1 * presence]) {
      expect(evaluate(images, other).elbo).toBeLessThan(elbo);
    }
  });

  it("has a finite fitted bound where nothing is ever found", () => {
    const { presence, elbo } = evaluate([[0, [1, 0, 0]]]).presencePriorFitted;
    expect(presence).toBe(0);
    expect(elbo).toBeCloseTo(-30, 10);
  });
});

it("a mean of large, nearly equal values keeps its standard error", () => {
  const tally = new MeanTally();
  for (const value of [1e9 + 1, 1e9 + 2, 1e9 + 3]) tally.add(value);
  expect(tally.mean).toBe(1e9 + 2);
  expect(tally.standardError).toBeCloseTo(Math.sqrt(1 / 3), 9);
});
