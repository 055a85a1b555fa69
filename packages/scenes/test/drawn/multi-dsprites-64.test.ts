import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { generateScenes } from "../../src/drawn/generate.js";
import { multiDsprites64 } from "../../src/drawn/multi-dsprites-64.js";
import { type SceneSet, trueBoxes } from "../../src/scene-set.js";

const PLANE = 64 * 64;
const level = (scenes: SceneSet, index: number, channel: number, y: number, x: number): number =>
  scenes.images[(index * 3 + channel) * PLANE + y * 64 + x]!;

describe("multiDsprites64", () => {
  it("is the same set on every machine", async () => {
    const { images, counts, boxes } = await generateScenes(multiDsprites64(0), 200);
    expect(createHash("sha256").update(images).update(counts).update(boxes).digest("hex")).toBe(
      "864e0f042cc9ca536ec2af57f2263436c93590ce06802a6bddb179b007c2b5fe",
    );
  });

  it("puts each sprite into its box, touching it or nearly so", async () => {
    const scenes = await generateScenes(multiDsprites64(1), 300);
    expect(scenes).toMatchObject({ imageSize: 64, channels: 3, maxObjects: 2 });
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      if (boxes.length !== 1) continue;
      const { xmin, ymin, xmax, ymax } = boxes[0]!;
      expect(xmax - xmin).toBeCloseTo(ymax - ymin, 5);
      let [left, top, right, bottom] = [64, 64, 0, 0];
      for (let y = 0; y < 64; y++) {
        for (let x = 0; x < 64; x++) {
          if ([0, 1, 2].every((channel) => level(scenes, index, channel, y, x) === 0)) continue;
          [left, top] = [Math.min(left, x), Math.min(top, y)];
          [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
        }
      }
      for (const over of [xmin - left, ymin - top, right - xmax, bottom - ymax]) expect(over).toBeLessThan(1);
      const side = xmax - xmin;
      expect(Math.max(right - left, bottom - top)).toBeGreaterThan(0.65 * side - 1);
    }
  });

  it("has 6 sizes and 7 colours, and every channel of a sprite is off or equals its shape", async () => {
    const scenes = await generateScenes(multiDsprites64(2), 600);
    const sides = new Set<number>();
    const colours = new Set<string>();
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      for (const { xmin, xmax } of boxes) sides.add(Math.round((xmax - xmin) * 10));
      if (boxes.length !== 1) continue;
      const sums = [0, 1, 2].map((channel) =>
        scenes.images
          .subarray((index * 3 + channel) * PLANE, (index * 3 + channel + 1) * PLANE)
          .reduce((sum, value) => sum + value, 0),
      );
      const full = Math.max(...sums);
      expect(sums.every((sum) => sum === 0 || sum === full)).toBe(true);
      colours.add(sums.map((sum) => Number(sum > 0)).join(""));
    }
    expect([...sides].sort()).toEqual([108, 126, 144, 162, 180, 90]);
    expect(colours.size).toBe(7);
    expect(colours.has("000")).toBe(false);
  });

  it("adds intensities up where sprites overlap, and clips", async () => {
    const crowded = await generateScenes(multiDsprites64(0, { imageSize: 18, maxCount: 6 }), 50);
    expect(crowded.counts.some((count) => count === 6)).toBe(true);
    const busy = crowded.counts.indexOf(6);
    const levels = crowded.images.subarray(busy * 3 * 18 * 18, (busy + 1) * 3 * 18 * 18);
    expect(levels.filter((value) => value === 255).length).toBeGreaterThan(100);
  });
});
