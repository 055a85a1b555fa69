/**
 * The log of a training run, or of several, as charts: what is drawn together, what is smoothed, and what it is called.
 */
import type { MetricsKind, MetricsRecord } from "@air-onnx/train/runs";
import { type LineChart, type Point, type Series, seriesColours } from "../html/line-chart.js";

/** One run's log. */
export interface RunRecords {
  /** What the run is called in legends. */
  readonly name: string;
  /** Oldest first. */
  readonly records: readonly MetricsRecord[];
}

interface Line {
  readonly kind: MetricsKind;
  readonly metric: string;
  readonly name: string;
}

interface Plan extends Pick<LineChart, "title" | "yLabel" | "yScale" | "percent"> {
  readonly lines: readonly Line[];
}

const train = (metric: string, name: string): Line => ({ kind: "train", metric, name });
const evaluation = (metric: string, name: string): Line => ({ kind: "evaluation", metric, name });

const plans: readonly Plan[] = [
  {
    title: "ELBO",
    yLabel: "nats per image",
    lines: [train("elbo", "training"), evaluation("elbo", "held-out images")],
  },
  {
    title: "Count accuracy",
    yLabel: "share of held-out images",
    percent: true,
    lines: [evaluation("countAccuracyMap", "most probable count"), evaluation("countAccuracySampled", "sampled count")],
  },
  {
    title: "KL from the prior",
    yLabel: "nats per image",
    lines: [train("klWhat", "what"), train("klWhere", "where"), train("klCount", "count")],
  },
  {
    title: "KL from the prior, held-out images",
    yLabel: "nats per image",
    lines: [evaluation("klWhat", "what"), evaluation("klWhere", "where"), evaluation("klCount", "count")],
  },
  {
    title: "Log-likelihood",
    yLabel: "nats per image",
    lines: [train("logLikelihood", "training"), evaluation("logLikelihood", "held-out images")],
  },
  { title: "Expected count", yLabel: "objects per image", lines: [train("count", "training")] },
  { title: "Gradient norm", yLabel: "before clipping", yScale: "log", lines: [train("gradientNorm", "training")] },
  { title: "Learning rate", yLabel: "step size of Adam", lines: [train("learningRate", "training")] },
];

/** Where the run is, or how long it took, rather than what it learned. */
const notLearned = new Set(["step", "kind", "images", "trainingSeconds", "millisecondsPerStep"]);
/** What is set rather than measured has no noise. */
const exact = new Set(["learningRate"]);
/** Fewer points than this are shown as they are. */
const LEAST_SMOOTHED = 20;
/** On how many neighbours to either side, or on which share of all points, a smoothed value rests. */
const SMOOTHING = { points: 2, share: 1 / 60 } as const;

/**
 * Charts of every metric that the logs hold; none if they hold nothing. Metrics that are noisy are smoothed: of a single run
 * the noise stays faintly visible. Several runs are laid over each other, with a chart for each metric.
 */
export function learningCurves(runs: readonly RunRecords[]): LineChart[] {
  const all = [...plans, ...otherPlans(runs)];
  const charts = runs.length === 1 ? all : all.flatMap(splitByLine);
  return charts.flatMap(({ lines, ...form }) => {
    const series = lines.flatMap((line, i) =>
      runs.flatMap((run, k) => seriesOf(run, line, runs.length === 1 ? i : k, runs.length > 1)),
    );
    if (series.length === 0) return [];
    const isPositive = series.every(({ points }) => points.every(({ y }) => y > 0));
    const yScale = form.yScale === "log" && isPositive ? "log" : "linear";
    return [{ ...form, yScale, xLabel: "training step", description: describe(series), series } as const];
  });
}

/** For each point the mean of it and its neighbours, as many on the one side as on the other: no curve lags behind. */
export function smoothed(points: readonly Point[]): readonly Point[] {
  if (points.length < LEAST_SMOOTHED) return points;
  const reach = Math.max(SMOOTHING.points, Math.round(SMOOTHING.share * points.length));
  return points.map(({ x }, i) => {
    const beside = Math.min(reach, i, points.length - 1 - i);
    const group = points.slice(i - beside, i + beside + 1);
    return { x, y: group.reduce((sum, { y }) => sum + y, 0) / group.length };
  });
}

function splitByLine({ lines, ...form }: Plan): Plan[] {
  return lines.map((line) => ({
    ...form,
    title: lines.length === 1 ? form.title : `${form.title}: ${line.name}`,
    lines: [line],
  }));
}

/** A chart of its own for every metric without a place in {@link plans}. */
function otherPlans(runs: readonly RunRecords[]): Plan[] {
  const records = runs.flatMap((run) => run.records);
  const planned = new Set(plans.flatMap(({ lines }) => lines.map(({ kind, metric }) => `${kind}/${metric}`)));
  // Of most estimators the loss is the bound's negative.
  if (records.every(({ loss, elbo }) => loss === undefined || loss === -Number(elbo))) planned.add("train/loss");
  const others = new Map<string, Line>();
  for (const record of records) {
    for (const metric of Object.keys(record)) {
      const key = `${record.kind}/${metric}`;
      if (notLearned.has(metric) || planned.has(key) || others.has(key)) continue;
      others.set(key, { kind: record.kind, metric, name: record.kind === "train" ? "training" : "held-out images" });
    }
  }
  return [...others.values()].map((line) => ({
    title: `${inWords(line.metric)}, ${line.name}`,
    yLabel: line.metric,
    lines: [line],
  }));
}

function seriesOf({ name, records }: RunRecords, line: Line, colour: number, isOneOfMany: boolean): Series[] {
  const points = records.flatMap((record) => {
    const value = record.kind === line.kind ? record[line.metric] : undefined;
    return typeof value === "number" ? [{ x: record.step, y: value }] : [];
  });
  if (points.length === 0) return [];
  const form = { name: isOneOfMany ? name : line.name, colour, dashed: colour >= seriesColours.length };
  if (line.kind === "evaluation") return [{ ...form, points, marks: points.length <= 100 }];
  const smooth = exact.has(line.metric) ? points : smoothed(points);
  if (smooth === points) return [{ ...form, points }];
  return isOneOfMany
    ? [{ ...form, points: smooth }]
    : [
        { ...form, points, faint: true },
        { ...form, points: smooth },
      ];
}

/** Where each curve begins and ends. */
function describe(series: readonly Series[]): string {
  return series
    .filter(({ faint }) => !faint)
    .map(({ name, points }) => {
      const [first, last] = [points[0]!, points.at(-1)!];
      return `${name} ${rounded(first.y)} at step ${first.x} to ${rounded(last.y)} at step ${last.x}`;
    })
    .join("; ");
}

function rounded(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

/** `presencePrior` → `Presence prior`. */
function inWords(metric: string): string {
  const words = metric.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
