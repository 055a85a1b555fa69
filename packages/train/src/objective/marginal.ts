/**
 * The marginal estimator: it sums over the number of objects n exactly, and samples z_where and z_what alone.
 *
 * Presence is a run of ones followed by zeros, so n determines it, and every step is conditional on all steps before it
 * being present. The first n steps of one trajectory with presence 1 throughout are therefore a draw given n objects,
 * for every n:
 *
 *   ELBO = Σ_n q(n|x) [ log p(x|c_n) - Σ_{t≤n} (KL_where,t + KL_what,t) + log p(n) - log q(n|x) ]
 *
 * where c_n is the canvas after n steps. Unlike the paper's estimator (`nvil`), it needs neither a score-function
 * gradient nor a baseline to reduce its variance.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { inferTrajectory, type TrajectoryTensors } from "../model/air.js";
import { logSigmoid } from "../model/distributions.js";
import type { ParameterTensors } from "../model/parameters.js";
import { countPriorSchedule, type Estimator, type Loss, type Noise, noiseTensor } from "./estimator.js";

/** The estimator that sums over the number of objects exactly. Its loss is minus the ELBO. */
export const marginal: Estimator = {
  name: "marginal",
  composes: false,
  schedules: countPriorSchedule,

  parameters: () => ({}),

  noise: (config, batch) => ({
    epsWhere: { distribution: "normal", shape: [config.maxSteps, batch, 3] },
    epsWhat: { distribution: "normal", shape: [config.maxSteps, batch, config.zWhatSize] },
  }),

  loss(p, config, image, noise, schedules): Loss {
    const terms = elboTerms(trajectoryOf(p, config, image, noise), schedules.logCountPrior);
    const elbo = tf.mean(terms.elbo) as tf.Scalar;
    return { loss: tf.neg(elbo), elbo, metrics: expectedParts(terms) };
  },
};

/** Means over the batch of the parts of the bound under q(n|x), for the log. */
export function expectedParts(
  terms: ElboTerms,
): Record<"logLikelihood" | "klWhere" | "klWhat" | "klCount" | "count", tf.Scalar> {
  const expected = (perCount: tf.Tensor): tf.Scalar =>
    tf.mean(tf.sum(tf.mul(terms.countProbability, perCount), 0)) as tf.Scalar;
  const counts = terms.countProbability.shape[0]!;
  return {
    logLikelihood: expected(terms.logLikelihood),
    klWhere: expected(terms.klWhere),
    klWhat: expected(terms.klWhat),
    klCount: expected(tf.sub(terms.logCount, terms.logCountPrior)),
    count: expected(tf.tensor2d([...new Array(counts).keys()], [counts, 1])),
  };
}

/** The bound and its parts along one trajectory, for each image of a batch. */
export interface SceneEvaluation {
  /** Evidence lower bound, [B], nats. */
  readonly elbo: tf.Tensor;
  /** log q(n|x), n = 0..T, [B, T + 1]. */
  readonly logCount: tf.Tensor;
  /** log p(x | canvas of the first n objects), n = 0..T, [B, T + 1], nats. */
  readonly logLikelihood: tf.Tensor;
  /** KL of each step's q(z_where) from its prior, given that the step's object is present, [B, T], nats. */
  readonly klWhere: tf.Tensor;
  /** KL of each step's q(z_what) from its prior, given that the step's object is present, [B, T], nats. */
  readonly klWhat: tf.Tensor;
  /** Sampled windows, [B, T, 3]. */
  readonly zWhere: tf.Tensor;
  /** Canvas after each step, [B, T, C, S, S]. */
  readonly canvases: tf.Tensor;
}

/**
 * Evaluates the marginal bound and its parts image by image. It can be traced with a symbolic batch.
 *
 * @param p the model's parameters, by name
 * @param image [B, C, S, S]
 * @param noise as in `marginal.noise`; zeros evaluate at the posterior means
 * @param logCountPrior log p(n), n = 0..T, [T + 1]
 * @throws {Error} if a parameter or a noise tensor is missing
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

/**
 * The trajectory that the noise of `marginal.noise` gives.
 *
 * @throws {Error} if a parameter or a noise tensor is missing
 */
export function trajectoryOf(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  noise: Noise,
): TrajectoryTensors {
  return inferTrajectory(p, config, image, {
    epsWhere: noiseTensor(noise, "epsWhere"),
    epsWhat: noiseTensor(noise, "epsWhat"),
  });
}

/** The parts of the bound for every count n, [T + 1, B] unless said otherwise. */
export interface ElboTerms {
  /** [B] */
  readonly elbo: tf.Tensor;
  /** log q(n|x) */
  readonly logCount: tf.Tensor;
  /** q(n|x) */
  readonly countProbability: tf.Tensor;
  /** log p(n), [T + 1, 1] */
  readonly logCountPrior: tf.Tensor;
  /** log p(x|c_n) */
  readonly logLikelihood: tf.Tensor;
  /** Sum over the steps t ≤ n. */
  readonly klWhere: tf.Tensor;
  /** Sum over the steps t ≤ n. */
  readonly klWhat: tf.Tensor;
}

/**
 * @param prior log p(n), n = 0..T, [T + 1]
 * @returns the parts of the bound along `trajectory`
 */
export function elboTerms(trajectory: TrajectoryTensors, prior: tf.Tensor): ElboTerms {
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

/**
 * Counts of a lower probability are given probability 0. The others sum to 1, so float32 rounding hides the difference.
 */
const NEGLIGIBLE_PROBABILITY = 1e-15;

/**
 * Probabilities from their logarithms, with negligible ones set to 0. Gradients through a count are proportional to its
 * probability; those of a negligible one would be denormal numbers, which slow many processors down: a whole training
 * step took eight times as long.
 */
function probabilityOf(logProbability: tf.Tensor): tf.Tensor {
  const matters = tf.step(tf.sub(logProbability, Math.log(NEGLIGIBLE_PROBABILITY)));
  return tf.mul(tf.exp(logProbability), matters);
}

/**
 * The posterior of the number of objects: log q(n) for n = 0..T, where q(n) = Π_{t≤n} p_t · (1 - p_{n+1}), p =
 * σ(logits) and p_{T+1} = 0.
 *
 * @param presenceLogit log-odds of presence of each step, [T, B]
 * @param steps T
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

/**
 * A matrix that sums over steps for every count n, when multiplied with [T, B]: 1 where `included(n, t)`, else 0.
 *
 * @param included receives n = 0..T and t = 0..T - 1
 * @returns [T + 1, T]
 */
function stepMatrix(steps: number, included: (n: number, t: number) => boolean): tf.Tensor2D {
  return tf.tensor2d(
    Array.from({ length: steps + 1 }, (_, n) => Array.from({ length: steps }, (_, t) => Number(included(n, t)))),
    [steps + 1, steps],
  );
}
