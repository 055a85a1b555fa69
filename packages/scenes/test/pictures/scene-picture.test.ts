import { describe, expect, it } from "vitest";
import type { Colour, PixelSheet } from "../../src/pictures/pixel-sheet.js";
import {
  annotatedPicture,
  type PicturedScene,
  reconstructionSheet,
  stepColours,
} from "../../src/pictures/scene-picture.js";

const form = { imageSize: 20, channels: 1, scale: 4 };
const white = new Float32Array(400).fill(1);
const dim = new Float32Array(400).fill(0.2);
const box = { xmin: 5, ymin: 5, xmax: 10, ymax: 10 };
const scene = (changes: Partial<PicturedScene> = {}): PicturedScene => ({
  image: white,
  reconstruction: dim,
  boxes: [box],
  count: 1,
  ...changes,
});

/** The first pixel of `colour` by rows, and the number of such pixels. */
function find(picture: PixelSheet, colour: Colour): { x: number; y: number; pixels: number } {
  const hits: number[] = [];
  for (let i = 0; i < picture.width * picture.height; i++) {
    if (picture.pixel(i % picture.width, Math.floor(i / picture.width)).join() === colour.join()) hits.push(i);
  }
  const first = hits[0] ?? Number.NaN;
  return { x: first % picture.width, y: Math.floor(first / picture.width), pixels: hits.length };
}

const [first, second] = stepColours as [Colour, Colour];
const outlinePixels = 4 * 2 * (20 - 2);

describe("annotatedPicture", () => {
  it("is the enlarged image with each step's box in its colour", () => {
    const picture = annotatedPicture(dim, [box, { xmin: 12, ymin: 0, xmax: 17, ymax: 5 }], form);
    expect([picture.width, picture.height]).toEqual([80, 80]);
    expect(picture.pixel(0, 0)).toEqual([51, 51, 51]);
    expect(find(picture, first)).toEqual({ x: 20, y: 20, pixels: outlinePixels });
    expect(find(picture, second)).toEqual({ x: 48, y: 0, pixels: outlinePixels });
    expect(picture.pixel(22, 22)).toEqual([51, 51, 51]);
  });

  it("draws a picture for any number of objects", () => {
    const boxes = Array.from({ length: 7 }, (_, i) => ({ xmin: i, ymin: i, xmax: i + 3, ymax: i + 3 }));
    expect(find(annotatedPicture(dim, boxes, form), first).pixels).toBeGreaterThan(0);
  });
});

describe("reconstructionSheet", () => {
  it("draws the image and, below it, its reconstruction, both with the boxes", () => {
    const picture = reconstructionSheet([scene()], { ...form, columns: 4 });
    const { x, y, pixels } = find(picture, first);
    expect(pixels).toBe(2 * outlinePixels);
    // The box begins 20 pixels from the image's corner; the reconstruction is one image and a gap further down.
    const left = x - 20;
    const top = y - 20;
    expect(picture.pixel(left, top)).toEqual([255, 255, 255]);
    const lower = top + 80 + 2 * form.scale;
    expect(picture.pixel(left, lower)).toEqual([51, 51, 51]);
    expect(picture.pixel(left + 79, lower + 79)).toEqual([51, 51, 51]);
    expect(picture.pixel(left + 20, lower + 20)).toEqual(first);
  });

  it("is as wide as its columns and as high as its rows", () => {
    const size = (scenes: number, columns: number): [number, number] => {
      const picture = reconstructionSheet(new Array<PicturedScene>(scenes).fill(scene()), { ...form, columns });
      return [picture.width, picture.height];
    };
    const [width, height] = size(1, 3);
    expect(size(3, 3)[0] - size(2, 3)[0]).toBe(size(2, 3)[0] - width);
    expect(size(3, 3)[1]).toBe(height);
    expect(size(4, 3)[0]).toBe(size(3, 3)[0]);
    expect(size(7, 3)[1] - size(4, 3)[1]).toBe(size(4, 3)[1] - height);
  });

  it("marks a wrong count in red, and only that", () => {
    const red: Colour = [255, 92, 64];
    const sheet = (changes: Partial<PicturedScene>): PixelSheet =>
      reconstructionSheet([scene(changes)], { ...form, columns: 1 });
    expect(find(sheet({ trueCount: 2 }), red).pixels).toBeGreaterThan(0);
    expect(find(sheet({ trueCount: 1 }), red).pixels).toBe(0);
    expect(find(sheet({}), red).pixels).toBe(0);
    expect(Buffer.compare(sheet({ trueCount: 1 }).data, sheet({}).data)).toBe(0);
  });

  it("keeps the label of one scene clear of the next", () => {
    const wrong = scene({ trueCount: 2 });
    const alone = reconstructionSheet([wrong], { ...form, columns: 2 });
    const beside = reconstructionSheet([wrong, wrong], { ...form, columns: 2 });
    const red: Colour = [255, 92, 64];
    expect(find(beside, red).pixels).toBe(2 * find(alone, red).pixels);
  });

  it("takes RGB images", () => {
    const blue = new Float32Array(1200).fill(1, 800);
    const picture = reconstructionSheet([scene({ image: blue, reconstruction: blue, boxes: [] })], {
      ...form,
      channels: 3,
      columns: 1,
    });
    expect(find(picture, [0, 0, 255]).pixels).toBe(2 * 80 * 80);
  });

  it("refuses no scenes, and images of another form", () => {
    expect(() => reconstructionSheet([], { ...form, columns: 1 })).toThrow("at least one scene");
    const small = scene({ reconstruction: new Float32Array(10) });
    expect(() => reconstructionSheet([small], { ...form, columns: 1 })).toThrow(
      "An image [1, 20, 20] has 400 values, got 10",
    );
  });
});
