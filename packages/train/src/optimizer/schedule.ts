/**
 * Schedules: learning rates, Adam's bias corrections and annealed priors as functions of the update t = 1, 2, …. They
 * return plain numbers, which are inputs of the traced graph.
 */
import { type AdamOptions, defaultAdam } from "./adam.js";

/** A learning-rate schedule: linear warm-up, then half a cosine. */
export interface WarmupCosine {
  /** Highest learning rate, reached at the end of the warm-up. */
  readonly peak: number;
  /** Learning rate at update `totalSteps` and after it. */
  readonly floor: number;
  /** Updates of the warm-up. */
  readonly warmupSteps: number;
  /** Updates until the learning rate is `floor`, the warm-up included. */
  readonly totalSteps: number;
}

/**
 * Learning rate of update t = 1, 2, …. It rises linearly to `peak` at t = `warmupSteps`, then falls along half a cosine
 * to `floor` at t = `totalSteps`.
 */
export function warmupCosine(t: number, { peak, floor, warmupSteps, totalSteps }: WarmupCosine): number {
  if (t < warmupSteps) return (peak * t) / warmupSteps;
  if (t >= totalSteps) return floor;
  const progress = (t - warmupSteps) / (totalSteps - warmupSteps);
  return floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/**
 * The two numbers of Adam that change with the update t = 1, 2, …: the learning rate with the first moment's bias
 * correction, lr / (1 - β1^t), and the root of the second moment's bias correction, 1 / √(1 - β2^t).
 */
export function adamScalars(
  t: number,
  learningRate: number,
  { beta1, beta2 }: Pick<AdamOptions, "beta1" | "beta2"> = defaultAdam,
): { stepSize: number; rootCorrection: number } {
  return { stepSize: learningRate / (1 - beta1 ** t), rootCorrection: 1 / Math.sqrt(1 - beta2 ** t) };
}

/** A schedule of a probability from one value to another. */
export interface ProbabilitySchedule {
  /** Probability before the first update. */
  readonly from: number;
  /** Probability at update `steps` and after it. */
  readonly to: number;
  /** Updates until the probability is `to`. */
  readonly steps: number;
}

/**
 * Probability at update t = 1, 2, …. Its log-odds change linearly in t, so that each update changes the prior by the
 * same number of nats.
 */
export function annealedProbability(t: number, { from, to, steps }: ProbabilitySchedule): number {
  if (t >= steps) return to;
  const logOdds = (p: number): number => Math.log(p) - Math.log1p(-p);
  const start = logOdds(from);
  return 1 / (1 + Math.exp(-(start + (logOdds(to) - start) * (t / steps))));
}
