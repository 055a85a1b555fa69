import { createHash } from "node:crypto";
import { mnist } from "@air-onnx/test/requirements";
import { describe, expect, it } from "vitest";
import {
  checkMultiMnist,
  freshMultiMnist,
  generateMultiMnist,
  type MultiMnistChecksum,
  originalMultiMnist,
  resizeNearest,
} from "../../src/drawn/multi-mnist.js";
import { loadMnistPart } from "../../src/files/mnist.js";
import type { DataProgress } from "../../src/reporting.js";
import { emptyScenes, packScenes, sliceScenes, trueBoxes } from "../../src/scene-set.js";

const mnistDir = process.env.AIR_ONNX_MNIST_DIR || undefined;

/** 7 "digits": digit m has (37 m + 11 row + 5 column) mod 200 at each pixel. */
const digits = Uint8Array.from({ length: 7 * 28 * 28 }, (_, i) => {
  const [m, row, column] = [Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28];
  return (37 * m + 11 * row + 5 * column) % 200;
});

describe("resizeNearest", () => {
  it.each([
    // Pillow 12.3.0: row 0 of Image.fromarray(np.arange(28, dtype=np.uint8)[None].repeat(28, 0)).resize((n, n), Image.NEAREST)
    [18, [0, 2, 3, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 21, 22, 24, 25, 27]],
    // Index 4 is floor(6) exactly, and 5 in Pillow's rounding.
    [21, [0, 2, 3, 4, 5, 7, 8, 10, 11, 12, 14, 15, 16, 18, 19, 20, 21, 23, 24, 25, 27]],
  ])("takes Pillow's pixels for %d", (side, expected) => {
    const columns = Uint8Array.from({ length: 784 }, (_, i) => i % 28);
    const rows = Uint8Array.from({ length: 784 }, (_, i) => Math.floor(i / 28));
    const target = new Uint8Array(side * side);
    resizeNearest(columns, 28, target, side);
    expect([...target.subarray(0, side)]).toEqual(expected);
    resizeNearest(rows, 28, target, side);
    expect([...target].filter((_, i) => i % side === 0)).toEqual(expected);
  });
});

describe("generateMultiMnist", () => {
  it("draws what NumPy and Pillow draw", async () => {
    // The same 40 images drawn by NumPy 2.4.6 (RandomState(681307)) and Pillow 12.3.0; 46 drawings are rejected on the way.
    const scenes = await generateMultiMnist(digits, { size: 40 });
    expect([...scenes.counts]).toEqual([
      0, 0, 0, 1, 1, 2, 2, 2, 0, 2, 1, 0, 2, 1, 0, 1, 0, 1, 1, 1, 1, 2, 1, 0, 2, 2, 1, 1, 0, 2, 0, 2, 1, 1, 2, 0, 1, 2,
      1, 0,
    ]);
    expect(scenes.images.reduce((sum, pixel) => sum + pixel, 0)).toBe(1896494);
    expect(createHash("sha256").update(scenes.images).digest("hex")).toBe(
      "eca5b3e41ed77204d5442ccaaee82279cb3067c676cb710b1dc6c229acb4511f",
    );
    expect(trueBoxes(scenes, 3)).toEqual([{ xmin: 19, ymin: 22, xmax: 46, ymax: 49 }]);
    expect(trueBoxes(scenes, 7)).toEqual([
      { xmin: 0, ymin: 24, xmax: 21, ymax: 45 },
      { xmin: 17, ymin: 2, xmax: 39, ymax: 24 },
    ]);
    expect(scenes.boxes.subarray(0, 8).every(Number.isNaN)).toBe(true);
    expect(scenes.boxes.subarray(3 * 8 + 4, 4 * 8).every(Number.isNaN)).toBe(true);
  });

  it("reports progress up to the end", async () => {
    const seen: DataProgress[] = [];
    await generateMultiMnist(digits, { size: 600, onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toEqual({ phase: "generate", dataset: "multi-mnist", done: 0, total: 600 });
    expect(seen.at(-1)).toEqual({ phase: "generate", dataset: "multi-mnist", done: 600, total: 600 });
  });

  it("stops when aborted, with the reason", async () => {
    const abort = new AbortController();
    const generating = generateMultiMnist(digits, {
      size: 20_000,
      signal: abort.signal,
      onProgress: () => abort.abort(new Error("enough")),
    });
    await expect(generating).rejects.toThrow("enough");
  });

  it("draws objects apart whose sum would exceed 255", async () => {
    const scenes = await generateMultiMnist(new Uint8Array(784).fill(255), { size: 100 });
    for (let index = 0; index < scenes.size; index++) {
      const boxes = trueBoxes(scenes, index);
      const ink = scenes.images.subarray(index * 2500, (index + 1) * 2500).filter((pixel) => pixel === 255).length;
      expect(ink).toBe(boxes.reduce((sum, box) => sum + (box.xmax - box.xmin) * (box.ymax - box.ymin), 0));
    }
  });

  it("refuses bytes that are not a whole number of digits", async () => {
    await expect(generateMultiMnist(new Uint8Array(100))).rejects.toThrow("100 bytes are not a whole number of 28x28");
    await expect(generateMultiMnist(new Uint8Array(0))).rejects.toThrow("0 bytes");
  });
});

describe("checkMultiMnist", () => {
  it("fails with the found and the expected checksums", () => {
    const scenes = emptyScenes(2, 2, 1, 2);
    scenes.images.set([5, 0, 1, 0, 0, 0, 250, 7]);
    scenes.counts.set([1, 2]);
    const right = { pixelSum: 263, countTotals: [0, 1, 1] };
    const wrong = { pixelSum: 262, countTotals: [0, 1, 1] };
    for (const set of [scenes, packScenes(scenes)]) {
      expect(() => checkMultiMnist(set, right as unknown as MultiMnistChecksum)).not.toThrow();
      expect(() => checkMultiMnist(set, wrong as unknown as MultiMnistChecksum)).toThrow("pixel sum 263, expected 262");
    }
    expect(() => checkMultiMnist(emptyScenes(3, 2, 1, 2))).toThrow(
      "multi-mnist did not come out as it should: pixel sum 0, expected 883114919; images of 0, 1, 2 digits 3/0/0, expected 19909/20054/20037",
    );
  });
});

mnist.it("the published multi-MNIST comes out bit for bit", async () => {
  const mnistDigits = await loadMnistPart("trainImages", { mnistDir, cacheDir: "unused" });
  const scenes = await generateMultiMnist(mnistDigits);
  expect(() => checkMultiMnist(scenes)).not.toThrow();
  expect(() => checkMultiMnist(packScenes(scenes))).not.toThrow();
  const test = sliceScenes(scenes, scenes.size - originalMultiMnist.testSize, scenes.size);
  expect([0, 1, 2].map((count) => test.counts.filter((found) => found === count).length)).toEqual([3382, 3357, 3261]);
});

mnist.it("the fresh multi-MNIST of the MNIST test digits comes out as recorded", async () => {
  const { seed, size } = freshMultiMnist;
  const scenes = await generateMultiMnist(await loadMnistPart("testImages", { mnistDir, cacheDir: "unused" }), {
    seed,
    size,
  });
  expect(() => checkMultiMnist(scenes, freshMultiMnist)).not.toThrow();
});
