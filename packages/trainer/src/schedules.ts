/**
 * Schedules: learning rates, Adam's bias corrections and annealed priors as functions of the update t = 1, 2, …. They
 * return plain numbers, which are inputs of the training graph.
 */
import { logCountPrior } from "@air-onnx/core";

/** A learning-rate schedule: linear warm-up, then half a cosine. */
export interface WarmupCosine {
  /** Updates before the schedule begins; 0 by default. */
  readonly begin?: number | undefined;
  /** Highest learning rate, reached at the end of the warm-up. */
  readonly peak: number;
  /** Learning rate at update `begin` + `totalSteps` and after it. */
  readonly floor: number;
  /** Updates of the warm-up. */
  readonly warmupSteps: number;
  /** Updates of the schedule until the learning rate is `floor`, the warm-up included. */
  readonly totalSteps: number;
}

/**
 * Learning rate of update `begin` + t, t = 1, 2, …. It rises linearly to `peak` at t = `warmupSteps`, then falls along half a
 * cosine to `floor` at t = `totalSteps`.
 */
export function warmupCosine(
  update: number,
  { begin = 0, peak, floor, warmupSteps, totalSteps }: WarmupCosine,
): number {
  const t = update - begin;
  if (t < warmupSteps) return (peak * t) / warmupSteps;
  if (t >= totalSteps) return floor;
  const progress = (t - warmupSteps) / (totalSteps - warmupSteps);
  return floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** Decays of Adam's moments, in [0, 1). */
export interface AdamDecays {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
}

/**
 * The two numbers of Adam that change with the update t = 1, 2, …: the learning rate with the first moment's bias
 * correction, lr / (1 - β1^t), and the root of the second moment's bias correction, 1 / √(1 - β2^t).
 */
export function adamScalars(
  t: number,
  learningRate: number,
  { beta1, beta2 }: AdamDecays,
): { stepSize: number; rootCorrection: number } {
  return { stepSize: learningRate / (1 - beta1 ** t), rootCorrection: 1 / Math.sqrt(1 - beta2 ** t) };
}

/** A schedule of a probability from one value to another. */
export interface ProbabilitySchedule {
  /** Probability before the first update. */
  readonly from: number;
  /** Probability at update `steps` and after it. */
  readonly to: number;
  /** Updates until the probability is `to`; 0 if it never changes. */
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

/** A number that falls or rises by the same factor at each update. */
export interface ExponentialSchedule {
  /** Value before the first update. */
  readonly from: number;
  /** Value at update `steps` and after it. */
  readonly to: number;
  /** Updates until the value is `to`. */
  readonly steps: number;
}

/** All schedules of one training. */
export interface TrainingSchedules {
  /** Adam's step size. */
  readonly learningRate: WarmupCosine;
  /** Decays of Adam's moments, of which its bias corrections follow. */
  readonly adam: AdamDecays;
  /** Prior probability that there is one more object. */
  readonly presencePrior: ProbabilitySchedule;
  /** Scale of the noise by which a local step network chooses places; absent if the training has no such network. */
  readonly placeTemperature?: ExponentialSchedule | undefined;
  /** Updates over which the bound of exactly one object loses its weight; absent as before. */
  readonly firstObjectSteps?: number | undefined;
  /** Updates over which what the evidence says of the count loses its weight; absent as before. */
  readonly evidenceSteps?: number | undefined;
}

/** Names of the scheduled inputs of a training graph. */
export const scheduledNames = [
  "stepSize",
  "rootCorrection",
  "logCountPrior",
  "placeTemperature",
  "firstObjectWeight",
  "evidenceWeight",
] as const;
/** Name of a scheduled input of a training graph. */
export type ScheduledName = (typeof scheduledNames)[number];

/**
 * The value of a scheduled input at update t = 1, 2, …: one number, or `[maxSteps + 1]` of `logCountPrior`.
 *
 * @throws {RangeError} if `schedules` lacks what the input follows
 */
export function scheduledValue(
  name: ScheduledName,
  t: number,
  schedules: TrainingSchedules,
  maxSteps: number,
): readonly number[] {
  switch (name) {
    case "stepSize":
    case "rootCorrection":
      return [adamScalars(t, warmupCosine(t, schedules.learningRate), schedules.adam)[name]];
    case "logCountPrior":
      return logCountPrior(annealedProbability(t, schedules.presencePrior), maxSteps);
    case "placeTemperature": {
      const { from, to, steps } = present(schedules.placeTemperature, name);
      return [from * (to / from) ** Math.min(1, t / steps)];
    }
    case "firstObjectWeight":
      return [Math.max(0, 1 - t / present(schedules.firstObjectSteps, name))];
    case "evidenceWeight":
      return [Math.max(0, 1 - t / present(schedules.evidenceSteps, name))];
    default:
      return name satisfies never;
  }
}

function present<Schedule>(schedule: Schedule | undefined, name: ScheduledName): Schedule {
  if (schedule === undefined) throw new RangeError(`The input ${name} has no schedule`);
  return schedule;
}
