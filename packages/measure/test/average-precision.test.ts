import { type Box, intersectionOverUnion, RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { AveragePrecisionTally, type ScoredBox } from "../src/average-precision.js";
import { box } from "./fake-model.js";

interface Image {
  readonly found: readonly ScoredBox[];
  readonly truth: readonly Box[];
}

const scored = (box: Box, score: number): ScoredBox => ({ box, score });
const far = box(50, 50);

function precisionOf(images: readonly Image[]) {
  const tally = new AveragePrecisionTally();
  for (const { found, truth } of images) tally.add(found, truth);
  return tally.result();
}

describe("average precision", () => {
  it("is 1 for the true boxes, 0 for others and for none, and not known without a true box", () => {
    expect(precisionOf([{ found: [scored(box(0, 0), 0.5)], truth: [box(0, 0)] }])).toEqual({ at50: 1, mean: 1 });
    expect(precisionOf([{ found: [scored(far, 0.5)], truth: [box(0, 0)] }])).toEqual({ at50: 0, mean: 0 });
    expect(precisionOf([{ found: [], truth: [box(0, 0)] }])).toEqual({ at50: 0, mean: 0 });
    expect(precisionOf([{ found: [scored(far, 0.5)], truth: [] }])).toBeUndefined();
  });

  it("counts a hit up to its IoU", () => {
    // Three quarters of each box are hit: 12 pixels of a union of 20, an IoU of 0.6.
    const { at50, mean } = precisionOf([{ found: [scored(box(1, 0), 0.9)], truth: [box(0, 0)] }])!;
    expect(at50).toBe(1);
    expect(mean).toBeCloseTo(6 / 9, 12);
  });

  it("is lowered by a wrong box only as far as that is surer than right ones", () => {
    const right = { found: [scored(box(0, 0), 0.8)], truth: [box(0, 0)] };
    const wrong = (score: number): Image => ({ found: [scored(far, score)], truth: [] });
    expect(precisionOf([right, wrong(0.7)])!.at50).toBe(1);
    expect(precisionOf([right, wrong(0.9)])!.at50).toBeCloseTo(0.5, 12);
    // Equal scores keep their order.
    expect(precisionOf([right, wrong(0.8)])!.at50).toBe(1);
    expect(precisionOf([wrong(0.8), right])!.at50).toBeCloseTo(0.5, 12);
  });

  it("has no precision at recalls that are not reached: two of three true boxes are 67 of 101 recalls", () => {
    const truth = [box(0, 0), box(10, 0), box(20, 0)];
    const found = [scored(box(0, 0), 0.9), scored(far, 0.8), scored(box(10, 0), 0.7)];
    // A third is reached by 1 of 1, two thirds by 2 of 3.
    expect(precisionOf([{ found, truth }])!.at50).toBeCloseTo((34 + 33 * (2 / 3)) / 101, 12);
  });

  it("gives a true box to one found box alone, the surest", () => {
    const found = [scored(box(1, 0), 0.9), scored(box(0, 0), 0.8)];
    const { at50, mean } = precisionOf([{ found, truth: [box(0, 0)] }])!;
    expect(at50).toBe(1);
    // From IoU 0.7 on, the second box is the first hit.
    expect(mean).toBeCloseTo((6 + 3 * 0.5) / 9, 12);
  });

  it("is that of its definition, taken literally, on any images", () => {
    const random = new RandomStream(3);
    const anyBox = (): Box => box(random.integer(3), random.integer(3), 4 + random.integer(2));
    const images = Array.from(
      { length: 60 },
      (): Image => ({
        found: Array.from({ length: random.integer(4) }, () => scored(anyBox(), random.integer(5) / 4)),
        truth: Array.from({ length: random.integer(4) }, anyBox),
      }),
    );
    const { at50, mean } = precisionOf(images)!;
    const thresholds = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((tenths) => tenths / 10);
    const expected = thresholds.map((threshold) => literally(images, threshold));
    expect(at50).toBeCloseTo(expected[4]!, 12);
    expect(mean).toBeCloseTo(expected.reduce((a, b) => a + b) / 9, 12);
    expect(at50 > 0.05 && at50 < 0.95).toBe(true);
  });
});

/** The average precision: box by box down the ranking, then the best precision at or beyond each recall. */
function literally(images: readonly Image[], threshold: number): number {
  const ranking = images
    .flatMap(({ found }, image) => found.map(({ box, score }) => ({ box, score, image })))
    .sort((a, b) => b.score - a.score);
  const taken = new Set<Box>();
  const points: { recall: number; precision: number }[] = [];
  let hits = 0;
  ranking.forEach(({ box, image }, i) => {
    const [best] = images[image]!.truth.filter(
      (truth) => !taken.has(truth) && intersectionOverUnion(box, truth) >= threshold,
    ).sort((a, b) => intersectionOverUnion(box, b) - intersectionOverUnion(box, a));
    if (best) {
      taken.add(best);
      hits++;
    }
    const all = images.reduce((sum, { truth }) => sum + truth.length, 0);
    points.push({ recall: hits / all, precision: hits / (i + 1) });
  });
  const recalls = Array.from({ length: 101 }, (_, i) => i / 100);
  const precisions = recalls.map((r) =>
    Math.max(0, ...points.filter(({ recall }) => recall >= r).map(({ precision }) => precision)),
  );
  return precisions.reduce((a, b) => a + b) / 101;
}
