import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { cells, cellsExposure } from "../../src/drawn/cells.js";
import { generateScenes, streamScenes } from "../../src/drawn/generate.js";
import { trueBoxes } from "../../src/scene-set.js";

const SIDE = 96;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("cells", () => {
  it("is the same set on every machine", async () => {
    // Raise the version of the definition whenever this changes: cached sets are otherwise taken for the new ones.
    const digest = async (dark: boolean): Promise<string> => {
      const { images, counts, boxes } = await generateScenes(cells(0, { dark }), 100);
      return createHash("sha256").update(images).update(counts).update(boxes).digest("hex");
    };
    expect(await digest(false)).toBe("d30aa564fa781675ae8950b49ccb82e47384ee913b94032712fbcde4b2f900e9");
    expect(await digest(true)).toBe("ad92e11cc4aa637f65302fa6c3e285da872c31588efb6620dbe5b017764bbd62");
  });

  it("draws any image of the sequence by itself", async () => {
    const scenes = await generateScenes(cells(3), 10);
    const single = new Uint8Array(SIDE ** 2);
    streamScenes(cells(3)).draw([7], single);
    expect(single).toEqual(scenes.images.slice(7 * SIDE ** 2, 8 * SIDE ** 2));
  });

  it("has equally many images of every count up to maxCount, and cells of 8 to 28 pixels wholly inside", async () => {
    const scenes = await generateScenes(cells(1), 1800);
    for (let count = 0; count <= 8; count++) {
      const share = scenes.counts.filter((found) => found === count).length / 1800;
      expect(Math.abs(share - 1 / 9)).toBeLessThan(0.03);
    }
    const boxes = Array.from({ length: scenes.size }, (_, i) => trueBoxes(scenes, i)).flat();
    const longer = boxes.map(({ xmin, ymin, xmax, ymax }) => Math.max(xmax - xmin, ymax - ymin));
    expect(boxes).toHaveLength(scenes.counts.reduce((sum, count) => sum + count, 0));
    expect(Math.min(...longer)).toBeGreaterThanOrEqual(6);
    expect(Math.max(...longer)).toBeLessThanOrEqual(28);
    for (const { xmin, ymin, xmax, ymax } of boxes) {
      expect(Math.min(xmin, ymin, SIDE - xmax, SIDE - ymax)).toBeGreaterThanOrEqual(0);
    }
  });

  it.each([false, true])("has cells that differ from their ground by the contrast (dark: %s)", async (dark) => {
    const scenes = await generateScenes(cells(2, { dark }), 400);
    const differences: number[] = [];
    for (let index = 0; index < scenes.size; index++) {
      const [box, ...more] = trueBoxes(scenes, index);
      const { shade, ground, contrast } = cellsExposure(2, index, dark);
      if (!box || more.length > 0 || shade > 0) continue;
      const image = scenes.images.subarray(index * SIDE ** 2, (index + 1) * SIDE ** 2);
      const [x, y] = [Math.floor((box.xmin + box.xmax) / 2), Math.floor((box.ymin + box.ymax) / 2)];
      const middle = mean([0, 1, -1].flatMap((dx) => [0, 1, -1].map((dy) => image[(y + dy) * SIDE + x + dx]! / 255)));
      const difference = dark ? ground - middle : middle - ground;
      // Levels are 0.6 to 1 of the contrast; nine pixels still have some noise.
      expect(difference / contrast).toBeGreaterThan(0.5);
      expect(difference / contrast).toBeLessThan(1.1);
      differences.push(difference);
    }
    expect(differences.length).toBeGreaterThan(10);
  });

  it("lights half of the images unevenly: their ground falls off", async () => {
    const scenes = await generateScenes(cells(4, { maxCount: 1 }), 200);
    let shaded = 0;
    for (let index = 0; index < scenes.size; index++) {
      if (scenes.counts[index] !== 0) continue;
      const { shade } = cellsExposure(4, index);
      const image = scenes.images.subarray(index * SIDE ** 2, (index + 1) * SIDE ** 2);
      const blocks = Array.from({ length: 16 }, (_, block) => {
        const [top, left] = [Math.floor(block / 4) * 24, (block % 4) * 24];
        return mean(Array.from({ length: 576 }, (_, i) => image[(top + Math.floor(i / 24)) * SIDE + left + (i % 24)]!));
      });
      const fall = 1 - Math.min(...blocks) / Math.max(...blocks);
      if (shade === 0) expect(fall).toBeLessThan(0.1);
      else {
        shaded++;
        expect(fall).toBeGreaterThan(0.1);
      }
    }
    expect(shaded).toBeGreaterThan(20);
  });

  it("lets cells overlap, but no cell hide another", async () => {
    const scenes = await generateScenes(cells(5), 300);
    let overlapping = 0;
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      for (const [i, a] of boxes.entries()) {
        for (const b of boxes.slice(i + 1)) {
          if (a.xmin < b.xmax && b.xmin < a.xmax && a.ymin < b.ymax && b.ymin < a.ymax) overlapping++;
          const distance = Math.hypot((a.xmin + a.xmax - b.xmin - b.xmax) / 2, (a.ymin + a.ymax - b.ymin - b.ymax) / 2);
          expect(distance).toBeGreaterThan(2);
        }
      }
    }
    expect(overlapping).toBeGreaterThan(100);
  });
});
