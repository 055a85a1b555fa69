/**
 * Alerts: what goes wrong in training often enough to be told by its numbers, each in one line with what to try. They are
 * looked for after every evaluation. A finding of one evaluation is told again at the next if it still holds.
 */
import type { Evaluation } from "@air-onnx/measure";
import type { TrainConfig } from "./config.js";
import { stageAt } from "./curriculum.js";
import type { AlertKind, AlertRecord, MetricsRecord } from "./run/metrics-log.js";

/**
 * Alerts after which the model does not count. An export of such a run has to be forced.
 *
 * - `one-count`: nearly all held-out images get the same count, though they differ; or the count 0, if no true count is known;
 * - `most-steps`: the same, and that count is the most that the model can find;
 * - `count-stuck`: the count accuracy has not moved since the first evaluation, and is that of a fixed answer.
 */
export const collapseAlerts: readonly AlertKind[] = ["one-count", "most-steps", "count-stuck"];

/** The thresholds of the alerts. */
export const alertThresholds = {
  /**
   * Before these many training steps, and this share of all, nothing is said about counts and windows: no model has learned to
   * count by then. Nor is it while a curriculum limits the number of objects.
   */
  settled: { steps: 500, share: 0.25 },
  /** Share of images with the same count found from which counts have collapsed, if no true count is as frequent. */
  oneCount: { found: 0.98, mostTrue: 0.9 },
  /**
   * Evaluations, at least so many and all that there were, whose count accuracy is alike within `range`, and at most
   * `aboveFixed` above the share of the commonest count.
   */
  stuck: { evaluations: 3, range: 0.01, aboveFixed: 0.05 },
  /** Evaluations in a row that are worse than the best one by at least so much, nats per image. */
  overfitting: { evaluations: 2, nats: 2 },
  /** Share of windows within `margin` of the bound, as a share of the range of sides; among at least `windows`. */
  bound: { share: 0.5, margin: 0.02, windows: 8 },
} as const;

/** What alerts are looked for in. */
export interface AlertEvidence {
  /** Training steps done. */
  readonly step: number;
  /** Evaluation after them. */
  readonly evaluation: Pick<Evaluation, "confusion" | "foundCounts">;
  /** Sides of windows that hold objects in some held-out images, pixels. */
  readonly windowSides: readonly number[];
  /** The run's log up to this evaluation, which is its last record. */
  readonly records: readonly MetricsRecord[];
}

/** Looks for everything that is wrong after an evaluation. */
export function findAlerts(config: TrainConfig, evidence: AlertEvidence): AlertRecord[] {
  const { step } = evidence;
  if (!isSettled(config, step)) return [];
  return [collapse(config, evidence), stuck(config, evidence), overfitting(config, evidence), atBound(config, evidence)]
    .filter((found) => found !== undefined)
    .map(({ alert, message }) => ({ step, kind: "alert", alert, message }));
}

interface Finding {
  readonly alert: AlertKind;
  readonly message: string;
}

/** Whether enough has been trained, with as many inference steps as the model has, to judge an evaluation at `step`. */
function isSettled(config: TrainConfig, step: number): boolean {
  const { steps, share } = alertThresholds.settled;
  if (step < Math.max(steps, share * config.steps)) return false;
  return hasAllSteps(config, step);
}

function collapse(config: TrainConfig, { evaluation }: AlertEvidence): Finding | undefined {
  const { found, mostTrue } = alertThresholds.oneCount;
  const { count, share, trueShare } = commonest(evaluation);
  if (share < found) return undefined;
  // Without true counts, all images may well have the same number of objects, but hardly none.
  if (trueShare === undefined ? count > 0 : trueShare > mostTrue) return undefined;
  const truth = trueShare === undefined ? "" : `, though at most ${percent(trueShare)} have the same number of objects`;
  const seen = `${percent(share)} of the held-out images get the count ${count}${truth}`;
  if (count < config.model.maxSteps) {
    const why = count === 0 ? "nothing is worth its cost to the model" : "it makes no difference between images";
    const attempts =
      count === 0
        ? "a higher model.prior.presence, a smaller model.likelihood.std, a scale prior (model.prior.whereMean, whereStd) of the size of the objects"
        : "another seed, a lower optimizer.learningRate, a curriculum";
    return { alert: "one-count", message: `${seen}: ${why}. Try ${attempts}.` };
  }
  return {
    alert: "most-steps",
    message: `${seen}, the most that the model can find: it draws every image in ${count} parts. Try a lower model.prior.presence (presencePriorSchedule.from), a curriculum, and check that the background is black.`,
  };
}

function stuck(config: TrainConfig, { records, evaluation }: AlertEvidence): Finding | undefined {
  const { evaluations, range, aboveFixed } = alertThresholds.stuck;
  const { trueShare } = commonest(evaluation);
  if (trueShare === undefined || trueShare > alertThresholds.oneCount.mostTrue) return undefined;
  const accuracies = records.flatMap(({ kind, step, countAccuracyMap }) =>
    kind === "evaluation" && hasAllSteps(config, step) ? [Number(countAccuracyMap)] : [],
  );
  const last = accuracies.at(-1);
  if (accuracies.length < evaluations || last === undefined || last > trueShare + aboveFixed) return undefined;
  const [least, most] = accuracies.reduce(
    ([low, high], each) => [Math.min(low, each), Math.max(high, each)],
    [last, last],
  );
  if (most - least > range) return undefined;
  return {
    alert: "count-stuck",
    message: `The count accuracy is still ${percent(last)}, as at the first of ${accuracies.length} evaluations, where always saying the commonest count gives ${percent(trueShare)}. Try a scale prior or bounds (model.prior.whereMean, model.where) of the size of the objects, a higher optimizer.learningRate, another seed.`,
  };
}

/**
 * The bound without the count's part is compared: that part depends on the presence prior, which differs between training
 * and evaluations.
 */
function overfitting(config: TrainConfig, { records }: AlertEvidence): Finding | undefined {
  const { evaluations, nats } = alertThresholds.overfitting;
  const all = records.filter(({ kind, step }) => kind === "evaluation" && hasAllSteps(config, step));
  // Other images have another bound.
  const held = all.filter(({ images }) => images === all.at(-1)!.images);
  const bounds = held.map(boundWithoutCount);
  const best = bounds.reduce((at, bound, i) => (at === -1 || bound > bounds[at]! ? i : at), -1);
  const since = bounds.slice(best + 1);
  if (since.length < evaluations || !since.every((bound) => bound < bounds[best]! - nats)) return undefined;
  if (since.at(-1)! > since.at(-2)!) return undefined;
  const trained = (from: number, to: number): number =>
    mean(records.filter(({ kind, step }) => kind === "train" && step > from && step <= to).map(boundWithoutCount));
  const before = trained(held[best - 1]?.step ?? 0, held[best]!.step);
  const now = trained(held.at(-2)!.step, held.at(-1)!.step);
  if (!(now > before)) return undefined;
  const [top, low] = [bounds[best]!, bounds.at(-1)!];
  return {
    alert: "overfitting",
    message: `The bound (without the count's part) of the held-out images has fallen from ${top.toFixed(1)} nats at step ${held[best]!.step} to ${low.toFixed(1)}, while that of the training images rose from ${before.toFixed(1)} to ${now.toFixed(1)}: the model learns its images by heart. Try more images (trainSize, or an endless stream), fewer steps, or a smaller model.`,
  };
}

function atBound(config: TrainConfig, { windowSides }: AlertEvidence): Finding | undefined {
  const { where } = config.model;
  const { share, margin, windows } = alertThresholds.bound;
  if (where.type !== "bounded" || windowSides.length < windows) return undefined;
  const [least, most] = where.side;
  const reach = margin * (most - least);
  const atLeast = windowSides.filter((side) => side < least + reach).length / windowSides.length;
  const atMost = windowSides.filter((side) => side > most - reach).length / windowSides.length;
  if (Math.max(atLeast, atMost) < share) return undefined;
  const [which, bound, change] = atLeast > atMost ? ["smallest", least, "smaller"] : ["largest", most, "larger"];
  return {
    alert: "windows-at-bound",
    message: `${percent(Math.max(atLeast, atMost))} of ${windowSides.length} windows have the ${which} side that model.where.side [${least}, ${most}] allows, ${bound} pixels: the objects seem to be ${change}. Try a ${change} bound.`,
  };
}

/** The count found most often with its share of the images, and the share of the most frequent true count, if any is known. */
function commonest({ confusion, foundCounts }: AlertEvidence["evaluation"]): {
  readonly count: number;
  readonly share: number;
  readonly trueShare: number | undefined;
} {
  const most = Math.max(...foundCounts);
  const truths = confusion?.map(sum);
  return {
    count: foundCounts.indexOf(most),
    share: most / sum(foundCounts),
    trueShare: truths && Math.max(...truths) / sum(truths),
  };
}

/** Whether the evaluation at `step` was of a model with all its inference steps, rather than of an earlier stage. */
function hasAllSteps(config: TrainConfig, step: number): boolean {
  // The evaluation at the end of a stage is by the model of that stage.
  return stageAt(config, Math.max(0, step - 1)).evaluated.maxSteps === config.model.maxSteps;
}

function boundWithoutCount({ logLikelihood, klWhere, klWhat }: MetricsRecord): number {
  return Number(logLikelihood) - Number(klWhere) - Number(klWhat);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;
}
