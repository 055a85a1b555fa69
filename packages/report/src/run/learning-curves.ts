/**
 * The log of a training run, or of several, as charts: what is drawn together, what is smoothed, and what it is called.
 */
import { curveMeasures, type Measure, plain, type Unit } from "@air-onnx/measure";
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
const axisLabels: Readonly<Record<Unit, string>> = {
  nats: "nats per image",
  share: "share of images",
  count: "number",
  IoU: "IoU",
  number: "mean over the images",
};

const evaluation = (metric: string, name: string): Line => ({ kind: "evaluation", metric, name });

/** What training logs beside what an evaluation measures. */
const trainingPlans: readonly Plan[] = [
  { title: "Expected count", yLabel: "objects per image", lines: [train("count", "training")] },
  { title: "Gradient norm", yLabel: "before clipping", yScale: "log", lines: [train("gradientNorm", "training")] },
  { title: "Learning rate", yLabel: "step size of Adam", lines: [train("learningRate", "training")] },
];

const plans: readonly Plan[] = [...measurePlans(), ...trainingPlans];

/**
 * A chart for the measures that share one. A single measure is drawn of training and of held-out images together; several,
 * apart. Training has the measures of the bound under the same names.
 */
function measurePlans(): Plan[] {
  const titles = [...new Set(curveMeasures.map(({ curve }) => curve!.chart))];
  return titles.flatMap((title): Plan[] => {
    const [first, ...others] = curveMeasures.filter(({ curve }) => curve!.chart === title) as [Measure, ...Measure[]];
    const form = { yLabel: axisLabels[first.unit], percent: first.unit === "share" };
    if (others.length === 0) {
      const lines = [train(first.key, "training"), evaluation(first.key, "held-out images")];
      return [{ ...form, title, lines }];
    }
    const measures = [first, ...others];
    const nameOf = ({ curve, short }: Measure): string => curve?.line ?? short;
    return [
      { ...form, title, lines: measures.map((each) => train(each.key, nameOf(each))) },
      {
        ...form,
        title: `${title}, held-out images`,
        lines: measures.map((each) => evaluation(each.key, nameOf(each))),
      },
    ];
  });
}

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
      return `${name} ${plain(first.y, 4)} at step ${first.x} to ${plain(last.y, 4)} at step ${last.x}`;
    })
    .join("; ");
}

/** `presencePrior` → `Presence prior`. */
function inWords(metric: string): string {
  const words = metric.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
