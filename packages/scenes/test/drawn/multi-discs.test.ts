import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { generateScenes } from "../../src/drawn/generate.js";
import { multiDiscs } from "../../src/drawn/multi-discs.js";
import { trueBoxes } from "../../src/scene-set.js";

const SIDE = 50;

describe("multiDiscs", () => {
  it("is the same set on every machine", async () => {
    // Raise the version of multiDiscsSet whenever this changes: cached sets are otherwise taken for the new ones.
    const { images, counts, boxes } = await generateScenes(multiDiscs(0), 300);
    expect(createHash("sha256").update(images).update(counts).update(boxes).digest("hex")).toBe(
      "041f3e64120693477a3b7da5f7509831d2e8d72d1ca80e0cad6adbff37557053",
    );
  });

  it("has equally many images of every count up to maxCount", async () => {
    const { counts, maxObjects } = await generateScenes(multiDiscs(1, { maxCount: 3 }), 2000);
    expect(maxObjects).toBe(3);
    for (const count of [0, 1, 2, 3]) {
      const share = counts.filter((found) => found === count).length / 2000;
      expect(Math.abs(share - 1 / 4)).toBeLessThan(0.04);
    }
  });

  it("draws a disc that fills its box to within a faint pixel: round, brightest in the middle, and dark outside", async () => {
    const scenes = await generateScenes(multiDiscs(2), 300);
    let single = 0;
    for (let index = 0; index < scenes.size; index++) {
      const [box, ...more] = trueBoxes(scenes, index);
      if (!box || more.length > 0) continue;
      single++;
      const radius = (box.xmax - box.xmin) / 2;
      const [x, y] = [(box.xmin + box.xmax) / 2, (box.ymin + box.ymax) / 2];
      // The fade is 1 pixel inside the disc's edge, and 1 outside of it; a box has whole pixels.
      expect(radius).toBeGreaterThanOrEqual(5);
      expect(radius).toBeLessThanOrEqual(10);
      const level = Math.max(...scenes.images.subarray(index * SIDE ** 2, (index + 1) * SIDE ** 2));
      expect(level).toBeGreaterThanOrEqual(127);
      const wrong: number[] = [];
      for (let pixel = 0; pixel < SIDE ** 2; pixel++) {
        const distance = Math.hypot((pixel % SIDE) + 0.5 - x, Math.floor(pixel / SIDE) + 0.5 - y);
        const found = scenes.images[index * SIDE ** 2 + pixel]!;
        if (distance >= radius + 0.6 && found !== 0) wrong.push(pixel);
        if (distance <= radius - 2.5 && found !== level) wrong.push(pixel);
      }
      expect(wrong).toEqual([]);
    }
    expect(single).toBeGreaterThan(80);
  });
});
