import { RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { type Augmentation, augmentationSchema, augmentImage } from "../src/augmentation.js";

const nothing: Augmentation = { flips: false, turns: false, shift: 0, brightness: 0 };

/** What becomes of an image in so many draws, each different result once. */
function results(image: readonly number[], side: number, augmentation: Partial<Augmentation>, draws = 200): number[][] {
  const form = { imageSize: side, channels: image.length / side ** 2 };
  const seen = new Map<string, number[]>();
  for (let i = 0; i < draws; i++) {
    const augmented = Float32Array.from(image);
    augmentImage(
      augmented,
      form,
      { ...nothing, ...augmentation },
      new RandomStream(0, i),
      new Float32Array(image.length),
    );
    seen.set(augmented.join(), [...augmented]);
  }
  return [...seen.values()];
}

describe("augmentImage", () => {
  const four = [0.1, 0.2, 0.3, 0.4].map(Math.fround);
  const [a, b, c, d] = four as [number, number, number, number];

  it("mirrors and turns in all eight ways, and each alone in its own", () => {
    expect(results(four, 2, {})).toEqual([four]);
    const turned = [
      [a, b, c, d],
      [b, d, a, c],
      [d, c, b, a],
      [c, a, d, b],
    ];
    expect(results(four, 2, { turns: true }).toSorted()).toEqual(turned.toSorted());
    expect(results(four, 2, { flips: true }).toSorted()).toEqual([four, [b, a, d, c]].toSorted());
    const all = results(four, 2, { flips: true, turns: true });
    expect(all).toHaveLength(8);
    for (const image of all) expect(image.toSorted()).toEqual(four);
  });

  it("moves an image by up to `shift` pixels, with black behind it, and all channels alike", () => {
    const dot = [0, 0, 0, 0, 1, 0, 0, 0, 0];
    const moved = results([...dot, ...dot.map((value) => value / 2)], 3, { shift: 1 });
    expect(moved).toHaveLength(9);
    for (const image of moved) {
      expect(image.reduce((sum, value) => sum + value, 0)).toBe(1.5);
      expect(image.slice(9)).toEqual(image.slice(0, 9).map((value) => value / 2));
    }
    expect(results(dot, 3, { shift: 3 })).toContainEqual(new Array(9).fill(0));
  });

  it("changes brightness within its bounds, and never beyond 1", () => {
    const [low, high] = [0.5, 0.95];
    const changed = results([low, high, 0, 0], 2, { brightness: 0.2 });
    expect(changed.length).toBeGreaterThan(100);
    for (const [dim, bright, ...black] of changed) {
      expect(Math.abs(dim! / low - 1)).toBeLessThanOrEqual(0.2001);
      expect(bright).toBeLessThanOrEqual(1);
      expect(black).toEqual([0, 0]);
    }
  });

  it("has defaults that suit objects of any direction", () => {
    expect(augmentationSchema.parse({})).toEqual({ flips: true, turns: true, shift: 0, brightness: 0.1 });
    expect(augmentationSchema.safeParse({ shift: -1 }).success).toBe(false);
    expect(augmentationSchema.safeParse({ brightness: 1 }).success).toBe(false);
  });
});
