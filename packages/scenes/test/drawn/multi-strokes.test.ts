import { createHash } from "node:crypto";
import { RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { drawDigit, generateMultiStrokes } from "../../src/drawn/multi-strokes.js";
import { type SceneSet, sliceScenes, trueBoxes } from "../../src/scene-set.js";

const hash = ({ images, counts, boxes }: SceneSet) =>
  createHash("sha256").update(images).update(counts).update(boxes).digest("hex");

describe("generateMultiStrokes", () => {
  it("is the same set on every machine", async () => {
    // Raise the version of multiStrokesSet whenever these change: cached sets are otherwise taken for the new ones.
    const scenes = await generateMultiStrokes({ seed: 0, size: 300 });
    expect([0, 1, 2].map((count) => scenes.counts.filter((found) => found === count).length)).toEqual([107, 111, 82]);
    expect(hash(scenes)).toBe("250ed3e11ec45bc0e95d8c39bde2216d00b7c9bbefd1a057d1308254a51b5fd1");
  });

  it("makes image i a function of seed and i alone", async () => {
    const small = await generateMultiStrokes({ seed: 3, size: 20 });
    const large = await generateMultiStrokes({ seed: 3, size: 50 });
    expect(hash(sliceScenes(large, 0, 20))).toBe(hash(small));
    const other = await generateMultiStrokes({ seed: 4, size: 20 });
    expect(hash(other)).not.toBe(hash(small));
  });

  it("puts all ink inside the true boxes, and some on each edge of a box", async () => {
    const scenes = await generateMultiStrokes({ seed: 1, size: 100 });
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      const ink = new Array<number>(boxes.length).fill(0);
      let outside = 0;
      for (let y = 0; y < 50; y++) {
        for (let x = 0; x < 50; x++) {
          const pixel = scenes.images[index * 2500 + y * 50 + x]!;
          const owners = boxes.flatMap(({ xmin, ymin, xmax, ymax }, object) =>
            x >= xmin && x < xmax && y >= ymin && y < ymax ? [object] : [],
          );
          if (owners.length === 0) outside += pixel;
          for (const object of owners) ink[object]! += pixel;
        }
      }
      expect(outside).toBe(0);
      for (const [object, { xmin, xmax, ymin, ymax }] of boxes.entries()) {
        expect(ink[object]).toBeGreaterThan(3000);
        expect(xmin >= 0 && ymin >= 0 && xmax <= 50 && ymax <= 50).toBe(true);
        const inked = (x: number, y: number): boolean => scenes.images[index * 2500 + y * 50 + x]! > 0;
        const columns = Array.from({ length: xmax - xmin }, (_, i) => xmin + i);
        const rows = Array.from({ length: ymax - ymin }, (_, i) => ymin + i);
        for (const x of [xmin, xmax - 1]) expect(rows.some((y) => inked(x, y))).toBe(true);
        for (const y of [ymin, ymax - 1]) expect(columns.some((x) => inked(x, y))).toBe(true);
      }
    }
  });

  it("has equally many images of every count up to maxCount, with the side asked for", async () => {
    const scenes = await generateMultiStrokes({ seed: 0, size: 900, imageSize: 64, maxCount: 3 });
    expect(scenes).toMatchObject({ imageSize: 64, maxObjects: 3, size: 900, channels: 1 });
    for (const count of [0, 1, 2, 3]) {
      const share = scenes.counts.filter((found) => found === count).length / 900;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.06);
    }
  });

  it("refuses images that the digits do not fit into", async () => {
    await expect(generateMultiStrokes({ seed: 0, size: 1, imageSize: 20 })).rejects.toThrow("at least 28 pixels");
    await expect(generateMultiStrokes({ seed: 0, size: 20, imageSize: 28, maxCount: 8 })).rejects.toThrow(
      /multi-strokes: \d+ objects do not fit into 28x28 pixels/,
    );
  });

  it("stops when aborted", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(generateMultiStrokes({ seed: 0, size: 10, signal })).rejects.toThrow("enough");
  });
});

describe("drawDigit", () => {
  it("draws digits that differ more between classes than within one", () => {
    const SIDE = 22;
    const HANDS = 30;
    const mean = (digit: number, firstHand: number) => {
      const sum = new Float64Array(SIDE * SIDE);
      const pixels = new Uint8Array(SIDE * SIDE);
      for (let hand = firstHand; hand < firstHand + HANDS; hand++) {
        drawDigit(digit, new RandomStream(hand, digit), pixels, SIDE);
        for (const [i, pixel] of pixels.entries()) sum[i]! += pixel / HANDS;
      }
      return sum;
    };
    const distance = (a: Float64Array, b: Float64Array) => Math.hypot(...a.map((value, i) => value - b[i]!));
    const templates = Array.from({ length: 10 }, (_, digit) => mean(digit, 0));
    for (let digit = 0; digit < 10; digit++) {
      const unseen = mean(digit, 1000);
      const distances = templates.map((template) => distance(template, unseen));
      expect(distances.indexOf(Math.min(...distances))).toBe(digit);
    }
  });
});
