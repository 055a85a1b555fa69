/**
 * The marginal estimator: the sum over the number of objects n is taken exactly, and only where and what are sampled.
 *
 * Presence is 1…1 0…0, so n says it all, and every step is conditional on those before it being present. One trajectory
 * with presence 1 throughout holds every n as a prefix:
 *
 *   ELBO = Σ_n q(n|x) [ log p(x|c_n) - Σ_{t≤n} (KL_where,t + KL_what,t) + log p(n) - log q(n|x) ]
 *
 * No score-function gradient is needed, and no baseline to tame it.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { inferTrajectory, type Trajectory } from "../model/air.js";
import { logSigmoid } from "../model/distributions.js";
import type { ParameterTensors } from "../model/parameters.js";
import { type Estimator, type Loss, type Noise, noiseTensor } from "./estimator.js";

export const marginal: Estimator = {
  name: "marginal",

  parameters: () => ({}),

  noise: (config, batch) => ({
    epsWhere: { distribution: "normal", shape: [config.maxSteps, batch, 3] },
    epsWhat: { distribution: "normal", shape: [config.maxSteps, batch, config.zWhatSize] },
  }),

  loss(p, config, image, noise, schedules): Loss {
    const terms = elboTerms(trajectoryOf(p, config, image, noise), schedules.logCountPrior);
    const elbo = tf.mean(terms.elbo) as tf.Scalar;
    const expected = (perCount: tf.Tensor): tf.Scalar =>
      tf.mean(tf.sum(tf.mul(terms.countProbability, perCount), 0)) as tf.Scalar;
    const counts = tf.tensor2d([...new Array(config.maxSteps + 1).keys()], [config.maxSteps + 1, 1]);
    return {
      loss: tf.neg(elbo),
      elbo,
      metrics: {
        logLikelihood: expected(terms.logLikelihood),
        klWhere: expected(terms.klWhere),
        klWhat: expected(terms.klWhat),
        klCount: expected(tf.sub(terms.logCount, terms.logCountPrior)),
        count: expected(counts),
      },
    };
  },
};

/** What the model makes of each image of a batch. */
export interface SceneEvaluation {
  /** [B], nats */
  readonly elbo: tf.Tensor;
  /** log q(n|x), n = 0..T, [B, T + 1] */
  readonly logCount: tf.Tensor;
  /** log p(x | canvas of the first n objects), [B, T + 1] */
  readonly logLikelihood: tf.Tensor;
  /** KL of each step's posterior from its prior, given that its object is present, [B, T] */
  readonly klWhere: tf.Tensor;
  /** [B, T] */
  readonly klWhat: tf.Tensor;
  /** The sampled windows, [B, T, 3] */
  readonly zWhere: tf.Tensor;
  /** The canvas after each step, [B, T, C, S, S] */
  readonly canvases: tf.Tensor;
}

/**
 * The bound and its parts image by image. Works under a symbolic batch.
 *
 * @param image [B, C, S, S]
 * @param noise as in `marginal.noise`; zeros evaluate at the posterior means
 * @param logCountPrior log p(n), [T + 1]
 */
export function evaluateScenes(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  noise: Noise,
  logCountPrior: tf.Tensor,
): SceneEvaluation {
  const trajectory = trajectoryOf(p, config, image, noise);
  const { elbo, logCount } = elboTerms(trajectory, logCountPrior);
  return {
    elbo,
    logCount: tf.transpose(logCount),
    logLikelihood: tf.transpose(trajectory.logLikelihood),
    klWhere: tf.transpose(trajectory.klWhere),
    klWhat: tf.transpose(trajectory.klWhat),
    zWhere: tf.stack(
      trajectory.steps.map((step) => step.zWhere.sample),
      1,
    ),
    canvases: tf.stack([...trajectory.canvases], 1),
  };
}

function trajectoryOf(p: ParameterTensors, config: AirConfig, image: tf.Tensor, noise: Noise): Trajectory {
  return inferTrajectory(p, config, image, {
    epsWhere: noiseTensor(noise, "epsWhere"),
    epsWhat: noiseTensor(noise, "epsWhat"),
  });
}

/** The parts of the bound for every count n, [T + 1, B] unless said otherwise. */
interface ElboTerms {
  /** [B] */
  readonly elbo: tf.Tensor;
  readonly logCount: tf.Tensor;
  readonly countProbability: tf.Tensor;
  /** [T + 1, 1] */
  readonly logCountPrior: tf.Tensor;
  readonly logLikelihood: tf.Tensor;
  /** Summed over the steps t ≤ n, as is klWhat. */
  readonly klWhere: tf.Tensor;
  readonly klWhat: tf.Tensor;
}

function elboTerms(trajectory: Trajectory, prior: tf.Tensor): ElboTerms {
  const { presenceLogit, logLikelihood } = trajectory;
  const steps = trajectory.steps.length;
  const present = stepMatrix(steps, (n, t) => t < n);
  const klWhere = tf.matMul(present, trajectory.klWhere);
  const klWhat = tf.matMul(present, trajectory.klWhat);
  const logCount = logCountPosterior(presenceLogit, steps);
  const countProbability = probabilityOf(logCount);
  const logCountPrior = tf.reshape(prior, [steps + 1, 1]);
  // log q(n) is finite for every finite logit, so a q(n) of 0 contributes 0, never 0·∞.
  const perCount = tf.sub(tf.add(logLikelihood, tf.sub(logCountPrior, logCount)), tf.add(klWhere, klWhat));
  return {
    elbo: tf.sum(tf.mul(countProbability, perCount), 0),
    logCount,
    countProbability,
    logCountPrior,
    logLikelihood,
    klWhere,
    klWhat,
  };
}

/** A count with less probability is taken to have none: beside the others, which sum to 1, float32 does not see it. */
const NEGLIGIBLE_PROBABILITY = 1e-15;

/**
 * exp, and 0 where that is negligible. Every slope along a count is a multiple of its probability, so those along one that is
 * all but impossible would be denormal numbers, with which many processors are far slower: here, eight times a whole step.
 */
function probabilityOf(logProbability: tf.Tensor): tf.Tensor {
  const matters = tf.step(tf.sub(logProbability, Math.log(NEGLIGIBLE_PROBABILITY)));
  return tf.mul(tf.exp(logProbability), matters);
}

/**
 * log q(n), n = 0..T, of q(n) = Π_{t≤n} p_t · (1 - p_{n+1}), p = σ(logits), p_{T+1} = 0.
 *
 * @param presenceLogit [T, B]
 * @returns [T + 1, B]
 */
export function logCountPosterior(presenceLogit: tf.Tensor, steps: number): tf.Tensor {
  const logPresent = logSigmoid(presenceLogit);
  const logAbsent = tf.sub(logPresent, presenceLogit);
  return tf.add(
    tf.matMul(
      stepMatrix(steps, (n, t) => t < n),
      logPresent,
    ),
    tf.matMul(
      stepMatrix(steps, (n, t) => t === n),
      logAbsent,
    ),
  );
}

/** [T + 1, T] of ones where `included(n, t)`, t counted from 0, else zeros: sums over steps, for every count, as a product. */
function stepMatrix(steps: number, included: (n: number, t: number) => boolean): tf.Tensor2D {
  return tf.tensor2d(
    Array.from({ length: steps + 1 }, (_, n) => Array.from({ length: steps }, (_, t) => Number(included(n, t)))),
    [steps + 1, steps],
  );
}
