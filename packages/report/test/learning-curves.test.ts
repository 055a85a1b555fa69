import { curveMeasures, loggedNumbers } from "@air-onnx/measure";
import type { MetricsRecord } from "@air-onnx/train";
import { describe, expect, it } from "vitest";
import { EvaluationTally } from "../../measure/src/evaluation.js";
import { lineChart } from "../src/html/line-chart.js";
import { learningCurves, smoothed } from "../src/run/learning-curves.js";

const records = (seed: number): MetricsRecord[] =>
  Array.from({ length: 60 }, (_, i): MetricsRecord[] => {
    const step = 20 * (i + 1);
    const elbo = step + seed;
    const train = {
      step,
      kind: "train",
      loss: -elbo,
      elbo,
      klWhat: 2,
      klWhere: 1,
      gradientNorm: 5,
      learningRate: 1e-3,
      millisecondsPerStep: 30,
      ownRate: i,
    } as const;
    const evaluation = {
      step,
      kind: "evaluation",
      images: 100,
      elbo,
      countAccuracyMap: 0.9,
      trainingSeconds: 3,
      boxIou: 0.5,
    } as const;
    return i % 20 === 19 ? [train, evaluation] : [train];
  }).flat();
const titles = (charts: readonly { title: string }[]): string[] => charts.map(({ title }) => title);

describe("learningCurves", () => {
  const charts = learningCurves([{ name: "run", records: records(0) }]);

  it("draws every metric that was learned once, those that belong together in one chart", () => {
    expect(titles(charts)).toEqual([
      "Count accuracy, held-out images",
      "ELBO",
      "KL from the prior",
      "Gradient norm",
      "Learning rate",
      "Own rate, training",
      "Box iou, held-out images",
    ]);
    expect(charts[2]!.series.filter(({ faint }) => !faint).map(({ name }) => name)).toEqual(["where", "what"]);
  });

  it("draws every measure that is logged at an evaluation, in the chart that the table of measures names", () => {
    const tally = new EvaluationTally(0.01, 2, 2);
    const bound = { elbo: 1, logLikelihood: 1, klWhere: 0, klWhat: 0, klCount: 0 };
    tally.add(1, { ...bound, countProbabilities: Float64Array.of(0, 1, 0) });
    const numbers = loggedNumbers(tally.result());
    // Each measure has a value of its own, which identifies its curve.
    const values = Object.fromEntries(Object.keys(numbers).map((key, i) => [key, i + 1]));
    const drawn = learningCurves([{ name: "run", records: [{ step: 10, kind: "evaluation", ...values }] }]);
    for (const { key, curve } of curveMeasures) {
      const chart = drawn.filter(({ series }) => series.some(({ points }) => points[0]!.y === values[key]));
      expect(chart.map(({ title }) => title.replace(", held-out images", ""))).toEqual([curve!.chart]);
    }
  });

  it("draws the smoothed curve over the reported one, and marks evaluations", () => {
    const [reported, smooth, held] = charts[1]!.series;
    expect(reported).toMatchObject({ name: "training", faint: true, colour: 0 });
    expect(reported!.points).toHaveLength(60);
    expect(smooth).toMatchObject({ name: "training", colour: 0 });
    expect(held).toMatchObject({ name: "held-out images", colour: 1, marks: true });
    expect(held!.points).toEqual([400, 800, 1200].map((x) => ({ x, y: x })));
    expect(charts[1]!.description).toContain("held-out images 400 at step 400 to 1,200 at step 1200");
  });

  it("does not smooth a metric that is set", () => {
    expect(charts.find(({ title }) => title === "Learning rate")!.series).toHaveLength(1);
  });

  it("shows a loss that is not the negative bound", () => {
    const nvil = records(0).map((record) => (record.kind === "train" ? { ...record, loss: 1 } : record));
    expect(titles(learningCurves([{ name: "run", records: nvil }]))).toContain("Loss, training");
  });

  it("draws several runs over each other, with a chart for each metric", () => {
    const several = learningCurves([0, 1, 2].map((seed) => ({ name: `seed-${seed}`, records: records(seed) })));
    expect(titles(several).slice(0, 3)).toEqual([
      "Count accuracy, held-out images: most probable count",
      "ELBO: training",
      "ELBO: held-out images",
    ]);
    expect(several[2]!.series.map(({ name, colour }) => [name, colour])).toEqual([
      ["seed-0", 0],
      ["seed-1", 1],
      ["seed-2", 2],
    ]);
  });

  it("makes only charts that can be drawn, also from a logarithmic metric that reaches zero or a single record", () => {
    const zero = records(0).map((record) => (record.kind === "train" ? { ...record, gradientNorm: 0 } : record));
    for (const chart of learningCurves([{ name: "run", records: zero }]))
      expect(lineChart(chart).source).toContain("<svg");
    for (const chart of learningCurves([{ name: "run", records: records(0).slice(0, 1) }])) lineChart(chart);
    expect(learningCurves([{ name: "run", records: [] }])).toEqual([]);
  });
});

describe("smoothed", () => {
  it("keeps a straight line, its ends and its length", () => {
    const line = Array.from({ length: 200 }, (_, x) => ({ x, y: 2 * x + 1 }));
    smoothed(line).forEach(({ x, y }, i) => {
      expect(x).toBe(i);
      expect(y).toBeCloseTo(2 * i + 1, 9);
    });
  });

  it("reduces noise", () => {
    const noise = Array.from({ length: 300 }, (_, x) => ({ x, y: x % 2 }));
    for (const { y } of smoothed(noise).slice(10, -10)) expect(Math.abs(y - 0.5)).toBeLessThan(0.1);
  });
});
