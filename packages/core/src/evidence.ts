/**
 * What a model says about the probability of images: the evidence lower bound by its parts and the importance-weighted
 * bound on log p(x), image by image, from trajectories with sampled latents. It reads no canvas, patch or glimpse.
 */
import type { AirConfig } from "./config.js";
import { countProbabilities, logCountPrior, sigmoid } from "./count.js";
import { type CountTerms, type ElboParts, elboParts } from "./elbo.js";
import {
  effectiveSampleSize,
  logImportanceWeight,
  logMeanExp,
  normalLogRatios,
  type WeightTerms,
} from "./importance-weights.js";
import { requireInteger } from "./integer-option.js";
import { RandomStream } from "./random.js";
import { EncodedImages, type InferenceSessions, type Trajectory } from "./recurrence.js";

/** Streams of a seed that evaluation draws from. */
const NOISE = 0x6576616c;
const COUNT = 0x6576636e;

const OUTPUTS = [
  "z_where_mean",
  "z_where_std",
  "z_what_mean",
  "z_what_std",
  "presence_logit",
  "kl_where",
  "kl_what",
  "log_likelihood",
] as const;

/** Options of `evidence`. */
export interface EvidenceOptions {
  /** Trajectories K of each image, 1 by default. The first is the same whatever K is. */
  readonly samples?: number | undefined;
  /** 0 by default. What is drawn for an image depends on (seed, number of the image, sample) only. */
  readonly seed?: number | undefined;
  /** Number of the first image, 0 by default: parts of a set draw what the whole would. */
  readonly firstImage?: number | undefined;
  /** Images that go through the graphs together, 250 by default. It decides memory and speed alone. */
  readonly batchSize?: number | undefined;
  /** Called after each trajectory of each batch with the trajectories so far, of `images · samples`. */
  readonly onProgress?: ((trajectories: number) => void) | undefined;
  /** Checked before each trajectory; the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Of one image, nats. The bound and its parts are of the first trajectory: an unbiased estimate of the bound. */
export interface ImageEvidence extends ElboParts {
  /** q(n | x), n = 0..T, of the first trajectory, `[T + 1]`. */
  readonly countProbabilities: readonly number[];
  /** log 1/K Σ_k w_k, see `logImportanceWeight`: its expectation is below log p(x), and rises to it with K. */
  readonly importanceWeighted: number;
  /** Of the K weights, see `effectiveSampleSize`: far below K, the bound is still far from what more would give. */
  readonly effectiveSamples: number;
  /**
   * log 1/K Σ_k exp(ELBO_k) with ELBO_k = log p(x|c_n) − Σ_{t≤n} KL_t − Σ_{t≤n+1} KL_presence,t for a drawn count n and
   * analytic KLs: what implementations of AIR have reported as log p(x). It is no bound, and can exceed log p(x).
   */
  readonly analyticKlFormula: number;
}

/**
 * Measures every image.
 *
 * @param images `[B, C, S, S]`, intensities in [0, 1]
 * @throws {RangeError} for a length that is not a whole number of images, or an invalid option
 * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape
 */
export async function estimateEvidence(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  { samples = 1, seed = 0, firstImage = 0, batchSize = 250, onProgress, signal }: EvidenceOptions = {},
): Promise<ImageEvidence[]> {
  const imageLength = config.channels * config.imageSize ** 2;
  if (images.length === 0 || images.length % imageLength !== 0) {
    throw new RangeError(`A batch of images has a positive multiple of ${imageLength} values, got ${images.length}`);
  }
  requireInteger("samples", samples, 1);
  requireInteger("firstImage", firstImage, 0);
  requireInteger("batchSize", batchSize, 1);
  const measured: ImageEvidence[] = [];
  for (let start = 0; start * imageLength < images.length; start += batchSize) {
    const batch = images.subarray(start * imageLength, (start + batchSize) * imageLength);
    const size = batch.length / imageLength;
    const place = { seed, firstImage: firstImage + start };
    signal?.throwIfAborted();
    const encoded = await EncodedImages.encode(sessions, config, batch, place.firstImage);
    const trajectories: SampledStep[][] = [];
    try {
      for (let sample = 0; sample < samples; sample++) {
        signal?.throwIfAborted();
        trajectories.push(
          await sampleSteps(encoded.start(), config, trajectoryNoise(config, size, { ...place, sample })),
        );
        onProgress?.(start * samples + trajectories.length * size);
      }
    } finally {
      encoded.dispose();
    }
    for (let i = 0; i < size; i++) {
      const terms = trajectories.map((steps) => termsOf(steps, i, encoded.emptyLogLikelihood[i]!, config));
      const [first] = terms;
      const logWeights = terms.map(logImportanceWeight);
      measured.push({
        ...elboParts(first!),
        countProbabilities: first!.countProbabilities,
        importanceWeighted: logMeanExp(logWeights),
        effectiveSamples: effectiveSampleSize(logWeights),
        analyticKlFormula: logMeanExp(
          terms.map((each, sample) => {
            const uniform = new RandomStream(seed, COUNT, place.firstImage + i, sample).uniform();
            return analyticKlElbo(each, drawCount(each.countProbabilities, uniform), config.prior.presence);
          }),
        ),
      });
    }
  }
  return measured;
}

/** What one trajectory says about one image, step by step. */
interface TrajectoryTerms extends CountTerms, WeightTerms {
  readonly countProbabilities: readonly number[];
  readonly presence: readonly number[];
}

/** @param i of the image in the batch */
function termsOf(
  steps: readonly SampledStep[],
  i: number,
  emptyLogLikelihood: number,
  { prior, maxSteps }: AirConfig,
): TrajectoryTerms {
  const presence = steps.map((step) => step.presence[i]!);
  return {
    presence,
    countProbabilities: countProbabilities(presence),
    logCountPrior: logCountPrior(prior.presence, maxSteps),
    logLikelihoods: [emptyLogLikelihood, ...steps.map((step) => step.logLikelihood[i]!)],
    klWhere: steps.map(({ klWhere }) => klWhere[i]!),
    klWhat: steps.map(({ klWhat }) => klWhat[i]!),
    logRatios: steps.map(({ logRatio }) => logRatio[i]!),
  };
}

/** log p(x|c_n) − Σ_{t≤n} KL_t − Σ_{t≤n+1} KL_presence,t: the one count n instead of the sum over all. */
function analyticKlElbo(terms: TrajectoryTerms, count: number, presencePrior: number): number {
  const { logLikelihoods, klWhere, klWhat, presence } = terms;
  let elbo = logLikelihoods[count]!;
  for (let t = 0; t < count; t++) elbo -= klWhere[t]! + klWhat[t]!;
  for (let t = 0; t < Math.min(count + 1, presence.length); t++) elbo -= presenceKl(presence[t]!, presencePrior);
  return elbo;
}

/** What one step says about each image of a batch, `[B]` each. */
interface SampledStep {
  readonly presence: Float64Array;
  readonly klWhere: Float32Array;
  readonly klWhat: Float32Array;
  readonly logLikelihood: Float32Array;
  /** log p(z_where, z_what) − log q of what the step drew. */
  readonly logRatio: Float64Array;
}

async function sampleSteps(trajectory: Trajectory, config: AirConfig, noise: TrajectoryNoise): Promise<SampledStep[]> {
  const { maxSteps, prior } = config;
  const wherePrior = { mean: prior.whereMean, std: prior.whereStd };
  const whatPrior = { mean: new Float32Array(config.zWhatSize), std: new Float32Array(config.zWhatSize).fill(1) };
  const steps: SampledStep[] = [];
  try {
    for (let t = 0; t < maxSteps; t++) {
      const eps = {
        where: noise.where.subarray((t * noise.where.length) / maxSteps, ((t + 1) * noise.where.length) / maxSteps),
        what: noise.what.subarray((t * noise.what.length) / maxSteps, ((t + 1) * noise.what.length) / maxSteps),
      };
      const values = await (await trajectory.step(OUTPUTS, eps)).readAll(OUTPUTS);
      const where = { mean: values.z_where_mean, std: values.z_where_std, eps: eps.where };
      const what = { mean: values.z_what_mean, std: values.z_what_std, eps: eps.what };
      const whatRatios = normalLogRatios(what, whatPrior);
      steps.push({
        presence: Float64Array.from(values.presence_logit, sigmoid),
        klWhere: values.kl_where,
        klWhat: values.kl_what,
        logLikelihood: values.log_likelihood,
        logRatio: normalLogRatios(where, wherePrior).map((ratio, i) => ratio + whatRatios[i]!),
      });
    }
  } finally {
    trajectory.dispose();
  }
  return steps;
}

/** Standard normal noise of all steps over a batch. */
export interface TrajectoryNoise {
  /** `[T, B, 3]` */
  readonly where: Float32Array;
  /** `[T, B, Z]` */
  readonly what: Float32Array;
}

/** The noise of sample `sample` of the `size` images from number `firstImage` on; each image's is its own. */
export function trajectoryNoise(
  { maxSteps, zWhatSize }: Pick<AirConfig, "maxSteps" | "zWhatSize">,
  size: number,
  { seed, firstImage, sample }: { readonly seed: number; readonly firstImage: number; readonly sample: number },
): TrajectoryNoise {
  const where = new Float32Array(maxSteps * size * 3);
  const what = new Float32Array(maxSteps * size * zWhatSize);
  for (let i = 0; i < size; i++) {
    const stream = new RandomStream(seed, NOISE, firstImage + i, sample);
    for (let t = 0; t < maxSteps; t++) {
      const row = t * size + i;
      stream.fillNormal(where.subarray(row * 3, (row + 1) * 3));
      stream.fillNormal(what.subarray(row * zWhatSize, (row + 1) * zWhatSize));
    }
  }
  return { where, what };
}

/** The count whose part of [0, 1), split as q(0), q(1), …, holds `uniform`. */
function drawCount(q: readonly number[], uniform: number): number {
  let below = 0;
  for (let n = 0; n < q.length - 1; n++) {
    below += q[n]!;
    if (uniform < below) return n;
  }
  return q.length - 1;
}

/** KL of a step's presence, of probability `p`, from the prior's, nats. */
function presenceKl(p: number, prior: number): number {
  const term = (share: number, priorShare: number): number => (share > 0 ? share * Math.log(share / priorShare) : 0);
  return term(p, prior) + term(1 - p, 1 - prior);
}
