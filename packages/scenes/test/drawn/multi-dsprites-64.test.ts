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
      "1d965d4f4f81bc836ab46153013de203c44d9620d7f7dda303c865216d0eb801",
    );
  });

  it("gives each sprite the smallest box of its pixels", async () => {
    const scenes = await generateScenes(multiDsprites64(1), 300);
    expect(scenes).toMatchObject({ imageSize: 64, channels: 3, maxObjects: 2 });
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      if (boxes.length !== 1) continue;
      const { xmin, ymin, xmax, ymax } = boxes[0]!;
      let [left, top, right, bottom] = [64, 64, 0, 0];
      for (let y = 0; y < 64; y++) {
        for (let x = 0; x < 64; x++) {
          if ([0, 1, 2].every((channel) => level(scenes, index, channel, y, x) === 0)) continue;
          [left, top] = [Math.min(left, x), Math.min(top, y)];
          [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
        }
      }
      expect([xmin, ymin, xmax, ymax]).toEqual([left, top, right, bottom]);
    }
  });

  it("has many sizes and 7 colours, and every channel of a sprite is off or equals its shape", async () => {
    const scenes = await generateScenes(multiDsprites64(2), 600);
    const sides = new Set<number>();
    const colours = new Set<string>();
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      for (const { xmin, ymin, xmax, ymax } of boxes) sides.add(Math.max(xmax - xmin, ymax - ymin));
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
    // The longer side is that of the circle, from half the patch to all of it, or a little less.
    expect(Math.min(...sides)).toBeLessThanOrEqual(8);
    expect(Math.max(...sides)).toBe(18);
    expect(sides.size).toBeGreaterThan(8);
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
