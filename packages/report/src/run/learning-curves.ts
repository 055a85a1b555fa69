/**
 * Turns the logs of training runs into charts: which metrics share a chart, which are smoothed, and their names.
 */
import { curveMeasures, type Measure, plain, type Unit } from "@air-onnx/measure";
import type { MetricsKind, MetricsRecord } from "@air-onnx/train/runs";
import { type ChartPoint, type LineChart, type Series, seriesColours } from "../html/line-chart.js";

/** The log of one run. */
export interface RunRecords {
  /** Name of the run in legends. */
  readonly name: string;
  /** Records of the log, the oldest first. */
  readonly records: readonly MetricsRecord[];
}

/** A curve: one metric of one kind of record. */
interface Line {
  readonly kind: MetricsKind;
  readonly metric: string;
  readonly name: string;
}

/** A chart before it has points. */
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

/** Charts of metrics that training logs but no evaluation measures. */
const trainingPlans: readonly Plan[] = [
  { title: "Expected count", yLabel: "objects per image", lines: [train("count", "training")] },
  { title: "Gradient norm", yLabel: "before clipping", yScale: "log", lines: [train("gradientNorm", "training")] },
  { title: "Learning rate", yLabel: "step size of Adam", lines: [train("learningRate", "training")] },
];

const plans: readonly Plan[] = [...measurePlans(), ...trainingPlans];

/**
 * Makes the charts of the measures. A chart with a single measure has curves of training and held-out images together. Several
 * measures that share a chart get one for training and one for held-out images. Training logs the bound's measures under the
 * same names.
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

/** Fields of a record that are not learned: the place in the run, and times. */
const notLearned = new Set(["step", "kind", "images", "trainingSeconds", "millisecondsPerStep"]);
/** Metrics that are set rather than measured, so that they have no noise. */
const exact = new Set(["learningRate"]);
/** Fewest points of a curve that is smoothed. */
const LEAST_SMOOTHED = 20;
/** Neighbours on either side that a smoothed value is the mean of: at least `points`, or a share of all points. */
const SMOOTHING = { points: 2, share: 1 / 60 } as const;

/**
 * Makes charts of every metric in the logs; none for empty logs. Noisy metrics are smoothed; for a single run the noise stays
 * faintly visible. Several runs are drawn over each other, with a chart for each metric.
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

/** Replaces each point by the mean of it and equally many neighbours on both sides, so that the curve does not lag. */
export function smoothed(points: readonly ChartPoint[]): readonly ChartPoint[] {
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

/** Makes a chart for every metric that is not in {@link plans}. */
function otherPlans(runs: readonly RunRecords[]): Plan[] {
  const records = runs.flatMap((run) => run.records);
  const planned = new Set(plans.flatMap(({ lines }) => lines.map(({ kind, metric }) => `${kind}/${metric}`)));
  // Most estimators have the negative bound as their loss, which needs no chart beside the bound's.
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

/** Describes where each curve begins and ends. */
function describe(series: readonly Series[]): string {
  return series
    .filter(({ faint }) => !faint)
    .map(({ name, points }) => {
      const [first, last] = [points[0]!, points.at(-1)!];
      return `${name} ${plain(first.y, 4)} at step ${first.x} to ${plain(last.y, 4)} at step ${last.x}`;
    })
    .join("; ");
}

/** Writes a metric's key in words: `presencePrior` → `Presence prior`. */
function inWords(metric: string): string {
  const words = metric.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
