/**
 * The table of measures: every number of a {@link Measurement} with the name, unit and digits that people read it by. Model
 * cards, reports, sweeps, the terminal, learning curves and event files take what they show, and in which order, from here.
 *
 * To add a measure, compute it where the others are (`evaluation.ts`, `box-quality.ts`, `measure-model.ts`) and give it a row
 * here: without one, this file does not compile.
 */
import type { BoxQuality } from "./box-quality.js";
import type { Evaluation } from "./evaluation.js";
import { inUnit, type Unit, unitSymbol, withoutUnit } from "./format.js";
import type { Measurement } from "./measure-model.js";

/** The keys of the numbers in `T`; those of inner objects are dotted paths. Lists have none. */
type NumberKey<T> = {
  [K in keyof T & string]-?: NonNullable<T[K]> extends number
    ? K
    : NonNullable<T[K]> extends readonly unknown[]
      ? never
      : NonNullable<T[K]> extends object
        ? `${K}.${NumberKey<NonNullable<T[K]>>}`
        : never;
}[keyof T & string];

/** Where a number stands in a {@link Measurement}, such as `elbo` or `boxes.meanIou`. */
export type MeasureKey = NumberKey<Measurement>;

/** Where an {@link Evaluation} lists a measure by true count. */
type CountListKey = {
  [K in keyof Evaluation]: Evaluation[K] extends readonly (number | null)[] ? K : never;
}[keyof Evaluation];

/** What belongs together in a table, with its title. */
export const measureGroups = {
  images: "Images",
  counts: "Counts",
  bound: "Evidence lower bound (ELBO), mean per image",
  importance: "Importance-weighted bound on log p(x), mean per image",
  boxes: "Boxes",
  pruned: "Without objects that explain nothing",
} as const;

export type MeasureGroup = keyof typeof measureGroups;

interface MeasureForm {
  readonly group: MeasureGroup;
  /** What heads its row in a table. No other measure has the same. */
  readonly label: string;
  /** Its name where there is little room: the head of a column, a line of text. No other measure has the same. */
  readonly short?: string;
  /** What it is, in a few words that follow its name; a measure with a column has them. */
  readonly meaning?: string;
  readonly unit: Unit;
  /** After the decimal point; by default as many as the unit's other numbers have. */
  readonly digits?: number;
  /** Undefined for what is neither good nor bad, such as a number of images. */
  readonly better?: "higher" | "lower";
  /** The key of its standard error over the images, which is written after it. */
  readonly standardError?: MeasureKey;
  /** Has a column where there is one for each measure, as in the table of a sweep, and is in the line of an evaluation. */
  readonly isHeadline?: true;
  /** Is logged at each evaluation in training: a line of the chart `chart`. One that shares a chart has a name there. */
  readonly curve?: { readonly chart: string; readonly line?: string };
  /** Its key among the metrics in `config.json` of an exported model, on whose card it then is. */
  readonly manifestKey?: string;
  /** The same measure of the images with each true count, in a list. */
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
};

const forms: Readonly<Record<MeasureKey, MeasureForm>> = {
  images: { group: "images", label: "Held-out images", unit: "count", manifestKey: "images" },
  seed: { group: "images", label: "Seed of the noise", unit: "count" },
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
  "pruned.countAccuracy": {
    group: "pruned",
    label: "Count accuracy of what infer finds",
    unit: "share",
    better: "higher",
    manifestKey: "countAccuracyPruned",
  },
  ...boxMeasures("pruned.boxes", "pruned", ", pruned"),
};

/** @param suffix of each label */
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

/** A number that is measured of a model. */
export interface Measure extends MeasureForm {
  readonly key: MeasureKey;
  readonly short: string;
}

/** All measures, in the order in which they are shown. */
export const measures: readonly Measure[] = Object.entries(forms).map(([key, form]) => ({
  short: form.label,
  ...form,
  key: key as MeasureKey,
}));

/** Those with a column where there is one for each measure. Training takes them too. */
export const headlineMeasures: readonly Measure[] = measures.filter(({ isHeadline }) => isHeadline);

/** Those with a learning curve. Training takes them too. */
export const curveMeasures: readonly Measure[] = measures.filter(({ curve }) => curve !== undefined);

/** Those that are also taken of the images with each true count. */
export const measuresByCount = measures.flatMap((measure) =>
  measure.byCount === undefined ? [] : [{ measure, list: measure.byCount }],
);

const byKey: ReadonlyMap<string, Measure> = new Map(measures.map((measure) => [measure.key, measure]));

export function measureOf(key: MeasureKey): Measure {
  return byKey.get(key)!;
}

/** Undefined if no measure has this key. */
export function findMeasure(key: string): Measure | undefined {
  return byKey.get(key);
}

/**
 * The number that `numbers` has at the measure's key; null if there was nothing to measure it on, such as the precision of no
 * boxes, and undefined if it was not measured.
 *
 * @param numbers a measurement, an evaluation, a record of a log or the like; it may come from a file
 */
export function measured(numbers: unknown, { key }: Pick<Measure, "key">): number | null | undefined {
  let value = numbers;
  for (const name of key.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return typeof value === "number" || value === null ? value : undefined;
}

/** A measure's value with its unit: `97.40 %`; `none` for null. */
export function written({ unit, digits }: Measure, value: number | null): string {
  return value === null ? "none" : inUnit(value, unit, digits);
}

/** A measure's value without its unit, as in a column under {@link columnHead}. */
export function writtenInColumn({ unit, digits }: Measure, value: number): string {
  return withoutUnit(value, unit, digits);
}

/** `ELBO, nats` */
export function columnHead({ short, unit }: Measure): string {
  const symbol = unitSymbol(unit);
  return symbol === "" ? short : `${short}, ${symbol}`;
}

/** `ELBO: the evidence lower bound on log p(x), mean over the images.`, a sentence for each of the measures that says what it is. */
export function meanings(shown: readonly Measure[], nameOf: (measure: Measure) => string): string {
  return shown
    .filter(({ meaning }) => meaning !== undefined)
    .map((measure) => `${nameOf(measure)}: ${measure.meaning}.`)
    .map((sentence) => sentence.charAt(0).toUpperCase() + sentence.slice(1))
    .join(" ");
}

export interface MeasureRow {
  readonly measure: Measure;
  /** The value, with its standard error if that is known, and the unit: `615.20 ± 1.31 nats`. */
  readonly text: string;
}

/** A row for each of the `shown` measures that `numbers` has; a standard error is in the row of what it is of. */
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

/** {@link measureRows} by groups; groups of which nothing was measured have no rows. */
export function measureRowsByGroup(numbers: unknown): Readonly<Record<MeasureGroup, readonly MeasureRow[]>> {
  const groups = Object.keys(measureGroups) as MeasureGroup[];
  const all = measureRows(numbers);
  return Object.fromEntries(
    groups.map((group) => [group, all.filter(({ measure }) => measure.group === group)]),
  ) as unknown as Record<MeasureGroup, readonly MeasureRow[]>;
}

/** `ELBO 615.20 nats` */
export function rowInWords({ measure, text }: MeasureRow): string {
  return `${measure.short} ${text}`;
}

/** `MAP count accuracy 97.40 %, sampled count accuracy 96.93 %, ELBO 615.20 nats` */
export function headlines(numbers: unknown): string {
  return measureRows(numbers, headlineMeasures).map(rowInWords).join(", ");
}

/** The numbers of an evaluation that training logs, by their keys: those with a curve, and the number of images. */
export function loggedNumbers(evaluation: Evaluation): Record<string, number> {
  return numbersBy(evaluation, [measureOf("images"), ...curveMeasures], ({ key }) => key);
}

/** The numbers that an exported model is shipped with, by their keys in its `config.json`. */
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
