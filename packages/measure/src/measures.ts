/**
 * The table of measures: every number of a {@link Measurement} with its name, unit and digits. Model cards, reports, sweeps,
 * the terminal, learning curves and event files take the numbers that they show, and their order, from this table.
 *
 * To add a measure, compute it with the others (`evaluation.ts`, `box-quality.ts`, `measure-model.ts`) and give it a row
 * here. Without a row, this file does not compile.
 */
import type { BoxQuality } from "./box-quality.js";
import type { CountQuality, Evaluation } from "./evaluation.js";
import { inUnit, type Unit, unitSymbol, withoutUnit } from "./format.js";
import type { Measurement } from "./measure-model.js";

/** The keys of the numbers in `T`. Keys in inner objects are dotted paths; lists have no keys. */
export type NumberKey<T> = {
  [K in keyof T & string]-?: NonNullable<T[K]> extends number
    ? K
    : NonNullable<T[K]> extends readonly unknown[]
      ? never
      : NonNullable<T[K]> extends object
        ? `${K}.${NumberKey<NonNullable<T[K]>>}`
        : never;
}[keyof T & string];

/** The key of a number in a {@link Measurement}, such as `elbo` or `boxes.meanIou`. */
export type MeasureKey = NumberKey<Measurement>;

/** The key of a list in a {@link CountQuality} that has a measure for each true count. */
export type CountListKey = {
  [K in keyof CountQuality]: CountQuality[K] extends readonly (number | null)[] ? K : never;
}[keyof CountQuality];

/** The titles of the groups that measures form in tables. */
export const measureGroups = {
  images: "Images",
  counts: "Counts",
  bound: "Evidence lower bound (ELBO), mean per image",
  importance: "Importance-weighted bound on log p(x), mean per image",
  boxes: "Boxes",
  score: "Scores of objects",
  objects: "Masks and appearance of objects",
  pruned: "Without objects that explain nothing",
} as const;

/** The key of a group of measures. */
export type MeasureGroup = keyof typeof measureGroups;

/** A row of the table of measures. */
interface MeasureForm {
  /** Group that the measure belongs to. */
  readonly group: MeasureGroup;
  /** Name in the rows of tables, unique among measures. */
  readonly label: string;
  /** Short name for heads of columns and lines of text, unique among measures. Default: the label. */
  readonly short?: string;
  /** Explanation in a few words that follow the name. Every headline measure has one. */
  readonly meaning?: string;
  /** Unit of the number. */
  readonly unit: Unit;
  /** Digits after the decimal point. Default: those of the unit. */
  readonly digits?: number;
  /** Direction of improvement; undefined for numbers that are neither good nor bad, such as a number of images. */
  readonly better?: "higher" | "lower";
  /** Key of the standard error over the images, which is written after the number. */
  readonly standardError?: MeasureKey;
  /** Whether it has a column in tables such as a sweep's, and a place in the line of an evaluation. */
  readonly isHeadline?: true;
  /** Chart of its learning curve, and the name of its line if it shares the chart. Such a measure is logged in training. */
  readonly curve?: { readonly chart: string; readonly line?: string };
  /** Key among the metrics in `config.json` of an exported model. Such a measure is on the model card. */
  readonly manifestKey?: string;
  /** Key of the list with the measure for each true count. */
  readonly byCount?: CountListKey;
}

const boxForms: Readonly<Record<keyof BoxQuality, Omit<MeasureForm, "group" | "manifestKey">>> = {
  images: { label: "Images whose true boxes are known", unit: "count" },
  trueBoxes: { label: "True boxes", unit: "count" },
  foundBoxes: { label: "Found boxes", unit: "count" },
  meanIouMatched: { label: "Mean IoU of matched boxes", unit: "IoU", better: "higher" },
  meanIou: { label: "Mean IoU, 0 for a box without a match", unit: "IoU", better: "higher" },
  precision: { label: "Precision of boxes at IoU 0.5", unit: "share", better: "higher" },
  recall: { label: "Recall of boxes at IoU 0.5", unit: "share", better: "higher" },
  recall75: { label: "Recall of boxes at IoU 0.75", unit: "share", better: "higher" },
  ap50: { label: "Average precision of boxes at IoU 0.5 (AP50)", unit: "share", better: "higher" },
  ap: { label: "Average precision of boxes, mean over IoU 0.1 to 0.9", unit: "share", better: "higher" },
};

const forms: Readonly<Record<MeasureKey, MeasureForm>> = {
  images: { group: "images", label: "Held-out images", unit: "count", manifestKey: "images" },
  seed: { group: "images", label: "Seed of the noise", unit: "count" },
  countedImages: {
    group: "counts",
    label: "Images whose true count is known",
    short: "images with a true count",
    unit: "count",
    manifestKey: "countedImages",
  },
  countAccuracyMap: {
    group: "counts",
    label: "Count accuracy, most probable count",
    short: "MAP count accuracy",
    meaning: "the share of images whose most probable count, by q(n|x) along one draw of the latents, is right",
    unit: "share",
    better: "higher",
    isHeadline: true,
    curve: { chart: "Count accuracy", line: "most probable count" },
    manifestKey: "countAccuracyMap",
    byCount: "countAccuracyMapByCount",
  },
  countAccuracySampled: {
    group: "counts",
    label: "Count accuracy, sampled count (expectation)",
    short: "sampled count accuracy",
    meaning: "the expected share of right counts if each is drawn from that q(n|x)",
    unit: "share",
    better: "higher",
    isHeadline: true,
    curve: { chart: "Count accuracy", line: "sampled count" },
    manifestKey: "countAccuracySampled",
    byCount: "countAccuracySampledByCount",
  },
  countMeanAbsoluteError: {
    group: "counts",
    label: "Mean absolute error of the most probable count",
    short: "count MAE",
    meaning: "the mean of |most probable count − true count|, objects",
    unit: "number",
    digits: 4,
    better: "lower",
    isHeadline: true,
    curve: { chart: "Mean absolute error of the count" },
    manifestKey: "countMeanAbsoluteError",
  },
  overcounted: {
    group: "counts",
    label: "Images with too many objects by the most probable count",
    short: "overcounted",
    unit: "share",
    better: "lower",
    manifestKey: "overcounted",
  },
  undercounted: {
    group: "counts",
    label: "Images with too few objects by the most probable count",
    short: "undercounted",
    unit: "share",
    better: "lower",
    manifestKey: "undercounted",
  },
  countAccuracyMean: {
    group: "counts",
    label: "Count accuracy at the posterior means",
    meaning: "the share of right counts without noise",
    unit: "share",
    better: "higher",
    manifestKey: "countAccuracyMean",
  },
  elbo: {
    group: "bound",
    label: "ELBO",
    meaning: "the evidence lower bound on log p(x), mean over the images",
    unit: "nats",
    better: "higher",
    standardError: "elboStandardError",
    isHeadline: true,
    curve: { chart: "ELBO" },
    manifestKey: "elbo",
  },
  elboStandardError: { group: "bound", label: "Standard error of the ELBO", unit: "nats" },
  logLikelihood: {
    group: "bound",
    label: "Log-likelihood",
    unit: "nats",
    better: "higher",
    curve: { chart: "Log-likelihood" },
    manifestKey: "logLikelihood",
  },
  klWhere: {
    group: "bound",
    label: "KL of where",
    unit: "nats",
    curve: { chart: "KL from the prior", line: "where" },
    manifestKey: "klWhere",
  },
  klWhat: {
    group: "bound",
    label: "KL of what",
    unit: "nats",
    curve: { chart: "KL from the prior", line: "what" },
    manifestKey: "klWhat",
  },
  klCount: {
    group: "bound",
    label: "KL of the count",
    unit: "nats",
    curve: { chart: "KL from the prior", line: "count" },
    manifestKey: "klCount",
  },
  "presencePriorFitted.presence": {
    group: "bound",
    label: "Presence prior fitted to these images",
    unit: "number",
    manifestKey: "presencePriorFitted",
  },
  "presencePriorFitted.elbo": {
    group: "bound",
    label: "ELBO with the fitted presence prior",
    unit: "nats",
    better: "higher",
    manifestKey: "elboPresencePriorFitted",
  },
  "importanceWeighted.samples": { group: "importance", label: "Importance samples K", unit: "count" },
  "importanceWeighted.images": { group: "importance", label: "Images of the importance-weighted bound", unit: "count" },
  "importanceWeighted.bound": {
    group: "importance",
    label: "Importance-weighted bound, log 1/K Σ w",
    unit: "nats",
    better: "higher",
    standardError: "importanceWeighted.standardError",
  },
  "importanceWeighted.standardError": {
    group: "importance",
    label: "Standard error of the importance-weighted bound",
    unit: "nats",
  },
  "importanceWeighted.effectiveSamples": {
    group: "importance",
    label: "Effective samples",
    unit: "number",
    digits: 1,
    better: "higher",
  },
  "importanceWeighted.analyticKlFormula": {
    group: "importance",
    label: "log 1/K Σ exp(ELBO with analytic KLs), not a bound",
    unit: "nats",
  },
  ...boxMeasures("boxes", "boxes", ""),
  "boxes.meanIou": { group: "boxes", ...boxForms.meanIou, manifestKey: "boxMeanIou" },
  "boxes.recall": { group: "boxes", ...boxForms.recall, manifestKey: "boxRecall50" },
  "boxes.recall75": { group: "boxes", ...boxForms.recall75, manifestKey: "boxRecall75" },
  "boxes.ap50": { group: "boxes", ...boxForms.ap50, manifestKey: "boxAp50" },
  "boxes.ap": { group: "boxes", ...boxForms.ap, manifestKey: "boxAp" },
  "score.objects": { group: "score", label: "Objects with a score", unit: "count" },
  "score.right": {
    group: "score",
    label: "Objects that are really there, at IoU 0.5",
    unit: "share",
    better: "higher",
  },
  "score.calibrationError": {
    group: "score",
    label: "Expected calibration error of scores",
    unit: "share",
    better: "lower",
  },
  "score.brier": { group: "score", label: "Brier score of scores", unit: "number", digits: 5, better: "lower" },
  "score.ranking": {
    group: "score",
    label: "Pairs of a right and a wrong object that scores rank right",
    unit: "share",
    better: "higher",
  },
  "segmentation.images": { group: "objects", label: "Images with several objects", unit: "count" },
  "segmentation.ariForeground": {
    group: "objects",
    label: "Adjusted Rand index of the foreground (ARI-FG) of these",
    unit: "number",
    better: "higher",
  },
  "appearance.objects": { group: "objects", label: "Found objects whose kind is known", unit: "count" },
  "appearance.kinds": { group: "objects", label: "Kinds", unit: "count" },
  "appearance.mostFrequent": { group: "objects", label: "Share of the most frequent kind", unit: "share" },
  "appearance.probeAccuracy": {
    group: "objects",
    label: "Kind accuracy of a linear probe on z_what",
    unit: "share",
    better: "higher",
  },
  "appearance.clusterAccuracy": {
    group: "objects",
    label: "Kind accuracy of k-means clusters of z_what",
    unit: "share",
    better: "higher",
  },
  "pruned.countAccuracy": {
    group: "pruned",
    label: "Count accuracy of what infer finds",
    unit: "share",
    better: "higher",
    manifestKey: "countAccuracyPruned",
  },
  ...boxMeasures("pruned.boxes", "pruned", ", pruned"),
};

/**
 * The rows of one kind of box quality.
 *
 * @param path the key of the box quality in a measurement
 * @param suffix the end of each label
 */
function boxMeasures<P extends string>(
  path: P,
  group: MeasureGroup,
  suffix: string,
): Record<`${P}.${keyof BoxQuality}`, MeasureForm> {
  const entries = Object.entries(boxForms).map(
    ([name, form]) => [`${path}.${name}`, { ...form, group, label: form.label + suffix }] as const,
  );
  return Object.fromEntries(entries) as Record<`${P}.${keyof BoxQuality}`, MeasureForm>;
}

/** A measure: one number of a model, with its key, names and unit. */
export interface Measure extends MeasureForm {
  /** Key of the number in a {@link Measurement}. */
  readonly key: MeasureKey;
  /** Short name, unique among measures. */
  readonly short: string;
}

/** All measures, in the order in which they are shown. */
export const measures: readonly Measure[] = Object.entries(forms).map(([key, form]) => ({
  short: form.label,
  ...form,
  key: key as MeasureKey,
}));

/** The measures with a column in tables such as a sweep's. Evaluations in training have them too. */
export const headlineMeasures: readonly Measure[] = measures.filter(({ isHeadline }) => isHeadline);

/** The measures with a learning curve. Evaluations in training have them too. */
export const curveMeasures: readonly Measure[] = measures.filter(({ curve }) => curve !== undefined);

/** The measures that are also taken for each true count, with the keys of their lists. */
export const measuresByCount = measures.flatMap((measure) =>
  measure.byCount === undefined ? [] : [{ measure, list: measure.byCount }],
);

const byKey: ReadonlyMap<string, Measure> = new Map(measures.map((measure) => [measure.key, measure]));

/** Returns the measure with this key. */
export function measureOf(key: MeasureKey): Measure {
  return byKey.get(key)!;
}

/** Finds the measure with this key; undefined if there is none. */
export function findMeasure(key: string): Measure | undefined {
  return byKey.get(key);
}

/**
 * Returns the number at the measure's key in `numbers`. It is null if there was nothing to measure it on, such as the
 * precision of no boxes, and undefined if it was not measured.
 *
 * @param numbers a measurement, an evaluation, a record of a log or the like, possibly from a file
 */
export function measured(numbers: unknown, { key }: Pick<Measure, "key">): number | null | undefined {
  let value = numbers;
  for (const name of key.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return typeof value === "number" || value === null ? value : undefined;
}

/** Formats a measure's value with its unit: `97.40 %`; `none` for null. */
export function written({ unit, digits }: Measure, value: number | null): string {
  return value === null ? "none" : inUnit(value, unit, digits);
}

/** Formats a measure's value without its unit, for a column under {@link columnHead}. */
export function writtenInColumn({ unit, digits }: Measure, value: number): string {
  return withoutUnit(value, unit, digits);
}

/** The head of a measure's column, with its unit: `ELBO, nats`. */
export function columnHead({ short, unit }: Measure): string {
  const symbol = unitSymbol(unit);
  return symbol === "" ? short : `${short}, ${symbol}`;
}

/**
 * Explains measures in a sentence each, such as `ELBO: the evidence lower bound on log p(x), mean over the images.` Measures
 * without an explanation are left out.
 */
export function meanings(shown: readonly Measure[], nameOf: (measure: Measure) => string): string {
  return shown
    .filter(({ meaning }) => meaning !== undefined)
    .map((measure) => `${nameOf(measure)}: ${measure.meaning}.`)
    .map((sentence) => sentence.charAt(0).toUpperCase() + sentence.slice(1))
    .join(" ");
}

/** A row of a table of measured numbers. */
export interface MeasureRow {
  /** The measure. */
  readonly measure: Measure;
  /** Value with its standard error, if that is known, and the unit: `615.20 ± 1.31 nats`. */
  readonly text: string;
}

/** Makes a row for each of the `shown` measures in `numbers`. A standard error is in the row of its measure. */
export function measureRows(numbers: unknown, shown: readonly Measure[] = measures): MeasureRow[] {
  const inOtherRows = new Set(
    shown.flatMap((measure) => (typeof measured(numbers, measure) === "number" ? [measure.standardError] : [])),
  );
  return shown.flatMap((measure) => {
    const value = measured(numbers, measure);
    if (value === undefined || inOtherRows.has(measure.key)) return [];
    const error = measure.standardError && measured(numbers, { key: measure.standardError });
    if (value === null || typeof error !== "number") return [{ measure, text: written(measure, value) }];
    return [{ measure, text: `${writtenInColumn(measure, value)} ± ${written(measure, error)}` }];
  });
}

/** Makes the rows of all measures in `numbers`, by group. A group without measured numbers has no rows. */
export function measureRowsByGroup(numbers: unknown): Readonly<Record<MeasureGroup, readonly MeasureRow[]>> {
  const groups = Object.keys(measureGroups) as MeasureGroup[];
  const all = measureRows(numbers);
  return Object.fromEntries(
    groups.map((group) => [group, all.filter(({ measure }) => measure.group === group)]),
  ) as unknown as Record<MeasureGroup, readonly MeasureRow[]>;
}

/** Writes a row as text: `ELBO 615.20 nats`. */
export function rowInWords({ measure, text }: MeasureRow): string {
  return `${measure.short} ${text}`;
}

/** The headline measures that some of these evaluations have, for the columns of a table; all if nothing was evaluated yet. */
export function headlineMeasuresOf(evaluations: readonly unknown[]): readonly Measure[] {
  const known = headlineMeasures.filter((measure) => evaluations.some((each) => measured(each, measure) !== undefined));
  return known.length > 0 ? known : headlineMeasures;
}

/** Writes all headline measures as text: `MAP count accuracy 97.40 %, sampled count accuracy 96.93 %, ELBO 615.20 nats`. */
export function headlines(numbers: unknown): string {
  return measureRows(numbers, headlineMeasures).map(rowInWords).join(", ");
}

/** The numbers of an evaluation that training logs, by key: those with a learning curve, and the number of images. */
export function loggedNumbers(evaluation: Evaluation): Record<string, number> {
  return numbersBy(evaluation, [measureOf("images"), ...curveMeasures], ({ key }) => key);
}

/** The numbers in the `config.json` of an exported model, by their keys there. */
export function manifestMetrics(measurement: Measurement): Record<string, number> {
  return numbersBy(measurement, measures, ({ manifestKey }) => manifestKey);
}

function numbersBy(
  numbers: Evaluation,
  taken: readonly Measure[],
  nameOf: (measure: Measure) => string | undefined,
): Record<string, number> {
  return Object.fromEntries(
    taken.flatMap((measure) => {
      const [name, value] = [nameOf(measure), measured(numbers, measure)];
      return name !== undefined && typeof value === "number" ? [[name, value]] : [];
    }),
  );
}
