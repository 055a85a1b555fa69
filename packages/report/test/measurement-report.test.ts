import { type MeasureOptions, measureModel, measureRows, WorstImages } from "@air-onnx/measure";
import { confusionPicture, type MeasurementRecord, measurementReport, worstSheet } from "@air-onnx/report";
import type { Colour, PixelSheet } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import { box, type Case, fakeModel, scenesOf } from "../../measure/test/fake-model.js";

const pictures = {
  scenes: "scenes.png",
  worst: "worst.png",
  confusion: "confusion.png",
  reliability: "reliability.png",
};

async function recordOf(cases: readonly Case[], options?: MeasureOptions): Promise<MeasurementRecord> {
  return {
    ...(await measureModel(fakeModel(cases), scenesOf(cases), options)),
    path: "models/a",
    what: "Model a on cpu",
    dataset: "multi-strokes",
    split: "test",
    data: { testSize: 3, seed: 1 },
    differences: ["Images of seed 1; the model's own evaluation is on seed 0."],
    likelihood: { type: "gaussian", std: 0.3 },
    presencePrior: 0.01,
    seconds: 2.4,
    measuredAt: "2026-01-02T03:04:05.000Z",
    software: { "air-onnx": "1.2.3" },
    processor: "a processor",
  };
}

const cases: Case[] = [
  { truth: [box(0, 0)], found: [box(0, 0)], elbo: -12.5 },
  { truth: [], found: [box(5, 5)], elbo: 3 },
  { truth: [], found: [], elbo: 4 },
];

describe("the report", () => {
  it("has every number, everything that it depends on, and the pictures", async () => {
    const record = await recordOf(cases, { importanceSamples: 10, importanceImages: 2 });
    const report = measurementReport(record, pictures);
    for (const text of [
      "3 test images of multi-strokes (testSize 3, seed 1), noise of seed 0",
      "2026-01-02 in 2 s on a processor: air-onnx 1.2.3",
      "own evaluation is on seed 0",
      "| Count accuracy, most probable count | 66.67 % |",
      "| 0 | 2 | 50.00 % |",
      "| ELBO | -1.83 ± 5.34 nats |",
      "| KL of the count | 3.00 nats |",
      "| Images of the importance-weighted bound | 2 |",
      "| Importance-weighted bound, log 1/K Σ w | 5.25 ± 7.75 nats |",
      "not a bound | 15.25 nats |",
      "| Precision of boxes at IoU 0.5 | 50.00 % |",
      "| Recall of boxes at IoU 0.5 | 100.00 % |",
      "| Count accuracy of what infer finds | 66.67 % |",
      "| Average precision of boxes at IoU 0.5 (AP50) | 100.00 % |",
      "smallest rectangles of the pixels that the objects ink",
      "(scenes.png)",
      "(worst.png)",
      "(confusion.png)",
    ]) {
      expect(report.replaceAll(/ +/g, " ")).toContain(text);
    }
    for (const { measure, text } of measureRows(record)) {
      if (measure.group !== "images") expect(report.replaceAll(/ +/g, " ")).toContain(`| ${measure.label} | ${text} |`);
    }
    expect(report).not.toMatch(/undefined|NaN|null|\[object/);
  });

  it("names numbers that were not measured, with the reason", async () => {
    const report = measurementReport(await recordOf([{ truth: [], found: [] }]), pictures);
    expect(report).toContain("Not measured: it needs many draws for each image");
    expect(report).toContain("the true boxes of these images are not known");
  });

  it("says that grey pixels under a Bernoulli likelihood give no bound", async () => {
    const likelihood = { type: "bernoulli", canvas: "union", pixelNoise: 0.05 } as const;
    const report = measurementReport({ ...(await recordOf(cases)), likelihood }, pictures);
    expect(report).toContain("bernoulli, canvas union, pixelNoise 0.05");
    expect(report).toContain("a negative cross-entropy");
  });
});

const has = (picture: PixelSheet, [red, green, blue]: Colour): boolean => {
  for (let at = 0; at < picture.data.length; at += 3) {
    if (picture.data[at] === red && picture.data[at + 1] === green && picture.data[at + 2] === blue) return true;
  }
  return false;
};

describe("the sheet of the worst images", () => {
  const draw = async (shown: readonly Case[]): Promise<PixelSheet> => {
    const worst = new WorstImages(12);
    await measureModel(fakeModel(shown), scenesOf(shown), { onImage: (image) => worst.add(image) });
    return worstSheet(worst, scenesOf(shown));
  };
  const white: Colour = [255, 255, 255];
  const firstStep: Colour = [86, 180, 233];
  const wrong: Colour = [255, 92, 64];

  it("shows true and found boxes, and marks wrong counts", async () => {
    const missed = await draw([{ truth: [box(1, 1)], found: [], elbo: -1234.5 }]);
    expect([has(missed, white), has(missed, firstStep), has(missed, wrong)]).toEqual([true, false, true]);
    const invented = await draw([{ truth: [], found: [box(1, 1)] }]);
    expect([has(invented, white), has(invented, firstStep), has(invented, wrong)]).toEqual([false, true, true]);
    const right = await draw([{ truth: [box(1, 1)], found: [box(2, 2)] }]);
    expect([has(right, white), has(right, firstStep), has(right, wrong)]).toEqual([true, true, false]);
    expect(missed.height).toBeGreaterThan(right.height);
  });

  it("needs an image", () => {
    expect(() => worstSheet(new WorstImages(3), scenesOf(cases))).toThrow(RangeError);
  });
});

it("the confusion picture has a row for each true count of an image", () => {
  const two = confusionPicture([
    [5, 0, 0],
    [1, 1000, 3],
    [0, 0, 0],
  ]);
  const three = confusionPicture([
    [5, 0, 0],
    [1, 1000, 3],
    [0, 2, 7],
  ]);
  expect(three.width).toBe(two.width);
  expect(three.height).toBeGreaterThan(two.height);
  // All counts in the first row are right, so its cell has the full colour.
  expect(has(two, [0, 114, 178])).toBe(true);
});
