import { describe, expect, it } from "vitest";
import { EvaluationTally } from "../src/evaluation.js";
import {
  columnHead,
  curveMeasures,
  headlineMeasures,
  headlines,
  loggedNumbers,
  type Measurement,
  manifestMetrics,
  meanings,
  measured,
  measureGroups,
  measureModel,
  measureOf,
  measureRows,
  measureRowsByGroup,
  measures,
  measuresByCount,
  written,
} from "../src/index.js";
import { box, type Case, fakeModel, scenesOf } from "./fake-model.js";

const cases: Case[] = [
  { truth: [box(0, 0)], found: [box(0, 0)], elbo: -12.5 },
  { truth: [], found: [box(5, 5)], elbo: 3 },
];

/** A measurement with every number. */
const measureAll = (): Promise<Measurement> =>
  measureModel(fakeModel(cases), scenesOf(cases), { importanceSamples: 10 });

/** An evaluation with the form that training logs. */
const tally = new EvaluationTally(0.01, 2, 2);
tally.add(0, { elbo: 0, logLikelihood: 0, klWhere: 0, klWhat: 0, klCount: 0, countProbabilities: [1, 0, 0] });
const evaluation = tally.result();

function numberKeys(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value === "number" || value === null) return [path.join(".")];
  if (typeof value !== "object" || Array.isArray(value)) return [];
  return Object.entries(value as object).flatMap(([key, inner]) => numberKeys(inner, [...path, key]));
}

function expectUnique(names: readonly (string | undefined)[]): void {
  const known = names.filter((name) => name !== undefined);
  expect(known.filter((name, i) => known.indexOf(name) !== i)).toEqual([]);
}

describe("the table of measures", () => {
  it("has a row for every number of a measurement, and no other", async () => {
    // With the truth about enough objects to tell kinds by.
    const both = [box(0, 0), box(6, 6)];
    const many = Array.from({ length: 60 }, (): Case => ({ truth: both, found: both }));
    const truth = {
      size: 60,
      owners: new Uint8Array(60 * 100).fill(1),
      kinds: Uint8Array.from({ length: 120 }, (_, object) => object % 2),
      counts: new Uint8Array(60).fill(2),
      maxObjects: 2,
    };
    const options = { importanceSamples: 2, truth };
    const keys = numberKeys(await measureModel(fakeModel(many), scenesOf(many), options));
    expect(measures.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
  });

  it("gives no name to two measures", () => {
    expectUnique(measures.map(({ label }) => label));
    expectUnique(measures.map(({ short }) => short));
    expectUnique(measures.map(({ manifestKey }) => manifestKey));
    expectUnique(curveMeasures.map(({ curve }) => `${curve!.chart}: ${curve!.line}`));
  });

  it("has only measures of one unit in a chart, each with its own name", () => {
    for (const chart of new Set(curveMeasures.map(({ curve }) => curve!.chart))) {
      const lines = curveMeasures.filter(({ curve }) => curve!.chart === chart);
      expect(new Set(lines.map(({ unit }) => unit)).size, chart).toBe(1);
      if (lines.length > 1) expect(lines.map(({ curve }) => curve!.line)).not.toContain(undefined);
    }
  });

  it("has only measures of evaluations in curves, columns and lists, and explains each column and its better direction", () => {
    for (const measure of [...headlineMeasures, ...curveMeasures]) {
      expect(measured(evaluation, measure), measure.key).toBeTypeOf("number");
    }
    for (const { better, meaning } of headlineMeasures) expect([better, meaning]).not.toContain(undefined);
    for (const { list } of measuresByCount) expect(evaluation[list]).toHaveLength(3);
  });

  it("keeps the keys that shipped models have", async () => {
    expect(Object.keys(manifestMetrics(await measureAll()))).toEqual(
      expect.arrayContaining([
        ...["images", "elbo", "logLikelihood", "klWhere", "klWhat", "klCount", "countAccuracyMap"],
        ...["countAccuracySampled", "countAccuracyMean", "countAccuracyPruned", "presencePriorFitted"],
        ...["elboPresencePriorFitted", "boxMeanIou", "boxRecall50", "boxRecall75", "boxAp50", "boxAp"],
        ...["overcounted", "undercounted"],
      ]),
    );
  });
});

describe("rows", () => {
  const rowsOf = (numbers: unknown): [string, string][] =>
    measureRows(numbers).map(({ measure, text }) => [measure.label, text]);

  it("hold each measure once, with its unit, and each standard error beside its measure", () => {
    const numbers = {
      countAccuracyMap: 0.974,
      elbo: 615.2,
      elboStandardError: 1.306,
      images: 2000,
      boxes: { meanIou: 0.5 },
    };
    expect(rowsOf(numbers)).toEqual([
      ["Held-out images", "2,000"],
      ["Count accuracy, most probable count", "97.40 %"],
      ["ELBO", "615.20 ± 1.31 nats"],
      ["Mean IoU, 0 for a box without a match", "0.500"],
    ]);
    expect(rowsOf({ elboStandardError: 1 })).toEqual([["Standard error of the ELBO", "1.00 nats"]]);
  });

  it("say `none` where there was nothing to measure, and leave out numbers that were not measured", () => {
    expect(rowsOf({ boxes: { precision: null } })).toEqual([["Precision of boxes at IoU 0.5", "none"]]);
    for (const nothing of [undefined, null, 3, "elbo", [], { elbo: "615" }, { boxes: 1 }, { boxes: null }]) {
      expect(rowsOf(nothing)).toEqual([]);
    }
  });

  it("each belong to a group", async () => {
    const measurement = await measureAll();
    const groups = measureRowsByGroup(measurement);
    expect(Object.keys(groups)).toEqual(Object.keys(measureGroups));
    expect(Object.values(groups).flat()).toHaveLength(measureRows(measurement).length);
  });
});

it("an evaluation in one line has every headline measure", () => {
  const line = headlines({
    ...evaluation,
    countAccuracyMap: 0.974,
    countAccuracySampled: 0.9693,
    elbo: 615.2,
    elboStandardError: 1,
  });
  const parts = line.split(", ");
  expect(parts).toEqual(
    expect.arrayContaining(["MAP count accuracy 97.40 %", "sampled count accuracy 96.93 %", "ELBO 615.20 ± 1.00 nats"]),
  );
  expect(parts).toHaveLength(headlineMeasures.length);
});

it("measures with an explanation are explained in sentences", () => {
  const shown = [measureOf("images"), measureOf("countAccuracySampled"), measureOf("elbo")];
  expect(meanings(shown, ({ short }) => short)).toMatch(/^Sampled count accuracy: .*\. ELBO: .*\.$/);
});

it("a column has its unit in the head, not in the cells", () => {
  expect(columnHead(measureOf("elbo"))).toBe("ELBO, nats");
  expect(columnHead(measureOf("boxes.meanIou"))).toBe("Mean IoU, 0 for a box without a match");
  expect(written(measureOf("importanceWeighted.effectiveSamples"), 12.345)).toBe("12.3");
});

it("training logs an evaluation's number of images and all measures with a curve", () => {
  expect(Object.keys(loggedNumbers({ ...evaluation, images: 3 }))).toEqual([
    "images",
    ...curveMeasures.map(({ key }) => key),
  ]);
});
