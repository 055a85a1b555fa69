import { describe, expect, it } from "vitest";
import { type MeasureOptions, measureEvidence, measureModel, WorstImages } from "../src/index.js";
import { box, type Case, fakeModel, scenesOf } from "./fake-model.js";

const measure = (cases: readonly Case[], options?: MeasureOptions) =>
  measureModel(fakeModel(cases), scenesOf(cases), options);

describe("boxes", () => {
  it("are perfect where they are the true ones, in any order", async () => {
    const pair = [box(0, 0), box(5, 5)];
    const { boxes, countAccuracyMean } = await measure([
      { truth: pair, found: pair.toReversed() },
      { truth: [], found: [] },
    ]);
    expect(countAccuracyMean).toBe(1);
    expect(boxes).toEqual({
      ...{ images: 2, trueBoxes: 2, foundBoxes: 2 },
      ...{ meanIouMatched: 1, meanIou: 1, precision: 1, recall: 1, recall75: 1, ap50: 1, ap: 1 },
    });
  });

  it("are measured again without the objects that explain nothing", async () => {
    const [first, second, between] = [box(0, 0), box(6, 6), box(3, 3)];
    const measurement = await measure([
      { truth: [first, second], found: [between, first, second], needed: [first, second] },
      { truth: [first], found: [first] },
    ]);
    expect(measurement.countAccuracyMean).toBe(0.5);
    expect(measurement.pruned!.countAccuracy).toBe(1);
    expect(measurement.pruned!.boxes!.precision).toBe(1);
    expect(measurement.boxes!.precision).toBe(3 / 4);
  });

  it("lower recall if missed, precision if invented, and the IoU if displaced", async () => {
    const { boxes } = await measure([
      // Half of the box is hit: the intersection has 8 pixels, the union 24.
      { truth: [box(0, 0)], found: [box(2, 0)] },
      { truth: [box(0, 0), box(6, 6)], found: [box(0, 0)] },
      { truth: [], found: [box(1, 1)] },
    ]);
    expect(boxes).toMatchObject({ trueBoxes: 3, foundBoxes: 3, precision: 1 / 3, recall: 1 / 3 });
    expect(boxes!.meanIouMatched).toBeCloseTo((1 / 3 + 1) / 2, 6);
    expect(boxes!.meanIou).toBeCloseTo((1 / 3 + 1) / 4, 6);
  });

  it("have recalls at two IoUs, and average precisions", async () => {
    const { boxes } = await measure([
      // The intersection has 12 pixels, the union 20.
      { truth: [box(0, 0)], found: [box(1, 0)] },
      { truth: [box(0, 0)], found: [box(0, 0)] },
    ]);
    expect(boxes).toMatchObject({ recall: 1, recall75: 0.5, ap50: 1 });
    expect(boxes!.ap).toBeGreaterThan(6 / 9);
    expect(boxes!.ap).toBeLessThan(1);
  });

  it("are measured, like counts, on the images whose count is known", async () => {
    const cases = [
      { truth: [box(0, 0)], found: [box(0, 0)] },
      { truth: [], found: [box(0, 0)] },
    ];
    const { counts, boxes, ...scenes } = scenesOf(cases);
    const part = { ...scenes, counts: counts.subarray(0, 1), boxes: boxes.subarray(0, 8) };
    const images: (number | undefined)[] = [];
    const measurement = await measureModel(fakeModel(cases), part, {
      onImage: ({ trueCount }) => void images.push(trueCount),
    });
    expect(measurement).toMatchObject({ images: 2, countedImages: 1, countAccuracyMap: 1, countAccuracyMean: 1 });
    expect(measurement.boxes).toMatchObject({ images: 1, foundBoxes: 1, precision: 1 });
    expect(measurement.pruned).toMatchObject({ countAccuracy: 1 });
    expect(images).toEqual([1, undefined]);
  });

  it("are absent, like counts, if no count is known", async () => {
    const cases = [{ truth: [], found: [box(0, 0)] }];
    const scenes = { ...scenesOf(cases), counts: new Uint8Array(0), boxes: new Float32Array(0) };
    const worst = new WorstImages(1);
    const measurement = await measureModel(fakeModel(cases), scenes, { onImage: (image) => worst.add(image) });
    expect(measurement.foundCounts).toEqual([0, 1, 0]);
    for (const key of ["countAccuracyMap", "countAccuracyMean", "confusion", "boxes", "pruned"]) {
      expect(measurement).not.toHaveProperty(key);
    }
    expect(worst.lowestElbo).toHaveLength(1);
    expect(worst.mostConfidentlyWrong).toEqual([]);
  });

  it("are not measured where the true ones are not known", async () => {
    const cases = [{ truth: [box(0, 0)], found: [box(0, 0)] }];
    const scenes = scenesOf(cases);
    scenes.boxes.fill(Number.NaN);
    const measurement = await measureModel(fakeModel(cases), scenes);
    expect(measurement).not.toHaveProperty("boxes");
    expect(measurement.countAccuracyMean).toBe(1);
  });

  it("are measured on the images whose boxes are all known", async () => {
    const cases = [
      { truth: [box(0, 0), box(5, 5)], found: [] },
      { truth: [box(0, 0)], found: [box(0, 0)] },
    ];
    const scenes = scenesOf(cases);
    scenes.boxes.fill(Number.NaN, 4, 8);
    expect((await measureModel(fakeModel(cases), scenes)).boxes).toMatchObject({ images: 1, trueBoxes: 1, meanIou: 1 });
  });
});

describe("the evidence alone", () => {
  const cases: Case[] = Array.from({ length: 5 }, (_, i) => ({ truth: [], found: [], elbo: 10 * i }));

  it("equals the evaluation in a whole measurement, whatever the batch size", async () => {
    const { config, evidence, calls } = fakeModel(cases);
    const evaluation = await measureEvidence({ config, evidence }, scenesOf(cases), { batchSize: 2 });
    expect(await measure(cases)).toMatchObject(evaluation);
    expect(evaluation).toMatchObject({ images: 5, elbo: 20 });
    expect(calls.map(({ first, images }) => [first, images])).toEqual([
      [0, 2],
      [2, 2],
      [4, 1],
    ]);
  });

  it.each([
    [{ images: 0 }, "images must be an integer of at least 1, got 0"],
    [{ batchSize: 0 }, "batchSize must be an integer of at least 1, got 0"],
    [{ signal: AbortSignal.abort(new Error("enough")) }, "enough"],
  ])("is refused with %j", async (options, message) => {
    await expect(measureEvidence(fakeModel(cases), scenesOf(cases), options)).rejects.toThrow(message);
  });
});

describe("the importance-weighted bound", () => {
  const cases: Case[] = Array.from({ length: 6 }, (_, i) => ({ truth: [], found: [], elbo: 10 * i }));

  it("is left out unless it is asked for", async () => {
    const model = fakeModel(cases);
    expect(await measureModel(model, scenesOf(cases))).not.toHaveProperty("importanceWeighted");
    expect(model.calls).toEqual([{ first: 0, images: 6, samples: 1 }]);
  });

  it("is measured on the first images alone if limited to them, the other numbers on all", async () => {
    const model = fakeModel(cases);
    const progress: [number, number][] = [];
    const measurement = await measureModel(model, scenesOf(cases), {
      importanceSamples: 50,
      importanceImages: 2,
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(measurement).toMatchObject({ images: 6, elbo: 25, klWhere: 1, klWhat: 2, klCount: 3 });
    expect(measurement.importanceWeighted).toEqual({
      ...{ samples: 50, images: 2, bound: 55, effectiveSamples: 25, analyticKlFormula: 105 },
      standardError: 5,
    });
    expect(model.calls).toEqual([
      { first: 0, images: 2, samples: 50 },
      { first: 2, images: 4, samples: 1 },
    ]);
    // The work is two inferences, without and with pruning, and the trajectories.
    const work = 2 * 6 + 2 * 50 + 4;
    expect(progress.at(-1)).toEqual([work, work]);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).toSorted((a, b) => a - b));
  });

  it("has a standard error of 0 for one image", async () => {
    const { importanceWeighted } = await measure(cases, { images: 1, importanceSamples: 3 });
    expect(importanceWeighted).toMatchObject({ images: 1, standardError: 0 });
  });
});

describe("the images", () => {
  const cases: Case[] = Array.from({ length: 5 }, (_, i) => ({ truth: [], found: [], elbo: i }));

  it("can be limited to the first ones", async () => {
    expect(await measure(cases, { images: 3 })).toMatchObject({ images: 3, elbo: 1 });
    expect(await measure(cases, { images: 99 })).toMatchObject({ images: 5, elbo: 2 });
  });

  it.each<[MeasureOptions, RegExp]>([
    [{ images: 0 }, /images must be an integer of at least 1, got 0/],
    [{ importanceSamples: 0 }, /importanceSamples must be an integer of at least 1, got 0/],
    [{ importanceSamples: 2, importanceImages: 1.5 }, /importanceImages must be .* got 1.5/],
  ])("are refused with %j", async (options, message) => {
    await expect(measure(cases, options)).rejects.toThrow(message);
  });

  it("must have the model's size", async () => {
    const scenes = { ...scenesOf(cases), imageSize: 20, images: new Uint8Array(5 * 400) };
    await expect(measureModel(fakeModel(cases), scenes)).rejects.toThrow(
      "takes images of 10x10 with 1 channel(s), but those of the data set are 20x20 with 1",
    );
  });

  it("are abandoned when the signal aborts, with its reason", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(measure(cases, { signal })).rejects.toThrow("enough");
  });
});

it("the worst images are those with the lowest bounds, and those with the surest wrong counts", async () => {
  const one = [box(0, 0)];
  const worst = new WorstImages(2);
  await measure(
    [
      { truth: one, found: one, elbo: 5 },
      { truth: one, found: [], elbo: 3, confidence: 0.6 },
      { truth: [], found: one, elbo: 9, confidence: 0.8 },
      { truth: one, found: one, elbo: 1, confidence: 0.99 },
      { truth: one, found: [], elbo: 8, confidence: 0.7 },
    ],
    { onImage: (image) => worst.add(image) },
  );
  expect(worst.lowestElbo.map(({ index }) => index)).toEqual([3, 1]);
  expect(worst.mostConfidentlyWrong.map(({ index }) => index)).toEqual([2, 4]);
});
