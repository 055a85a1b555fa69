import { describe, expect, it } from "vitest";
import { distanceTransform } from "../../src/blobs/distance-transform.js";
import { otsuThreshold } from "../../src/blobs/threshold.js";
import { watershed } from "../../src/blobs/watershed.js";

/** A mask from rows of `#` and other characters. */
function maskOf(rows: readonly string[]): Uint8Array {
  return Uint8Array.from(rows.join(""), (character) => (character === "#" ? 1 : 0));
}

/** A mask of discs, [x, y, radius]. */
function discs(side: number, ...all: readonly (readonly [number, number, number])[]): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, i) =>
    all.some(([x, y, radius]) => Math.hypot((i % side) - x, Math.floor(i / side) - y) < radius) ? 1 : 0,
  );
}

describe("otsuThreshold", () => {
  it("lies in the gap between two groups, whatever their shares", () => {
    for (const bright of [3, 50, 97]) {
      const values = Array.from({ length: 100 }, (_, i) => (i < bright ? 0.8 : 0.1) + 0.001 * (i % 7));
      expect(otsuThreshold(values)).toBeGreaterThan(0.11);
      expect(otsuThreshold(values)).toBeLessThan(0.8);
    }
  });

  it("is 0.5 where nothing can be told apart", () => {
    expect(otsuThreshold([0.2, 0.2, 0.2])).toBe(0.5);
    expect(otsuThreshold([])).toBe(0.5);
  });
});

describe("distanceTransform", () => {
  it("gives the distance to the nearest pixel outside, as a search does", () => {
    const side = 17;
    const mask = discs(side, [5, 6, 4.5], [12, 11, 3.2]);
    const found = distanceTransform(mask, side, side);
    const outside = [...mask.keys()].filter((i) => mask[i] === 0);
    mask.forEach((inside, i) => {
      const distances = outside.map((o) =>
        Math.hypot((o % side) - (i % side), Math.floor(o / side) - Math.floor(i / side)),
      );
      expect(found[i]).toBeCloseTo(inside ? Math.min(...distances) : 0, 5);
    });
  });

  it("does not measure to the edge of the image", () => {
    expect([...distanceTransform(maskOf(["###.", "###."]), 4, 2)]).toEqual([3, 2, 1, 0, 3, 2, 1, 0]);
    expect(Math.min(...distanceTransform(new Uint8Array(12).fill(1), 4, 3))).toBeGreaterThanOrEqual(7);
  });
});

describe("watershed", () => {
  it("numbers components, with their diagonal neighbours", () => {
    const mask = maskOf(["##...", "..#..", "....#", "....#"]);
    const { labels, count } = watershed(Float32Array.from(mask), 5, 4, 1);
    expect(count).toBe(2);
    expect([...labels]).toEqual([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2]);
  });

  it("splits discs that touch, at their neck, and not those that are one", () => {
    const split = (...all: readonly (readonly [number, number, number])[]) =>
      watershed(distanceTransform(discs(40, ...all), 40, 40), 40, 40, 0.15);
    const { labels, count } = split([12, 20, 8], [26, 20, 8]);
    expect(count).toBe(2);
    expect(labels[20 * 40 + 12]).not.toBe(labels[20 * 40 + 26]);
    expect(labels[20 * 40 + 15]).toBe(labels[20 * 40 + 12]);
    expect(split([12, 20, 8], [26, 20, 8], [19, 30, 7]).count).toBe(3);
    expect(split([19, 20, 8], [21, 20, 8]).count).toBe(1);
    expect(watershed(distanceTransform(discs(40, [12, 20, 8], [26, 20, 8]), 40, 40), 40, 40, 1).count).toBe(1);
  });

  it("finds nothing in an empty image", () => {
    expect(watershed(new Float32Array(9), 3, 3, 0.2)).toEqual({ labels: new Int32Array(9), count: 0 });
  });
});
