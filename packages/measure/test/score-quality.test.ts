import { parseAirConfig } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { judgeObjects, measureModel, ScoreTally } from "../src/index.js";
import { box, fakeModel, scenesOf } from "./fake-model.js";

const object = (score: number, tightBox = box(0, 0)) => ({
  ...{ presence: 0.5, score, tightBox, box: tightBox, mask: new Uint8Array(100), zWhere: [2, 0, 0] as const },
  ...{ zWhat: new Float32Array(1), patch: new Float32Array(16) },
});

describe("ScoreTally", () => {
  it("compares scores with the share of objects that meet a true box at IoU 0.5", () => {
    const tally = new ScoreTally();
    // One of two found boxes fits; then a lone box that overlaps too little.
    tally.add([object(0.9), object(0.9, box(6, 6))], [box(0, 0)]);
    tally.add([object(0.3, box(2, 2))], [box(0, 0)]);
    tally.add([], []);
    const quality = tally.result()!;
    expect(quality).toMatchObject({ objects: 3, right: 1 / 3 });
    expect(quality.reliability.map(({ objects }) => objects)).toEqual([1, 1, 1]);
    expect(quality.brier).toBeCloseTo((0.1 ** 2 + 0.9 ** 2 + 0.3 ** 2) / 3);
    // Right against 0.3 wins, against the equal score it is half a win.
    expect(quality.ranking).toBe(0.75);
  });

  it("has ten groups of equally many objects, and their mean distance from the diagonal", () => {
    const tally = new ScoreTally();
    for (let i = 0; i < 1000; i++) {
      // Groups of 100 with the scores 0.05, 0.15, …; the share that fits is 0.1 higher, except in the last group.
      const score = (Math.floor(i / 100) + 0.5) / 10;
      const fits = i % 100 < Math.min(100, 100 * score + 10);
      tally.add([object(score)], fits ? [box(0, 0)] : []);
    }
    const { reliability, calibrationError } = tally.result()!;
    expect(reliability).toHaveLength(10);
    reliability.forEach(({ objects, meanScore, right }, group) => {
      expect(objects).toBe(100);
      expect(meanScore).toBeCloseTo((group + 0.5) / 10, 10);
      expect(right).toBeCloseTo(Math.min(1, (group + 1.5) / 10), 10);
    });
    expect(calibrationError).toBeCloseTo((9 * 0.1 + 0.05) / 10, 10);
  });

  it("has nothing to say of no objects, and no ranking without a wrong one", () => {
    const tally = new ScoreTally();
    tally.add([], [box(0, 0)]);
    expect(tally.result()).toBeUndefined();
    tally.add([object(0.2)], [box(0, 0)]);
    expect(tally.result()).toMatchObject({ right: 1, ranking: null });
  });
});

it("measureModel measures the scores of what infer finds by default", async () => {
  const cases = [
    { truth: [box(0, 0)], found: [box(0, 0), box(6, 6)], needed: [box(0, 0)], score: 0.8 },
    { truth: [], found: [] },
  ];
  const { score } = await measureModel(fakeModel(cases), scenesOf(cases));
  expect(score).toMatchObject({ objects: 1, right: 1 });
  expect(score!.calibrationError).toBeCloseTo(0.2);
});

it("judgeObjects says what a calibration is fitted to", () => {
  const config = parseAirConfig({ imageSize: 10, objectSize: 4 });
  const image = new Float32Array(100).fill(1);
  const scene = { objects: [object(1), object(1, box(6, 6))], reconstruction: new Float32Array(100).fill(0.5) };
  expect(judgeObjects(scene, image, [box(6, 6)], config)).toEqual([
    { presence: 0.5, unexplained: 0.25, isRight: false },
    { presence: 0.5, unexplained: 0.25, isRight: true },
  ]);
});
