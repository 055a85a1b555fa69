import { generateScenes } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import {
  cutSymbol,
  type DrawnSymbol,
  INK_SHARE,
  type OwnImages,
  ownImagesInWords,
  ownTrainingImages,
  symbolScenes,
} from "../src/own-images.js";
import { filesInWords } from "../src/words.js";

const SIDE = 50;

/** A bar across the drawing, `width` pixels wide. */
function bar(width: number, side = 56): Uint8ClampedArray {
  const drawing = new Uint8ClampedArray(side ** 2);
  for (let y = 10; y < 46; y++) drawing.fill(255, y * side + 20, y * side + 20 + width);
  return drawing;
}

const symbols: readonly DrawnSymbol[] = [3, 6, 12].map((width) => cutSymbol(bar(width), 56)!);

describe("a drawn symbol", () => {
  it("is cut out with the margin of a digit, in its middle", () => {
    const { pixels, side } = cutSymbol(bar(4), 56)!;
    expect(side).toBe(Math.ceil(36 / INK_SHARE));
    const inked = [...pixels.keys()].filter((at) => pixels[at]! > 0);
    expect(inked).toHaveLength(36 * 4);
    const middle = (of: (at: number) => number) => inked.reduce((sum, at) => sum + of(at) + 0.5, 0) / inked.length;
    expect(Math.abs(middle((at) => at % side) - side / 2)).toBeLessThanOrEqual(0.5);
    expect(Math.abs(middle((at) => Math.floor(at / side)) - side / 2)).toBeLessThanOrEqual(0.5);
  });

  it("is none where nothing is drawn", () => {
    expect(cutSymbol(new Uint8ClampedArray(56 ** 2), 56)).toBeUndefined();
  });
});

describe("images composed of symbols", () => {
  it("are a function of seed and index, with none to two symbols of a digit's size", async () => {
    const scenes = await generateScenes(symbolScenes(symbols, SIDE, 7), 120);
    const again = await generateScenes(symbolScenes(symbols, SIDE, 7), 120);
    expect(again.images).toEqual(scenes.images);
    const others = await generateScenes(symbolScenes(symbols, SIDE, 8), 120);
    expect(others.images).not.toEqual(scenes.images);
    const counts = [0, 1, 2].map((count) => scenes.counts.filter((each) => each === count).length);
    for (const count of counts) expect(count).toBeGreaterThan(20);
    scenes.counts.forEach((count, i) => {
      const rows = new Set<number>();
      const image = scenes.images.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2);
      image.forEach((value, at) => {
        if (value > 100) rows.add(Math.floor(at / SIDE));
      });
      expect(rows.size === 0, `image ${i}`).toBe(count === 0);
      if (count === 1) expect(rows.size).toBeLessThanOrEqual(24);
      if (count === 1) expect(rows.size).toBeGreaterThanOrEqual(9);
    });
  });

  it("are drawn for training as they are generated, and held out with their counts", async () => {
    const { draw, heldOut } = ownTrainingImages({ kind: "symbols", symbols }, SIDE, 3);
    const drawn = new Float32Array(2 * SIDE ** 2);
    draw(Uint32Array.of(5, 0), drawn);
    const { images } = await generateScenes(symbolScenes(symbols, SIDE, 6), 6);
    expect(Math.round(255 * drawn[1234]!)).toBe(images[5 * SIDE ** 2 + 1234]);
    expect(drawn.subarray(SIDE ** 2)).toEqual(Float32Array.from(images.subarray(0, SIDE ** 2), (value) => value / 255));
    const held = await heldOut(10);
    expect(held.counts).toHaveLength(10);
    expect(held.images).toHaveLength(10 * SIDE ** 2);
  });
});

describe("a visitor's pictures", () => {
  /** Picture i is filled with i. */
  const size = 100;
  const pixels = Uint8ClampedArray.from({ length: size * 4 }, (_, at) => Math.floor(at / 4));
  const own: OwnImages = { kind: "pictures", pixels, size };

  it("are each seen once before any is seen again, in another order, and a tenth never", async () => {
    const { draw, heldOut } = ownTrainingImages(own, 2, 0);
    const seen = (from: number): number[] => {
      const target = new Float32Array(90 * 4);
      draw(
        Uint32Array.from({ length: 90 }, (_, i) => from + i),
        target,
      );
      return Array.from({ length: 90 }, (_, i) => Math.round(255 * target[4 * i]!));
    };
    const [first, second] = [seen(0), seen(90)];
    const all = Array.from({ length: 90 }, (_, i) => i);
    expect(first.toSorted((a, b) => a - b)).toEqual(all);
    expect(second.toSorted((a, b) => a - b)).toEqual(all);
    expect(second).not.toEqual(first);
    expect(seen(0)).toEqual(first);
    const held = await heldOut(250);
    expect(held.counts).toBeUndefined();
    expect([...held.images.filter((_, i) => i % 4 === 0)].map((value) => Math.round(255 * value))).toEqual(
      Array.from({ length: 10 }, (_, i) => 90 + i),
    );
  });
});

it("says what is learned from, and what became of files", () => {
  expect(ownImagesInWords(undefined)).toMatch(/^digits/);
  expect(ownImagesInWords({ kind: "symbols", symbols })).toMatch(/^your 3 symbols/);
  const files = { size: 60, bad: [], left: 0, inverted: 0, evened: 0, side: 50 };
  expect(filesInWords(files)).toBe("60 images, scaled to 50×50 pixels and grey.");
  expect(filesInWords({ ...files, size: 1 })).toBe("1 image can be used: training needs at least 40.");
  const bad = ["a.txt", "b.pdf", "c.png", "d", "e", "f", "g"];
  expect(filesInWords({ ...files, bad, left: 3, inverted: 2, evened: 1 })).toBe(
    "60 images, scaled to 50×50 pixels and grey. Dark on bright, so inverted: 2. Ground taken away: 1. " +
      "Too many, so left out: the last 3. No images that this browser can read: a.txt, b.pdf, c.png, d, e and 2 more.",
  );
});
