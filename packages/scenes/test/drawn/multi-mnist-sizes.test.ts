import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DigitOutline } from "../../src/drawn/digit-outline.js";
import { generateScenes } from "../../src/drawn/generate.js";
import { multiMnistSizes } from "../../src/drawn/multi-mnist-sizes.js";
import { trueBoxes } from "../../src/scene-set.js";

/** 3 "digits": rings of radius 9, strokes of 2, 3 and 4 pixels. */
const rings = Uint8Array.from({ length: 3 * 784 }, (_, i) => {
  const radius = Math.hypot((i % 28) - 13.5, (Math.floor(i / 28) % 28) - 13.5);
  return Math.abs(radius - 9) < 1 + Math.floor(i / 784) / 2 ? 255 : 0;
});
const ring = rings.subarray(0, 784);

/** Two bars that a bridge of 1 pixel joins, as a "digit". */
const bridge = Uint8Array.from({ length: 784 }, (_, i) => {
  const [x, y] = [i % 28, Math.floor(i / 28)];
  const bar = y >= 4 && y < 24 && ((x >= 5 && x < 10) || (x >= 18 && x < 23));
  return bar || (y === 14 && x >= 5 && x < 23) ? 255 : 0;
});

describe("multiMnistSizes", () => {
  it("is the same set on every machine", async () => {
    // Raise the version of multiMnistSizesSet whenever this changes: cached sets are otherwise taken for the new ones.
    const { counts, boxes } = await generateScenes(multiMnistSizes(rings, 0), 100);
    expect(createHash("sha256").update(counts).update(boxes).digest("hex")).toBe(
      "1c7260522f67cc072662cf85818775345c69a832a6235485d51ba6345bb07300",
    );
  });

  it("has equally many images of every count, with digits of 12 to 40 pixels that do not touch", async () => {
    const scenes = await generateScenes(multiMnistSizes(rings, 1), 1000);
    expect(scenes).toMatchObject({ imageSize: 64, channels: 1, maxObjects: 4, size: 1000 });
    for (const count of [0, 1, 2, 3, 4]) {
      expect(Math.abs(scenes.counts.filter((found) => found === count).length / 1000 - 0.2)).toBeLessThan(0.05);
    }
    const lengths: number[] = [];
    let cut = 0;
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      for (const { xmin, ymin, xmax, ymax } of boxes) {
        lengths.push(Math.max(xmax - xmin, ymax - ymin));
        // The rings are as wide as they are high.
        if (Math.abs(xmax - xmin - (ymax - ymin)) > 2) cut++;
      }
      // Rings that do not touch have middles further apart than their radii reach.
      for (const [i, a] of boxes.entries()) {
        for (const b of boxes.slice(i + 1)) {
          const [dx, dy] = [(a.xmin + a.xmax - b.xmin - b.xmax) / 2, (a.ymin + a.ymax - b.ymin - b.ymax) / 2];
          const reach = (a.xmax - a.xmin + a.ymax - a.ymin + b.xmax - b.xmin + b.ymax - b.ymin) / 8;
          expect(Math.hypot(dx, dy)).toBeGreaterThan(reach - 3);
        }
      }
    }
    expect(Math.max(...lengths)).toBeGreaterThan(37);
    expect(Math.max(...lengths)).toBeLessThan(42);
    // A digit of 12 pixels that the border cuts by a fifth.
    expect(Math.min(...lengths)).toBeGreaterThan(8);
    expect(cut / lengths.length).toBeGreaterThan(0.1);
  });

  it.each<[string, object, RegExp]>([
    ["an image smaller than a digit", { imageSize: 39 }, /at least 40 pixels wide, got 39/],
    ["no objects", { maxCount: 0 }, /maxCount must be an integer from 1 to 255, got 0/],
  ])("refuses %s", (_, form, message) => {
    expect(() => multiMnistSizes(rings, 0, form)).toThrow(message);
  });
});

describe("DigitOutline", () => {
  const draw = (outline: DigitOutline, length: number, growth: number) => {
    const image = new Uint8Array(64 * 64);
    outline.draw(image, 64, { length, x: 32, y: 30, growth });
    return image;
  };
  const ink = (image: Uint8Array) => image.reduce((sum, value) => sum + value, 0) / 255;

  it.each([
    [20, 0, 0.12],
    [40, 0, 0.12],
    [40, 0.9, 0.12],
    // The steps of its outline are lost first.
    [30, -0.4, 0.25],
  ])("draws a ring %s pixels long whose strokes gain %s on each side", (length, growth, tolerance) => {
    const image = draw(new DigitOutline(ring), length, growth);
    // The ring's ink is 20 pixels long and 2 wide, before it grows.
    const scale = length / (20 + 2 * growth);
    const [outer, inner] = [(10 + growth) * scale, (8 - growth) * scale];
    const area = Math.PI * (outer ** 2 - inner ** 2);
    expect(Math.abs(ink(image) / area - 1)).toBeLessThan(tolerance);
    const rows = [...image.keys()].filter((i) => image[i]! > 127).map((i) => Math.floor(i / 64));
    expect(Math.abs(Math.max(...rows) + 1 - Math.min(...rows) - length)).toBeLessThanOrEqual(2);
  });

  it("thins strokes only as far as they stay whole", () => {
    const outline = new DigitOutline(bridge);
    const growth = outline.wholeGrowth(-0.8);
    expect(growth).toBeGreaterThan(-0.8);
    expect(growth).toBeLessThanOrEqual(0);
    expect(new DigitOutline(ring).wholeGrowth(-0.4)).toBe(-0.4);
    expect(outline.wholeGrowth(0.7)).toBe(0.7);
  });
});
