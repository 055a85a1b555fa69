import { createHash } from "node:crypto";
import { mnist } from "@air-onnx/test/requirements";
import { describe, expect, it } from "vitest";
import { generateScenes } from "../../src/drawn/generate.js";
import { multiMnist64 } from "../../src/drawn/multi-mnist-64.js";
import { loadMnistPart } from "../../src/files/mnist.js";
import { trueBoxes } from "../../src/scene-set.js";

const mnistDir = process.env.AIR_ONNX_MNIST_DIR || undefined;

/** 5 "digits": a bar of 6 columns on black, further right in each. */
const bars = Uint8Array.from({ length: 5 * 784 }, (_, i) => {
  const column = (i % 28) - 2 - 4 * Math.floor(i / 784);
  return column >= 0 && column < 6 ? 255 : 0;
});

describe("multiMnist64", () => {
  it("is the same set on every machine", async () => {
    // Raise the version of multiMnist64Set whenever this changes: cached sets are otherwise taken for the new ones.
    const { images, counts, boxes } = await generateScenes(multiMnist64(bars, 0), 300);
    expect(createHash("sha256").update(images).update(counts).update(boxes).digest("hex")).toBe(
      "8f53413fc2d4eac97f668fd38ddc3d487f3118a3efdb12cf219521b41233e213",
    );
  });

  it("has equally many images of every count, all black and white, with digits of 18x18 inside", async () => {
    const scenes = await generateScenes(multiMnist64(bars, 1), 900);
    expect(scenes).toMatchObject({ imageSize: 64, channels: 1, maxObjects: 2, size: 900 });
    for (const count of [0, 1, 2]) {
      expect(Math.abs(scenes.counts.filter((found) => found === count).length / 900 - 1 / 3)).toBeLessThan(0.06);
    }
    expect(new Set(scenes.images)).toEqual(new Set([0, 255]));
    for (let index = 0; index < scenes.size; index++) {
      for (const { xmin, ymin, xmax, ymax } of trueBoxes(scenes, index)) {
        // The bars have 6 of 28 columns, and all rows.
        expect([3, 4, 5]).toContain(xmax - xmin);
        expect(ymax - ymin).toBe(18);
        expect(Math.min(xmin, ymin) >= 0 && Math.max(xmax, ymax) <= 64).toBe(true);
      }
    }
  });

  it("takes other sizes of the canvas and the digits, and another most count", async () => {
    const form = { imageSize: 40, patchSize: 10, maxCount: 4 };
    const scenes = await generateScenes(multiMnist64(bars, 1, form), 200);
    expect(scenes).toMatchObject({ imageSize: 40, maxObjects: 4 });
    expect(new Set(scenes.counts)).toEqual(new Set([0, 1, 2, 3, 4]));
    const index = scenes.counts.indexOf(4);
    for (const { ymin, ymax } of trueBoxes(scenes, index)) expect(ymax - ymin).toBe(10);
  });

  it.each<[string, object, RegExp]>([
    ["digits larger than the image", { patchSize: 65 }, /Patches must be 1 to 64 pixels wide.*got 65/],
    ["half a pixel", { patchSize: 9.5 }, /got 9\.5/],
    ["no objects", { maxCount: 0 }, /maxCount must be an integer from 1 to 255, got 0/],
    ["more than a byte counts", { maxCount: 256 }, /got 256/],
  ])("refuses %s", (_, form, message) => {
    expect(() => multiMnist64(bars, 0, form)).toThrow(message);
  });
});

mnist.it("multi-MNIST 64 of the MNIST test digits is the one that is known", async () => {
  const digits = await loadMnistPart("testImages", { mnistDir, cacheDir: "unused" });
  const { images } = await generateScenes(multiMnist64(digits, 1), 1000);
  expect(createHash("sha256").update(images).digest("hex")).toBe(
    "717e1127b100b1c00b85df9513cf68e5771fea0b8848292d9da85b09d2c47eb0",
  );
});
