/**
 * The estimator of the paper: it samples presence, and takes the gradient with respect to its distribution by the score
 * function (REINFORCE) with a learned baseline, as in Mnih and Gregor, "Neural Variational Inference and Learning in
 * Belief Networks" (ICML 2014), and Eslami et al. (NIPS 2016).
 *
 * Presence is a run of ones followed by zeros, and steps after the first zero do not count. The trajectory with
 * presence 1 throughout therefore begins with the steps of the sampled one; the steps after them are masked.
 */
import type { AirConfig } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { inferTrajectory, type TrajectoryTensors } from "../model/air.js";
import { logSigmoid } from "../model/distributions.js";
import { mlp } from "../model/layers.js";
import { type LstmState, lstmStep, wholeImageGatesOf } from "../model/lstm.js";
import { baselineShapes, type ParameterTensors } from "../model/parameters.js";
import { stopGradient } from "../model/stop-gradient.js";
import { countPriorSchedule, type Estimator, type Loss, noiseTensor } from "./estimator.js";

/** Prefix of the baseline's parameters. */
const BASELINE = "baseline";

/**
 * The estimator that samples presence, with a learned baseline. Its metrics are those of one draw of presence per
 * image.
 */
export const nvil: Estimator = {
  name: "nvil",
  composes: false,
  schedules: countPriorSchedule,

  parameters: (config) => baselineShapes(config, BASELINE),

  noise: (config, batch) => ({
    epsWhere: { distribution: "normal", shape: [config.maxSteps, batch, 3] },
    epsWhat: { distribution: "normal", shape: [config.maxSteps, batch, config.zWhatSize] },
    uPresence: { distribution: "uniform", shape: [config.maxSteps, batch] },
  }),

  loss(p, config, image, noise, schedules): Loss {
    const trajectory = inferTrajectory(p, config, image, {
      epsWhere: noiseTensor(noise, "epsWhere"),
      epsWhat: noiseTensor(noise, "epsWhat"),
    });
    const terms = sampledTerms(trajectory, noiseTensor(noise, "uPresence"), schedules.logCountPrior);
    const { score, baselineLoss } = scoreTerms(terms, baselineValues(p, config, image, trajectory));
    const elbo = mean(terms.elbo);
    const modelLoss = tf.sub(mean(score), elbo) as tf.Scalar;
    return {
      loss: tf.add(modelLoss, mean(baselineLoss)) as tf.Scalar,
      elbo,
      metrics: {
        logLikelihood: mean(terms.logLikelihood),
        klWhere: mean(tf.sum(terms.klWhere, 0)),
        klWhat: mean(tf.sum(terms.klWhat, 0)),
        klCount: mean(tf.sum(terms.klPresence, 0)),
        count: mean(tf.sum(terms.presence, 0)),
        modelLoss,
        baselineLoss: mean(baselineLoss),
      },
    };
  },
};

/**
 * One draw of all latents, presence included, and the terms of its bound. Tensors are [T, B] and nats unless said
 * otherwise.
 */
export interface SampledTerms {
  /** 1 where the step's object was drawn as present, else 0. */
  readonly presence: tf.Tensor;
  /** 1 where the step is taken: at the first step, and after a step whose object is present; else 0. */
  readonly reached: tf.Tensor;
  /** log q of the presence that was drawn, given the presence of the step before; 0 where the step is not taken. */
  readonly logPresence: tf.Tensor;
  /** KL of the step's q(presence) from its prior; 0 where the step is not taken. */
  readonly klPresence: tf.Tensor;
  /** KL of the step's q(z_where) from its prior; 0 where the object is absent. */
  readonly klWhere: tf.Tensor;
  /** KL of the step's q(z_what) from its prior; 0 where the object is absent. */
  readonly klWhat: tf.Tensor;
  /** log p(x | canvas of the objects drawn as present), [B]. */
  readonly logLikelihood: tf.Tensor;
  /** Evidence lower bound of the draw, [B]. */
  readonly elbo: tf.Tensor;
}

/**
 * Draws presence and computes the terms of the bound.
 *
 * @param uniform uniform noise over [0, 1), [T, B]; an object is present where it is below the probability of presence
 * @param logCountPrior log p(n), n = 0..T, [T + 1]
 */
export function sampledTerms(
  trajectory: TrajectoryTensors,
  uniform: tf.Tensor,
  logCountPrior: tf.Tensor,
): SampledTerms {
  const { presenceLogit } = trajectory;
  const [steps, batch] = presenceLogit.shape as [number, number];
  const presence = stopGradient(() => {
    const drawn = tf.unstack(tf.cast(tf.less(uniform, tf.sigmoid(presenceLogit)), "float32"));
    const present: tf.Tensor[] = [];
    for (const [t, step] of drawn.entries()) present.push(t === 0 ? step : tf.mul(present[t - 1]!, step));
    return tf.stack(present);
  });
  const one = tf.ones([1, batch]);
  const reached = steps === 1 ? one : tf.concat([one, tf.slice(presence, [0, 0], [steps - 1, batch])], 0);
  const absent = tf.sub(reached, presence);

  const logPresent = logSigmoid(presenceLogit);
  const logAbsent = tf.sub(logPresent, presenceLogit);
  const probability = tf.exp(logPresent);
  const prior = stepPrior(logCountPrior);
  const klPresence = tf.mul(
    reached,
    tf.add(
      tf.mul(probability, tf.sub(logPresent, prior.logPresent)),
      tf.mul(tf.sub(1, probability), tf.sub(logAbsent, prior.logAbsent)),
    ),
  );
  const klWhere = tf.mul(presence, trajectory.klWhere);
  const klWhat = tf.mul(presence, trajectory.klWhat);
  // Row n is 1 for images of which n objects were drawn as present: step n + 1 is the first absent one, or n = T.
  const isCount = tf.concat([absent, tf.slice(presence, [steps - 1, 0], [1, batch])], 0);
  const logLikelihood = tf.sum(tf.mul(isCount, trajectory.logLikelihood), 0);
  return {
    presence,
    reached,
    logPresence: tf.add(tf.mul(presence, logPresent), tf.mul(absent, logAbsent)),
    klPresence,
    klWhere,
    klWhat,
    logLikelihood,
    elbo: tf.sub(logLikelihood, tf.sum(tf.add(klPresence, tf.add(klWhere, klWhat)), 0)),
  };
}

/** The terms of the score-function gradient. Tensors are [T, B] unless said otherwise. */
export interface ScoreTerms {
  /**
   * The target of the baseline: minus the bound, without the KLs of the steps before, which this step's presence does
   * not change; 0 where the step is not taken.
   */
  readonly target: tf.Tensor;
  /** The baseline's prediction of the target; 0 where the step is not taken. */
  readonly value: tf.Tensor;
  /** Σ (target - value) · log q(presence) over steps, whose gradient is the score-function gradient, [B]. */
  readonly score: tf.Tensor;
  /** Squared error of the baseline, summed over steps, [B]. */
  readonly baselineLoss: tf.Tensor;
}

/**
 * The terms of the score-function gradient for one draw.
 *
 * @param baseline [T, B], see {@link baselineValues}
 */
export function scoreTerms(terms: SampledTerms, baseline: tf.Tensor): ScoreTerms {
  const { reached, klPresence, klWhere, klWhat, logLikelihood, logPresence } = terms;
  const target = stopGradient(() => {
    const kl = tf.add(klPresence, tf.add(klWhere, klWhat));
    const later = tf.cumsum(kl, 0, false, true);
    return tf.mul(reached, tf.sub(later, logLikelihood));
  });
  const value = tf.mul(reached, baseline);
  const advantage = stopGradient(() => tf.sub(target, value));
  return {
    target,
    value,
    score: tf.sum(tf.mul(advantage, logPresence), 0),
    baselineLoss: tf.sum(tf.square(tf.sub(target, value)), 0),
  };
}

/**
 * The baseline's predictions of minus the bound from each step on. The baseline network sees the image and the latents
 * of the steps before, and no gradient of its error flows into the model.
 *
 * @param image [B, C, S, S]
 * @returns [T, B]
 */
export function baselineValues(
  p: ParameterTensors,
  config: AirConfig,
  image: tf.Tensor,
  { steps }: TrajectoryTensors,
): tf.Tensor {
  const network = `${BASELINE}.lstm`;
  const batch = image.shape[0]!;
  const gates = wholeImageGatesOf(p, config, image, network);
  const present = tf.ones([batch, 1]);
  const values: tf.Tensor[] = [];
  let previous: LstmState | undefined;
  for (const { zWhere, zWhat } of steps) {
    const { hidden, cell } = lstmStep(p, gates, previous, network);
    values.push(tf.reshape(mlp(p, `${BASELINE}.regressor`, hidden), [batch]));
    previous = {
      hidden,
      cell,
      zWhere: stopGradient(() => zWhere.sample),
      zWhat: stopGradient(() => zWhat.sample),
      presence: present,
    };
  }
  return tf.stack(values);
}

/**
 * Prior log-probabilities of presence and absence at each step, given that all objects before it are present.
 *
 * @param logCount log p(n), n = 0..T, [T + 1]
 * @returns [T, 1] each
 */
function stepPrior(logCount: tf.Tensor): { logPresent: tf.Tensor; logAbsent: tf.Tensor } {
  const steps = logCount.shape[0]! - 1;
  const counts = tf.split(logCount, steps + 1);
  // log p(n ≥ t), from t = T down. log(eᵃ + eᵇ) = a + softplus(b - a) stays finite for counts of any probability.
  const atLeast: tf.Tensor[] = [counts[steps]!];
  for (let t = steps - 1; t >= 0; t--) {
    atLeast.unshift(tf.add(atLeast[0]!, tf.softplus(tf.sub(counts[t]!, atLeast[0]!))));
  }
  const perStep = (logJoint: (t: number) => tf.Tensor): tf.Tensor =>
    tf.stack(Array.from({ length: steps }, (_, t) => tf.sub(logJoint(t), atLeast[t]!)));
  return { logPresent: perStep((t) => atLeast[t + 1]!), logAbsent: perStep((t) => counts[t]!) };
}

function mean(values: tf.Tensor): tf.Scalar {
  return tf.mean(values) as tf.Scalar;
}
