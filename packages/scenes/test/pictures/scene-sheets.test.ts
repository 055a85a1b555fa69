import { describe, expect, it } from "vitest";
import { explanationOf, sideBySide } from "../../src/pictures/scene-sheets.js";

const form = { imageSize: 20, channels: 1 };
const image = new Float32Array(400);
const tightBox = { xmin: 8, ymin: 8, xmax: 12, ymax: 12 };
const box = { xmin: 4, ymin: 4, xmax: 16, ymax: 16 };

describe("sideBySide", () => {
  it("draws boxes on both images, and windows around them in thinner lines of the same colour", () => {
    const [without, withWindows] = [[], [box]].map((windows) => sideBySide(image, image, [tightBox], form, windows));
    const coloured = (picture: typeof without): number => {
      const rgb = picture!.data;
      let count = 0;
      for (let i = 0; i < rgb.length; i += 3) if (rgb[i + 2]! > 200) count++;
      return count;
    };
    // A pixel of the image is 3 wide; a line of width w around a square of side a has 4 w (a - w) pixels.
    expect(coloured(without)).toBe(2 * (4 * 2 * (12 - 2)));
    expect(coloured(withWindows)).toBe(2 * (4 * 2 * (12 - 2) + 4 * (36 - 1)));
  });
});

it("explains a scene by its tight boxes", () => {
  const object = { presence: 1, score: 1, box, tightBox, mask: new Uint8Array(400), zWhere: [2, 0, 0] as const };
  const scene = { count: 1, objects: [{ ...object, zWhat: image, patch: image }], reconstruction: image };
  expect(explanationOf(scene)).toEqual({ boxes: [tightBox], count: 1, reconstruction: image });
});
