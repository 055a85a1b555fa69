/**
 * What the evidence along one trajectory says of the number of objects. With L_n = log p(x|c_n) - Σ_{t≤n} KL_t, the bound is
 * largest for q(n) ∝ exp(L_n) p(n), where it is log Σ_n exp(L_n) p(n). Estimators maximise that, and let presence learn to
 * predict this q(n).
 */
import * as tf from "@tensorflow/tfjs";
import type { TrajectoryTensors } from "../model/air.js";
import { logSigmoid } from "../model/distributions.js";
import { stopGradient } from "../model/stop-gradient.js";
import type { ElboTerms } from "./marginal.js";

/** Weight of {@link presenceLoss} beside a bound in nats. */
export const PRESENCE_WEIGHT = 10;
/** Least weight of a step that the evidence says is not reached. */
const LEAST_REACH = 0.02;

/** L_n, n = 0..T, [T + 1, B], nats. */
export const evidenceOf = ({ logLikelihood, klWhere, klWhat }: ElboTerms): tf.Tensor =>
  tf.sub(logLikelihood, tf.add(klWhere, klWhat));

/** log Σ_n exp(L_n) p(n), the bound with the best q(n) for the trajectory; mean over the batch, nats. */
export const evidenceBound = (terms: ElboTerms): tf.Scalar => tf.mean(tf.logSumExp(logJoint(terms), 0)) as tf.Scalar;

/** L_n + log p(n), [T + 1, B]. */
const logJoint = (terms: ElboTerms): tf.Tensor => tf.add(evidenceOf(terms), terms.logCountPrior);

/**
 * Cross-entropy of each step's presence with q(n ≥ t | n ≥ t - 1), where q(n) is optimal for the trajectory, weighted with
 * q(n ≥ t - 1); summed over the steps, mean over the batch. No gradient flows through q.
 */
export function presenceLoss({ presenceLogit }: TrajectoryTensors, terms: ElboTerms): tf.Scalar {
  const logWeights = logJoint(terms);
  const [counts, batch] = logWeights.shape as [number, number];
  const steps = counts - 1;
  const [target, reach] = [0, 1].map((which) =>
    stopGradient(() => {
      // log Σ_{m ≥ n} for n = 0..T; a ratio of sums would be 0/0 where both vanish.
      const counted = Array.from({ length: counts }, (_, n) =>
        Array.from({ length: counts }, (_, m) => [m < n ? -1e30 : 0]),
      );
      const tails = tf.logSumExp(tf.add(tf.tensor3d(counted), tf.expandDims(logWeights, 0)), 1);
      const before = tf.slice(tails, [0, 0], [steps, batch]);
      const after = tf.slice(tails, [1, 0], [steps, batch]);
      return which === 0 ? tf.exp(tf.sub(after, before)) : tf.exp(tf.sub(before, tf.slice(tails, [0, 0], [1, batch])));
    }),
  );
  const weights = tf.maximum(reach!, LEAST_REACH);
  return tf.mean(tf.sum(tf.mul(weights, crossEntropy(presenceLogit, target!)), 0)) as tf.Scalar;
}

/** -target · log σ(logits) - (1 - target) · log(1 - σ(logits)), element by element. */
export function crossEntropy(logits: tf.Tensor, target: tf.Tensor): tf.Tensor {
  return tf.sub(tf.mul(tf.sub(1, target), logits), logSigmoid(logits));
}
