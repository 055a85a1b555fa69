/**
 * Learning rates, Adam's bias corrections and annealed priors as functions of the number of the update. Plain numbers: they enter a
 * traced graph as inputs.
 */
import { type AdamOptions, defaultAdam } from "./adam.js";

export interface WarmupCosine {
  /** Highest learning rate, reached when the warm-up ends. */
  readonly peak: number;
  /** Learning rate of the last update and of any after it. */
  readonly floor: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * Learning rate of update t = 1, 2, …: rises linearly to `peak` at t = `warmupSteps`, then falls along half a cosine to
 * `floor` at t = `totalSteps`.
 */
export function warmupCosine(t: number, { peak, floor, warmupSteps, totalSteps }: WarmupCosine): number {
  if (t < warmupSteps) return (peak * t) / warmupSteps;
  if (t >= totalSteps) return floor;
  const progress = (t - warmupSteps) / (totalSteps - warmupSteps);
  return floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** The two numbers of Adam that change from update to update, t = 1, 2, …. */
export function adamScalars(
  t: number,
  learningRate: number,
  { beta1, beta2 }: Pick<AdamOptions, "beta1" | "beta2"> = defaultAdam,
): { stepSize: number; rootCorrection: number } {
  return { stepSize: learningRate / (1 - beta1 ** t), rootCorrection: 1 / Math.sqrt(1 - beta2 ** t) };
}

/** A probability that moves from one value to another during the first updates. */
export interface ProbabilitySchedule {
  readonly from: number;
  /** Reached at update `steps`, and kept. */
  readonly to: number;
  readonly steps: number;
}

/** The probability at update t = 1, 2, …: its log-odds, the nats that one more object costs, move along a line. */
export function annealedProbability(t: number, { from, to, steps }: ProbabilitySchedule): number {
  if (t >= steps) return to;
  const logOdds = (p: number): number => Math.log(p) - Math.log1p(-p);
  const start = logOdds(from);
  return 1 / (1 + Math.exp(-(start + (logOdds(to) - start) * (t / steps))));
}
