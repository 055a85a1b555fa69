/** Alerts on made-up evaluations, on the log of a run that went well, and on a run that collapses. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateMultiStrokes } from "@air-onnx/scenes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AlertEvidence, collapseAlerts, findAlerts } from "../src/alerts.js";
import { parseTrainConfig, type TrainConfigInput } from "../src/config.js";
import { type MetricsRecord, readAlerts, readMetrics } from "../src/run/metrics-log.js";
import { createRunFolder, resumeRunFolder } from "../src/run/run-folder.js";
import { type TrainEvent, type TrainOptions, train } from "../src/train.js";

const config = parseTrainConfig({ dataset: "multi-strokes", steps: 4000 });
const bounded = parseTrainConfig({
  dataset: "multi-strokes",
  steps: 4000,
  model: { where: { type: "bounded", side: [10, 20] } },
});

/** Images by true count, 0 to 2, and found count, 0 to 3. */
const healthy = [
  [98, 2, 0, 0],
  [1, 97, 2, 0],
  [0, 5, 95, 0],
];
/** Images that all get the count `found`. */
const all = (found: number, truths = [100, 100, 100]) =>
  truths.map((images) => [0, 1, 2, 3].map((count) => (count === found ? images : 0)));

interface Evaluated {
  readonly accuracy?: number;
  /** The bound of the held-out and the training images. */
  readonly bounds?: readonly [held: number, trained: number];
  readonly images?: number;
}

/** The log of a run with an evaluation every 500 steps. */
function logOf(evaluations: readonly Evaluated[]): MetricsRecord[] {
  return evaluations.flatMap(({ accuracy = 0.9, bounds: [held, trained] = [600, 600], images = 500 }, i) => {
    const step = 500 * (i + 1);
    const parts = (bound: number) => ({ logLikelihood: bound + 30, klWhere: 10, klWhat: 20 });
    return [
      ...[step - 250, step].map((at): MetricsRecord => ({ step: at, kind: "train", ...parts(trained) })),
      { step, kind: "evaluation", images, countAccuracyMap: accuracy, ...parts(held) },
    ];
  });
}

/** The counts of an evaluation by their confusion matrix. */
const counted = (confusion: readonly (readonly number[])[]): AlertEvidence["evaluation"] => ({
  confusion,
  foundCounts: confusion[0]!.map((_, n) => confusion.reduce((sum, row) => sum + row[n]!, 0)),
});

function alertsOf(evaluations: readonly Evaluated[], given: Partial<AlertEvidence> = {}, of = config) {
  const records = logOf(evaluations);
  const step = records.at(-1)!.step;
  return findAlerts(of, { step, evaluation: counted(healthy), windowSides: [], records, ...given });
}
const kindsOf = (...args: Parameters<typeof alertsOf>) => alertsOf(...args).map(({ alert }) => alert);
const twice: Evaluated[] = [{ accuracy: 0.4 }, { accuracy: 0.9 }];

describe("findAlerts", () => {
  it("finds nothing wrong with a run that counts", () => {
    expect(alertsOf(twice)).toEqual([]);
  });

  it("tells of one count for all images, with what to try", () => {
    const [alert] = alertsOf(twice, { evaluation: counted(all(0)) });
    expect(alert).toMatchObject({ step: 1000, kind: "alert", alert: "one-count" });
    expect(alert!.message).toMatch(
      /^100 % of the held-out images get the count 0, though at most 33 % .* Try .*model\.prior\.presence/,
    );
    expect(alertsOf(twice, { evaluation: counted(all(1)) })[0]!.message).toMatch(/the count 1, .* another seed/);
    // 2 % of the images may have another count, 3 % may not.
    const but = (images: number) => [[300 - images, images, 0, 0], ...all(0, [350, 350])];
    expect(kindsOf(twice, { evaluation: counted(but(20)) })).toEqual(["one-count"]);
    expect(kindsOf(twice, { evaluation: counted(but(30)) })).toEqual([]);
  });

  it("tells of the most steps in all images", () => {
    const [alert] = alertsOf(twice, { evaluation: counted(all(3)) });
    expect(alert!.alert).toBe("most-steps");
    expect(alert!.message).toContain("the most that the model can find");
  });

  it("accepts one count for images that nearly all have it", () => {
    expect(kindsOf(twice, { evaluation: counted(all(1, [5, 95, 0])) })).toEqual([]);
  });

  it("says nothing before a model can have learned to count", () => {
    const collapsed = { evaluation: counted(all(0)) };
    expect(kindsOf([{}], { ...collapsed, step: 499 })).toEqual([]);
    // A quarter of 4,000 steps.
    expect(kindsOf([{}], collapsed)).toEqual([]);
    expect(kindsOf([{}, {}], collapsed)).toEqual(["one-count"]);
    const slow = parseTrainConfig({ dataset: "multi-strokes", steps: 4000, curriculum: [0.25, 0.25] });
    expect(kindsOf([{}, {}, {}, {}], collapsed, slow)).toEqual([]);
    expect(kindsOf([{}, {}, {}, {}, {}], collapsed, slow)).toEqual(["one-count"]);
  });

  it("takes more evaluations than a call can have arguments", () => {
    const many = Array.from({ length: 130_000 }, () => ({ accuracy: 0.34 }));
    expect(kindsOf(many)).toEqual(["count-stuck"]);
  });

  it("tells of a count accuracy that never moves", () => {
    const still = [0.34, 0.341, 0.335, 0.338].map((accuracy) => ({ accuracy }));
    const [alert] = alertsOf(still);
    expect(alert!.alert).toBe("count-stuck");
    expect(alert!.message).toMatch(
      /still 34 %, as at the first of 4 evaluations, where always saying the commonest count gives 33 %/,
    );
    expect(kindsOf(still.slice(1))).toEqual(["count-stuck"]);
    expect(kindsOf(still.slice(2))).toEqual([]);
    expect(kindsOf([...still, { accuracy: 0.36 }])).toEqual([]);
    expect(kindsOf([0.99, 0.99, 0.99, 0.99].map((accuracy) => ({ accuracy })))).toEqual([]);
  });

  it("tells of a held-out bound that falls while that of training rises", () => {
    const bounds: [number, number][] = [
      [590, 592],
      [600, 603],
      [597.9, 612],
      [595, 620],
    ];
    const overfitted = bounds.map((each) => ({ bounds: each }));
    const [alert] = alertsOf(overfitted);
    expect(alert!.alert).toBe("overfitting");
    expect(alert!.message).toMatch(
      /from 600\.0 nats at step 1000 to 595\.0, .* from 603\.0 to 620\.0: .* Try more images/,
    );
    // Once is no trend; a little is noise; training that falls as well is no overfitting; others are other images.
    expect(kindsOf(overfitted.slice(0, 3))).toEqual([]);
    expect(kindsOf([...overfitted.slice(0, 2), { bounds: [598.5, 612] }, { bounds: [598.2, 620] }])).toEqual([]);
    expect(kindsOf([...overfitted.slice(0, 3), { bounds: [596, 600] }])).toEqual([]);
    expect(kindsOf([...overfitted.slice(0, 3), { bounds: [599, 620] }])).toEqual([]);
    expect(kindsOf([...overfitted.slice(0, 3), { bounds: [595, 620], images: 2000 }])).toEqual([]);
  });

  it("tells of windows at their bound", () => {
    const sides = (atMost: number) => Array.from({ length: 20 }, (_, i) => (i < atMost ? 19.9 : 15));
    const at = (windowSides: readonly number[], of = bounded) => alertsOf(twice, { windowSides }, of);
    expect(at(sides(10))[0]).toMatchObject({ alert: "windows-at-bound" });
    expect(at(sides(10))[0]!.message).toMatch(
      /^50 % of 20 windows have the largest side .* 20 pixels: .* larger bound/,
    );
    expect(at(new Array(8).fill(10.1))[0]!.message).toMatch(/^100 % of 8 windows have the smallest side .* 10 pixels/);
    expect(at(sides(9))).toEqual([]);
    expect(at(new Array(7).fill(10.1))).toEqual([]);
    expect(at(sides(20), config)).toEqual([]);
  });
});

describe("a run", () => {
  let folder: string;
  let images: Awaited<ReturnType<typeof generateMultiStrokes>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "air-onnx-alerts-"));
    images = await generateMultiStrokes({ seed: 0, size: 64 });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const collapsing: TrainConfigInput = {
    dataset: "multi-strokes",
    architecture: "reference",
    // So much noise is allowed that no object is worth its cost.
    model: {
      ...{ lstmSize: 4, zWhatSize: 4, predictorSize: 4, encoderSize: 4, decoderSize: 4, maxSteps: 2 },
      likelihood: { type: "gaussian", std: 3 },
    },
    ...{ batchSize: 2, threads: 1, steps: 600, stepsPerRun: 20, evaluateEvery: 100, evaluateImages: 8 },
    ...{ checkpointEvery: 100, trainSize: 64, testSize: 64 },
    optimizer: { learningRate: 0.003 },
  };
  const run = async (name: string, options: TrainOptions = {}) => {
    const path = join(folder, name);
    const made = options.resume
      ? await resumeRunFolder(path, () => {})
      : await createRunFolder(path, parseTrainConfig(collapsing), () => {});
    try {
      const result = await train(made.folder, { name: "multi-strokes", train: images, test: images }, options);
      return { result, made: made.folder };
    } finally {
      made.lock.release();
    }
  };

  it("that collapses is alerted to, in its events, its log and its result, and alike when it was stopped", async () => {
    const events: TrainEvent[] = [];
    const { result, made } = await run("straight", { onEvent: (event) => events.push(event) });
    expect(result.alerts.map(({ alert }) => alert)).toContain("one-count");
    const logged = await readAlerts(made.metricsFile, () => {});
    expect(logged.filter(({ step }) => step === 600)).toEqual(result.alerts);
    expect(events.flatMap((event) => (event.type === "alert" ? [{ ...event, type: "alert" }] : []))).toEqual(
      logged.map(({ kind, ...alert }) => ({ type: kind, ...alert })),
    );
    expect(logged.every(({ step }) => step >= 500)).toBe(true);
    expect((await readMetrics(made.metricsFile, () => {})).every(({ kind }) => kind !== ("alert" as string))).toBe(
      true,
    );

    const stop = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === "progress" && event.step === 520) stop.abort();
    };
    await run("stopped", { signal: stop.signal, onEvent });
    const resumed = await run("stopped", { resume: true });
    expect(await readAlerts(resumed.made.metricsFile, () => {})).toEqual(logged);
  });
});

it("no alert comes in a run that went well", async () => {
  // Of `air-onnx train --dataset multi-strokes --steps 1280 --evaluate-every 160 --evaluate-images 500`.
  const file = fileURLToPath(new URL("healthy-run.jsonl", import.meta.url));
  const records = await readMetrics(file, () => {});
  const healthyConfig = parseTrainConfig({ dataset: "multi-strokes", steps: 1280 });
  const evaluations = records.filter(({ kind }) => kind === "evaluation");
  expect(evaluations).toHaveLength(8);
  for (const { step, countAccuracyMap } of evaluations) {
    // A log has no confusion matrices. Once a model is judged, its counts are like those of this one.
    if (step >= 500) expect(countAccuracyMap).toBeGreaterThan(0.95);
    const until = records.filter((record) => record.step <= step);
    const evidence = { step, evaluation: counted(healthy), windowSides: [], records: until };
    expect(findAlerts(healthyConfig, evidence)).toEqual([]);
  }
});

it("finds only a model that finds nothing where no true count is known", () => {
  const uncounted = (...foundCounts: number[]) => ({ evaluation: { foundCounts } as AlertEvidence["evaluation"] });
  expect(alertsOf(twice, uncounted(500, 0, 0, 0))[0]!.message).toMatch(
    /^100 % of the held-out images get the count 0: /,
  );
  for (const found of [
    [0, 500, 0, 0],
    [0, 0, 0, 500],
    [100, 200, 200, 0],
  ]) {
    expect(kindsOf(twice, uncounted(...found))).toEqual([]);
  }
});

it("collapse alerts are those after which an export has to be forced", () => {
  expect(collapseAlerts).toEqual(["one-count", "most-steps", "count-stuck"]);
});
