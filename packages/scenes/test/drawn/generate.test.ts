import { Batches, parseTrainConfig } from "@air-onnx/train";
import { describe, expect, it } from "vitest";
import { generatePacked, generateScenes, type SceneGenerator, streamScenes } from "../../src/drawn/generate.js";
import { multiDsprites64 } from "../../src/drawn/multi-dsprites-64.js";
import { multiMnistKind } from "../../src/drawn/multi-mnist.js";
import { multiMnist64 } from "../../src/drawn/multi-mnist-64.js";
import { multiStrokes } from "../../src/drawn/multi-strokes.js";
import { fillBatch, pixelsPerImage, trueBoxes, unpackScenes } from "../../src/scene-set.js";

const digits = Uint8Array.from({ length: 3 * 784 }, (_, i) => (i * 37) % 120);

/** Whether two arrays are equal bit for bit; for long ones, quicker than toEqual. */
const same = (a: Float32Array<ArrayBuffer>, b: Float32Array<ArrayBuffer>): boolean =>
  Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

describe.each<[string, () => SceneGenerator]>([
  ["multi-strokes", () => multiStrokes(4)],
  ["multi-mnist's kind", () => multiMnistKind(digits, 4)],
  [
    "multi-mnist-64",
    () =>
      multiMnist64(
        digits.map((level) => 2 * level),
        4,
      ),
  ],
  ["multi-dsprites-64", () => multiDsprites64(4)],
])("a stream of %s", (_, generator) => {
  it("has the images of the fixed set, in any order of requests", async () => {
    const fixed = await generateScenes(generator(), 12);
    const stream = streamScenes(generator());
    expect(stream).toMatchObject({ imageSize: fixed.imageSize, channels: fixed.channels, size: Infinity });
    const indices = [11, 3, 3, 0, 7];
    const expected = new Float32Array(indices.length * pixelsPerImage(fixed));
    const found = new Float32Array(expected.length).fill(9);
    fillBatch(fixed, indices, expected);
    fillBatch(stream, indices, found);
    expect(same(found, expected)).toBe(true);
  });

  it("has the images of the packed set", async () => {
    expect(unpackScenes(await generatePacked(generator(), 12))).toEqual(await generateScenes(generator(), 12));
  });

  it("draws images at indices beyond the size of any set", () => {
    const stream = streamScenes(generator());
    const batch = new Float32Array(20 * pixelsPerImage(stream));
    fillBatch(
      stream,
      Array.from({ length: 20 }, (_, i) => 4_000_000_000 + i),
      batch,
    );
    expect(batch.some((value) => value > 0)).toBe(true);
    expect(() => fillBatch(stream, [-1], new Float32Array(pixelsPerImage(stream)))).toThrow("no image -1");
  });
});

describe("true boxes", () => {
  /** Draws image i with the i-th patches, each of 4x4 pixels of 2 channels, at (1, 2). */
  const boxesOf = async (...patches: readonly Uint8Array[]) => {
    const recipe = (index: number) => ({
      count: 1,
      nextPatch: () => ({ pixels: patches[index]!, side: 4, x: 1, y: 2 }),
    });
    const form = { dataset: "test", imageSize: 8, channels: 2, maxObjects: 1, overlap: "clip" } as const;
    const scenes = await generateScenes({ ...form, recipe }, patches.length);
    return patches.map((_, index) => trueBoxes(scenes, index));
  };
  const patch = (...inked: readonly number[]): Uint8Array => {
    const pixels = new Uint8Array(2 * 16);
    for (const pixel of inked) pixels[pixel] = 1;
    return pixels;
  };

  it("are the smallest rectangles of the inked pixels, in any channel and however faint", async () => {
    expect(await boxesOf(patch(5), patch(0, 15), patch(1, 16 + 7), patch(16 + 12))).toEqual([
      [{ xmin: 2, ymin: 3, xmax: 3, ymax: 4 }],
      [{ xmin: 1, ymin: 2, xmax: 5, ymax: 6 }],
      [{ xmin: 2, ymin: 2, xmax: 5, ymax: 4 }],
      [{ xmin: 1, ymin: 5, xmax: 2, ymax: 6 }],
    ]);
  });

  it("are not known of objects without ink", async () => {
    expect(await boxesOf(patch(), patch(5))).toEqual([[], [{ xmin: 2, ymin: 3, xmax: 3, ymax: 4 }]]);
  });
});

describe("batches of a stream", () => {
  const config = parseTrainConfig({ dataset: "multi-strokes", stream: true, batchSize: 3 });

  it("are images 0, 1, 2, …, the same for a run that goes on from any step", async () => {
    const stream = streamScenes(multiStrokes(0));
    const all = new Batches(config, stream).next(0, 4).images;
    const later = new Batches(config, streamScenes(multiStrokes(0))).next(2, 2).images;
    expect(same(all.slice(all.length / 2), later)).toBe(true);
    const expected = new Float32Array(all.length);
    fillBatch(
      stream,
      Array.from({ length: 12 }, (_, i) => i),
      expected,
    );
    expect(same(all, expected)).toBe(true);
  });
});

describe("an image whose sum exceeds 255", () => {
  const crowd = (overlap: "redraw" | "clip"): SceneGenerator => {
    const pixels = new Uint8Array(4).fill(200);
    return {
      dataset: "crowd",
      imageSize: 3,
      channels: 1,
      maxObjects: 2,
      overlap,
      recipe: () => ({ count: 2, nextPatch: () => ({ pixels, side: 2, x: 0, y: 1 }) }),
    };
  };

  it("is clipped", async () => {
    expect([...(await generateScenes(crowd("clip"), 1)).images]).toEqual([0, 0, 0, 255, 255, 0, 255, 255, 0]);
  });

  it("is drawn anew, and given up after too many tries", async () => {
    await expect(generateScenes(crowd("redraw"), 1)).rejects.toThrow("crowd: 2 objects do not fit into 3x3 pixels");
  });
});
