/**
 * Bounds on the log-probability of images under a model: for each image the evidence lower bound with its parts and the
 * importance-weighted bound on log p(x), from trajectories with sampled latents. Canvases, patches and glimpses are not
 * read.
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
import { EncodedImages, type InferenceSessions, type TrajectoryNoise, type TrajectoryRunner } from "./recurrence.js";

/** Numbers of the random streams that evaluation draws from. */
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
  /** Number K of trajectories per image, 1 by default. The first trajectory is the same for every K. */
  readonly samples?: number | undefined;
  /** Seed of the draws, 0 by default. The draws of an image depend on (seed, number of the image, sample) only. */
  readonly seed?: number | undefined;
  /** Number of the first image, 0 by default. With it, a part of a set gets the same draws as in the whole set. */
  readonly firstImage?: number | undefined;
  /** Images that go through the graphs together, 250 by default. It affects memory and speed only. */
  readonly batchSize?: number | undefined;
  /** Called after each trajectory of each batch with the number of trajectories so far; there are `images · samples`. */
  readonly onProgress?: ((trajectories: number) => void) | undefined;
  /** Aborts the call, which then rejects with the signal's reason; checked before each trajectory. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Bounds on log p(x) of one image, nats. The evidence lower bound and its parts come from the first trajectory: they are
 * unbiased estimates.
 */
export interface ImageEvidence extends ElboParts {
  /** q(n | x), n = 0..T, of the first trajectory, `[T + 1]`. */
  readonly countProbabilities: readonly number[];
  /**
   * Importance-weighted bound log 1/K Σ_k w_k, see `logImportanceWeight`. Its expectation is below log p(x) and rises
   * towards it with K.
   */
  readonly importanceWeighted: number;
  /**
   * Effective number of the K weights, from 1 to K, see `effectiveSampleSize`. If it is far below K, more samples would
   * still raise the bound.
   */
  readonly effectiveSamples: number;
  /**
   * The number that implementations of AIR have reported as log p(x): log 1/K Σ_k exp(ELBO_k), where ELBO_k =
   * log p(x|c_n) − Σ_{t≤n} KL_t − Σ_{t≤n+1} KL_presence,t with a drawn count n and analytic KL divergences. It is not a
   * bound and can exceed log p(x).
   */
  readonly analyticKlFormula: number;
}

/**
 * Estimates the bounds on log p(x) of every image.
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

/** Terms of both bounds from one trajectory for one image. */
interface TrajectoryTerms extends CountTerms, WeightTerms {
  readonly countProbabilities: readonly number[];
  readonly presence: readonly number[];
}

/** @param i index of the image in the batch */
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

/** log p(x|c_n) − Σ_{t≤n} KL_t − Σ_{t≤n+1} KL_presence,t for a single count n, where the ELBO sums over all counts. */
function analyticKlElbo(terms: TrajectoryTerms, count: number, presencePrior: number): number {
  const { logLikelihoods, klWhere, klWhat, presence } = terms;
  let elbo = logLikelihoods[count]!;
  for (let t = 0; t < count; t++) elbo -= klWhere[t]! + klWhat[t]!;
  for (let t = 0; t < Math.min(count + 1, presence.length); t++) elbo -= presenceKl(presence[t]!, presencePrior);
  return elbo;
}

/** Values of one step with sampled latents for each image of a batch, `[B]` each. */
interface SampledStep {
  readonly presence: Float64Array;
  readonly klWhere: Float32Array;
  readonly klWhat: Float32Array;
  readonly logLikelihood: Float32Array;
  /** log p(z) − log q(z) for the latents z = (z_where, z_what) that the step drew. */
  readonly logRatio: Float64Array;
}

async function sampleSteps(
  trajectory: TrajectoryRunner,
  config: AirConfig,
  noise: TrajectoryNoise,
): Promise<SampledStep[]> {
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

/**
 * Draws the noise of sample number `sample` for `size` images, the first of which has the number `firstImage`. The noise
 * of an image depends on the seed, its number and the sample only.
 */
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

/** Draws a count from q by inverting its cumulative distribution at `uniform`, a number in [0, 1). */
function drawCount(q: readonly number[], uniform: number): number {
  let below = 0;
  for (let n = 0; n < q.length - 1; n++) {
    below += q[n]!;
    if (uniform < below) return n;
  }
  return q.length - 1;
}

/** KL divergence of a step's presence, which has probability `p`, from the prior presence, nats. */
function presenceKl(p: number, prior: number): number {
  const term = (share: number, priorShare: number): number => (share > 0 ? share * Math.log(share / priorShare) : 0);
  return term(p, prior) + term(1 - p, 1 - prior);
}
