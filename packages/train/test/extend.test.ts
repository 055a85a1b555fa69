/** Runs that are extended when they are complete, and the pictures of a user's own images. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodePng, generateMultiStrokes, writeNpz } from "@air-onnx/scenes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Batches } from "../src/batches.js";
import { parseTrainConfig, type TrainConfigInput } from "../src/config.js";
import { stageAt } from "../src/curriculum.js";
import { UnfinishedRunError } from "../src/errors.js";
import { checkpointShapes } from "../src/initial-state.js";
import { loadNewestCheckpoint, openRunFolder, readMetrics } from "../src/run/index.js";
import { extendRun, resumeRun, startRun } from "../src/run-training.js";
import type { TrainEvent } from "../src/train.js";

const silent = (): void => {};
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-extend-"));
  path = join(folder, "strokes.npz");
  await writeNpz(path, await generateMultiStrokes({ seed: 0, size: 40 }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const configOf = (given: object = {}) =>
  parseTrainConfig({
    dataset: "npz",
    path,
    architecture: "reference",
    model: { lstmSize: 8, zWhatSize: 5, predictorSize: 8, encoderSize: 8, decoderSize: 8 },
    batchSize: 4,
    threads: 1,
    steps: 20,
    stepsPerRun: 5,
    evaluateEvery: 1000,
    checkpointEvery: 10,
    curriculum: [0.25],
    optimizer: { warmupSteps: 4 },
    presencePriorSchedule: { from: 0.9, share: 0.5 },
    ...given,
  } satisfies TrainConfigInput & Record<string, unknown>);

const newest = (run: string) => loadNewestCheckpoint(openRunFolder(run), checkpointShapes, silent);

describe("an extended run", () => {
  it("goes on from its last step, is as one that was planned so, and as one that was stopped in its extension", async () => {
    const run = join(folder, "run");
    await startRun(run, configOf());
    const short = await newest(run);
    const extended = await extendRun(run, 13);
    expect(extended).toMatchObject({ step: 33, finished: true });
    expect(openRunFolder(run).config).toMatchObject({ steps: 33, extendedAt: [20] });
    const steps = (await readMetrics(join(run, "metrics.jsonl"), silent)).flatMap(({ kind, step }) =>
      kind === "train" ? [step] : [],
    );
    expect(steps).toEqual([5, 10, 15, 20, 25, 30, 33]);

    const planned = join(folder, "planned");
    await startRun(planned, configOf({ steps: 33, extendedAt: [20] }));
    const [one, other] = [await newest(run), await newest(planned)];
    expect(one!.parameters).not.toEqual(short!.parameters);
    for (const part of ["parameters", "firstMoment", "secondMoment"] as const) expect(one![part]).toEqual(other![part]);

    const stopped = join(folder, "stopped");
    await startRun(stopped, configOf());
    const stop = new AbortController();
    const onEvent = (event: TrainEvent): void => {
      if (event.type === "progress" && event.step === 25) stop.abort();
    };
    expect(await extendRun(stopped, 13, { signal: stop.signal, onEvent })).toMatchObject({ step: 25, finished: false });
    await expect(extendRun(stopped, 13)).rejects.toThrow(UnfinishedRunError);
    await resumeRun(stopped);
    expect((await newest(stopped))!.parameters).toEqual(one!.parameters);

    await extendRun(run, 7);
    expect(openRunFolder(run).config).toMatchObject({ steps: 40, extendedAt: [20, 33] });
    expect((await newest(run))!.step).toBe(40);
    const table = await readFile(openRunFolder(run).metricsTable, "utf8");
    expect(table.trim().split("\n").at(-1)).toMatch(/^40,evaluation,/);
  });

  it("keeps the schedules of its first part at their ends, and lets the learning rate rise and fall once more", () => {
    const source = { imageSize: 50, channels: 1, size: 4, images: new Uint8Array(4 * 2500) };
    const [first, extended] = [configOf({ steps: 200 }), configOf({ steps: 500, extendedAt: [200, 300] })];
    const [before, after] = [new Batches(first, source), new Batches(extended, source)];
    for (const update of [1, 4, 100, 200]) {
      expect(after.learningRate(update)).toBe(before.learningRate(update));
      expect(after.presencePrior(update)).toBe(before.presencePrior(update));
      expect(stageAt(extended, update - 1).config.model.maxSteps).toBe(
        stageAt(first, update - 1).config.model.maxSteps,
      );
    }
    const { learningRate, finalLearningRate } = first.optimizer;
    const rates = Array.from({ length: 300 }, (_, i) => after.learningRate(201 + i));
    expect(Math.max(...rates)).toBeCloseTo(learningRate / 2, 12);
    expect([rates[99], rates[299]]).toEqual([finalLearningRate, finalLearningRate]);
    expect(rates[100]).toBeGreaterThan(finalLearningRate);
    expect(after.presencePrior(450)).toBe(before.presencePrior(200));
    expect(stageAt(extended, 450)).toMatchObject({ config: { model: { maxSteps: 3 } }, end: 500 });
  });

  it.each([[[20]], [[15, 10]], [[30]]])("is not one that was extended at %j of 20 steps", (extendedAt) => {
    expect(() => configOf({ extendedAt })).toThrow(/extendedAt: must ascend, and stay below steps \(20\)/);
  });
});

it("draws a user's own images before the first step, and what it finds before the first evaluation", async () => {
  const run = join(folder, "pictures");
  const events: TrainEvent[] = [];
  const config = configOf({ steps: 110, evaluateEvery: 110 });
  await startRun(run, config, { onEvent: (event) => events.push(event) });
  const types = events.map(({ type }) => type);
  expect(types.indexOf("training-images")).toBe(0);
  expect(events.find(({ type }) => type === "first-picture")).toMatchObject({ step: 100 });
  expect(await readdir(join(run, "pictures"))).toEqual([
    "step-00000100.png",
    "step-00000110.png",
    "training-images.png",
  ]);
  const sheet = decodePng(await readFile(join(run, "pictures", "training-images.png")), "picture");
  // Eight images of 50 pixels in a row, at twice their size.
  expect(sheet.width).toBe(8 * 108 + 8);
});
