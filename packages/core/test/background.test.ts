import { describe, expect, it } from "vitest";
import { estimateBackground, noiseOf } from "../src/background.js";
import { RandomStream } from "../src/random.js";

interface Scene {
  readonly side: number;
  /** Intensity of the ground at x, y in [-1, 1]. */
  readonly ground: (x: number, y: number) => number;
  readonly noise: number;
  /** Discs: centre and radius in pixels, and what they add. */
  readonly discs: readonly (readonly [x: number, y: number, radius: number, level: number])[];
}

function draw({ side, ground, noise, discs }: Scene): { plane: Float32Array; truth: Float32Array } {
  const random = new RandomStream(1);
  const truth = new Float32Array(side * side);
  const plane = Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    truth[i] = ground((2 * x + 1) / side - 1, (2 * y + 1) / side - 1);
    const objects = discs.reduce(
      (sum, [cx, cy, radius, level]) => sum + (Math.hypot(x - cx, y - cy) < radius ? level : 0),
      0,
    );
    return truth[i]! + objects + noise * random.normal();
  });
  return { plane, truth };
}

const worst = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
const vignette = (x: number, y: number): number => 0.4 - 0.1 * ((x - 0.3) ** 2 + (y + 0.2) ** 2);
const three = [
  [20, 25, 10, 0.5],
  [60, 70, 12, 0.4],
  [75, 20, 9, 0.3],
] as const;

describe("estimateBackground", () => {
  it("finds an uneven ground under bright and under dark objects, to within the noise", () => {
    for (const sign of [1, -1]) {
      const discs = three.map(([x, y, radius, level]) => [x, y, radius, (sign * level) / 2] as const);
      const { plane, truth } = draw({ side: 96, ground: vignette, noise: 0.02, discs });
      const { ground, noise } = estimateBackground(plane, 96, sign > 0 ? "light" : "dark", 2);
      expect(worst(ground, truth)).toBeLessThan(0.015);
      expect(noise).toBeGreaterThan(0.017);
      expect(noise).toBeLessThan(0.023);
    }
  });

  it("is not misled by objects that cover two fifths of the image", () => {
    const discs = [
      [24, 24, 24, 0.5],
      [72, 72, 24, 0.4],
      [72, 24, 10, 0.3],
    ] as const;
    for (const degree of [0, 2]) {
      const { plane, truth } = draw({ side: 96, ground: () => 0.2, noise: 0.01, discs });
      expect(worst(estimateBackground(plane, 96, "light", degree).ground, truth)).toBeLessThan(0.03);
    }
  });

  it("fits a ground without noise or objects exactly, also where squares at the edge are smaller", () => {
    for (const side of [1, 2, 7, 33, 97]) {
      const { plane, truth } = draw({ side, ground: (x, y) => 0.5 + 0.1 * x - 0.2 * y, noise: 0, discs: [] });
      expect(worst(estimateBackground(plane, side, "dark", 1).ground, truth)).toBeLessThan(1e-5);
    }
  });

  it("has an even ground for degree 0", () => {
    const { plane } = draw({ side: 50, ground: vignette, noise: 0.01, discs: [] });
    const { ground } = estimateBackground(plane, 50, "light", 0);
    expect(new Set(ground).size).toBe(1);
  });
});

describe("noiseOf", () => {
  it("estimates the noise, not the objects, and at least the rounding of 8-bit images", () => {
    const { plane } = draw({ side: 64, ground: () => 0.3, noise: 0.05, discs: three });
    expect(Math.abs(noiseOf(plane, 64) - 0.05)).toBeLessThan(0.005);
    expect(noiseOf(new Float32Array(64), 8)).toBeCloseTo(0.5 / 255);
    expect(noiseOf(new Float32Array(1), 1)).toBeCloseTo(0.5 / 255);
  });
});
