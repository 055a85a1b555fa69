import { describe, expect, it } from "vitest";
import { matchBoxes } from "../src/box-matching.js";
import { RandomStream } from "../src/random.js";
import { type Box, intersectionOverUnion } from "../src/where.js";

const square = (xmin: number, ymin: number, side: number): Box => ({
  xmin,
  ymin,
  xmax: xmin + side,
  ymax: ymin + side,
});

/** Largest sum of overlaps, found by trying every assignment. */
function largestSum(found: readonly Box[], truth: readonly Box[]): number {
  const [first, ...others] = found;
  if (!first) return 0;
  const left = largestSum(others, truth);
  return Math.max(
    left,
    ...truth.map((box, i) => intersectionOverUnion(first, box) + largestSum(others, truth.toSpliced(i, 1))),
  );
}

describe("matchBoxes", () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [5, 5],
    [2, 5],
    [5, 2],
    [4, 3],
  ])("finds the best of all assignments of %d boxes to %d", (found, truth) => {
    const stream = new RandomStream(3, found, truth);
    const boxes = (n: number): Box[] =>
      Array.from({ length: n }, () => square(6 * stream.uniform(), 6 * stream.uniform(), 2 + 5 * stream.uniform()));
    for (let round = 0; round < 40; round++) {
      const [a, b] = [boxes(found), boxes(truth)];
      const matches = matchBoxes(a, b);
      expect(matches.reduce((sum, { iou }) => sum + iou, 0)).toBeCloseTo(largestSum(a, b), 10);
      expect(new Set(matches.map((match) => match.found)).size).toBe(matches.length);
      expect(new Set(matches.map((match) => match.truth)).size).toBe(matches.length);
      for (const match of matches) {
        expect(match.iou).toBe(intersectionOverUnion(a[match.found]!, b[match.truth]!));
      }
    }
  });

  it("gives up the best pair where two others are better together", () => {
    const truth = [square(0, 0, 10), square(6, 0, 10)];
    const found = [square(2, 0, 10), square(-3, 0, 10)];
    expect(matchBoxes(found, truth)).toMatchObject([
      { found: 0, truth: 1 },
      { found: 1, truth: 0 },
    ]);
  });

  it("makes no pair of boxes that do not overlap, nor of empty lists", () => {
    expect(matchBoxes([square(0, 0, 2)], [square(5, 5, 2)])).toEqual([]);
    expect(matchBoxes([], [square(0, 0, 2)])).toEqual([]);
    expect(matchBoxes([square(0, 0, 2)], [])).toEqual([]);
  });
});
