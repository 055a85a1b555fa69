import { preprocessImage, preprocessingSchema } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { cells } from "../src/drawn/cells.js";
import { generatePacked, generateScenes, streamScenes } from "../src/drawn/generate.js";
import { preprocessSource } from "../src/preprocess-scenes.js";
import { fillBatch, trueBoxes } from "../src/scene-set.js";

const preprocessing = preprocessingSchema.parse({ backgroundDegree: 2, polarity: ["light"], contrast: [0.3, 0.6] });
const PIXELS = 96 ** 2;

function batchOf(source: Parameters<typeof fillBatch>[0], indices: readonly number[]): Float32Array {
  const batch = new Float32Array(indices.length * PIXELS);
  fillBatch(source, indices, batch);
  return batch;
}

describe("preprocessSource", () => {
  it("preprocesses sets, packed sets and streams alike, to within 8 bits of one image's preprocessing", async () => {
    const scenes = await generateScenes(cells(5), 6);
    const expected = batchOf(scenes, [4, 1]);
    for (const image of [expected.subarray(0, PIXELS), expected.subarray(PIXELS)]) {
      preprocessImage(image, scenes, preprocessing, image);
    }
    const sources = [scenes, await generatePacked(cells(5), 6), streamScenes(cells(5))];
    for (const source of sources) {
      const result = batchOf(preprocessSource(source, preprocessing), [4, 1]);
      const worst = result.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      expect(worst).toBeLessThanOrEqual(0.5 / 255 + 1e-6);
    }
  });

  it("keeps the labels and takes less memory, and leaves the images alone", async () => {
    const scenes = await generateScenes(cells(6), 5);
    const before = scenes.images.slice();
    const result = preprocessSource(scenes, preprocessing);
    expect(result).not.toHaveProperty("images");
    expect(result.counts).toBe(scenes.counts);
    expect(trueBoxes(result, 3)).toEqual(trueBoxes(scenes, 3));
    expect(scenes.images).toEqual(before);
  });
});
