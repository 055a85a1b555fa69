/**
 * Tests the bounds on a model whose log p(x) is known: object t is a normally distributed value in pixel t, observed with
 * normal noise.
 */
import { describe, expect, it } from "vitest";
import { logCountPrior } from "../src/count.js";
import { GraphOutputError } from "../src/errors.js";
import { type EvidenceOptions, estimateEvidence, type ImageEvidence } from "../src/evidence.js";
import { logSumExp } from "../src/importance-weights.js";
import { ToySession, toyBatch, toyConfig, toyImage } from "./toy-model.js";

const NOISE = 0.5;
const STEPS = toyConfig.maxSteps;
const { whereMean, whereStd } = toyConfig.prior;

const logNormal = (x: number, variance: number): number =>
  -0.5 * (x ** 2 / variance + Math.log(2 * Math.PI * variance));

/** log p(x | n) with the latents integrated out. */
function logMarginal(image: ArrayLike<number>, count: number): number {
  return Array.from(image).reduce((sum, x, pixel) => sum + logNormal(x, NOISE ** 2 + (pixel < count ? 1 : 0)), 0);
}

const logPrior = logCountPrior(toyConfig.prior.presence, STEPS);
const logJoint = (image: ArrayLike<number>): number[] => logPrior.map((prior, n) => prior + logMarginal(image, n));

const logEvidence = (image: ArrayLike<number>): number => logSumExp(logJoint(image));

/** Log-odds of presence at each step under the exact posterior of n. */
function exactLogits(image: ArrayLike<number>): number[] {
  const joint = logJoint(image);
  return Array.from({ length: STEPS }, (_, t) => logSumExp(joint.slice(t + 1)) - joint[t]!);
}

/** Errors of a rough posterior: shift and stretch of z_what's exact posterior, and an offset to the log-odds of presence. */
interface Error {
  readonly shift: number;
  readonly stretch: number;
  readonly logit: number;
}

const exact: Error = { shift: 0, stretch: 1, logit: 0 };
const rough: Error = { shift: 0.4, stretch: 1.4, logit: -1 };

function sessions({ shift, stretch, logit }: Error) {
  const likelihood = (image: readonly number[], canvas: readonly number[]): number =>
    image.reduce((sum, x, pixel) => sum + logNormal(x - canvas[pixel]!, NOISE ** 2), 0);
  const encoder = new ToySession("encoder", ({ image }) => ({
    image_gates: new Array<number>(8).fill(0),
    log_likelihood: [likelihood(image!, new Array(16).fill(0))],
  }));
  const step = new ToySession("step", ({ image, hidden, canvas, eps_where, eps_what }) => {
    const t = hidden![0]!;
    const variance = NOISE ** 2 / (1 + NOISE ** 2);
    const mean = [image![t]! / (1 + NOISE ** 2) + shift, 0];
    const std = [stretch * Math.sqrt(variance), 1];
    const what = mean.map((m, d) => m + std[d]! * eps_what![d]!);
    const next = canvas!.map((v, pixel) => (pixel === t ? v + what[0]! : v));
    return {
      next_hidden: [t + 1, 0],
      next_cell: [0, 0],
      next_z_where: whereMean.map((m, d) => m + whereStd[d]! * eps_where![d]!),
      next_z_what: what,
      next_canvas: next,
      presence_logit: [exactLogits(image!)[t]! + logit],
      z_where_mean: [...whereMean],
      z_where_std: [...whereStd],
      z_what_mean: mean,
      z_what_std: std,
      kl_where: [0],
      kl_what: [0.5 * (mean[0]! ** 2 + std[0]! ** 2 - 1) - Math.log(std[0]!)],
      log_likelihood: [likelihood(image!, next)],
    };
  });
  return { encoder, step };
}

const measure = (images: Float32Array, error: Error, options?: EvidenceOptions): Promise<ImageEvidence[]> =>
  estimateEvidence(sessions(error), toyConfig, images, options);

const pictures = [toyImage(0.8), toyImage(0.9, 1), toyImage(0.1, 0.7, 0.95), toyImage(0)];
/** An image with two certain objects and a possible third. */
const one = toyImage(3, -2.5, 0.4);
const many = (n: number): Float32Array => toyBatch(new Array<Float32Array>(n).fill(one));

function meanOf(values: readonly number[]): { mean: number; standardError: number } {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1);
  return { mean, standardError: Math.sqrt(variance / values.length) };
}

describe("the importance-weighted bound", () => {
  it.each([1, 7])("is log p(x) under the exact posterior, with %d draws", async (samples) => {
    const evidence = await measure(toyBatch(pictures), exact, { samples });
    evidence.forEach(({ importanceWeighted, effectiveSamples }, i) => {
      expect(importanceWeighted).toBeCloseTo(logEvidence(pictures[i]!), 4);
      expect(effectiveSamples).toBeCloseTo(samples, 3);
    });
  });

  it("has weights with the mean p(x) under a rough posterior", async () => {
    const evidence = await measure(many(4000), rough);
    const ratio = meanOf(evidence.map(({ importanceWeighted }) => Math.exp(importanceWeighted - logEvidence(one))));
    expect(Math.abs(ratio.mean - 1)).toBeLessThan(4 * ratio.standardError);
    expect(ratio.standardError).toBeLessThan(0.05);
  });

  it("lies above the ELBO and rises with the draws towards log p(x)", async () => {
    const truth = logEvidence(one);
    const bounds: number[] = [];
    for (const samples of [1, 4, 32]) {
      const evidence = await measure(many(400), rough, { samples });
      if (samples === 1) bounds.push(meanOf(evidence.map(({ elbo }) => elbo)).mean);
      bounds.push(meanOf(evidence.map(({ importanceWeighted }) => importanceWeighted)).mean);
    }
    const [elbo, one_, four, thirtyTwo] = bounds as [number, number, number, number];
    expect(elbo).toBeLessThan(one_ - 0.05);
    expect(one_).toBeLessThan(four - 0.05);
    expect(four).toBeLessThan(thirtyTwo);
    expect(thirtyTwo).toBeLessThan(truth + 0.01);
    expect(thirtyTwo).toBeGreaterThan(truth - 0.1);
  });
});

describe("the ELBO", () => {
  it("is log p(x) on average under the exact posterior, and less under a rough one", async () => {
    const truth = logEvidence(one);
    const { mean, standardError } = meanOf((await measure(many(2000), exact)).map(({ elbo }) => elbo));
    expect(Math.abs(mean - truth)).toBeLessThan(4 * standardError);
    const under = meanOf((await measure(many(2000), rough)).map(({ elbo }) => elbo));
    expect(under.mean).toBeLessThan(truth - 0.3);
  });

  it("is the sum of its parts", async () => {
    for (const parts of await measure(toyBatch(pictures), rough)) {
      const { elbo, logLikelihood, klWhere, klWhat, klCount, countProbabilities } = parts;
      expect(elbo).toBeCloseTo(logLikelihood - klWhere - klWhat - klCount, 10);
      expect(countProbabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(countProbabilities).toHaveLength(STEPS + 1);
    }
  });
});

it("the formula with analytic KLs exceeds log p(x)", async () => {
  const formula = meanOf((await measure(many(300), exact, { samples: 32 })).map((each) => each.analyticKlFormula));
  expect(formula.mean).toBeGreaterThan(logEvidence(one) + 0.1);
});

describe("the draws", () => {
  it("of an image are the same in any batch, in part of the set, and however many follow", async () => {
    const images = toyBatch([...pictures, ...pictures]);
    const whole = await measure(images, rough, { samples: 3, seed: 5 });
    expect(await measure(images, rough, { samples: 3, seed: 5, batchSize: 3 })).toEqual(whole);
    const part = await measure(images.subarray(16 * 2), rough, { samples: 3, seed: 5, firstImage: 2 });
    expect(part).toEqual(whole.slice(2));
    const [single] = await measure(images, rough, { seed: 5 });
    expect(single!.elbo).toBe(whole[0]!.elbo);
    expect(whole[4]!.elbo).not.toBe(whole[0]!.elbo);
    expect((await measure(images, rough, { samples: 3, seed: 6 }))[0]!.elbo).not.toBe(whole[0]!.elbo);
  });

  it("encode each image once, and read no picture", async () => {
    const both = sessions(rough);
    const progress: number[] = [];
    await estimateEvidence(both, toyConfig, toyBatch(pictures), {
      samples: 3,
      batchSize: 2,
      onProgress: (done) => progress.push(done),
    });
    expect(both.encoder.runs).toHaveLength(2);
    expect(both.step.runs).toHaveLength(2 * 3 * STEPS);
    for (const { outputs } of both.step.runs) expect(outputs).not.toEqual(expect.arrayContaining(["patch"]));
    expect(progress).toEqual([2, 4, 6, 8, 10, 12]);
  });
});

describe("bad input", () => {
  it.each<[string, Float32Array, EvidenceOptions, RegExp]>([
    ["no draws", one, { samples: 0 }, /samples must be an integer of at least 1, got 0/],
    ["half a draw", one, { samples: 0.5 }, /samples/],
    ["part of an image", new Float32Array(17), {}, /multiple of 16 values, got 17/],
    ["no image", new Float32Array(0), {}, /got 0/],
    ["an image before the first", one, { firstImage: -1 }, /firstImage/],
  ])("%s is refused", async (_, images, options, message) => {
    await expect(measure(images, exact, options)).rejects.toThrow(RangeError);
    await expect(measure(images, exact, options)).rejects.toThrow(message);
  });

  it("a posterior that is not finite is named with its image", async () => {
    const broken = measure(toyBatch(pictures), { ...exact, stretch: Number.NaN }, { firstImage: 20 });
    await expect(broken).rejects.toThrow(GraphOutputError);
    await expect(broken).rejects.toThrow(/z_what.* for image 20 at step 1/);
  });

  it("a signal stops it with its reason", async () => {
    const controller = new AbortController();
    const stopped = measure(many(4), rough, {
      samples: 1000,
      signal: controller.signal,
      onProgress: (done) => done >= 8 && controller.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
  });
});
