import { expect, it } from "vitest";
import { boxesOverPicture } from "../../src/pictures/boxes-over-picture.js";
import { stepColours } from "../../src/pictures/scene-picture.js";

const box = { xmin: 4, ymin: 1, xmax: 8, ymax: 5 };

it("keeps a picture's size and colours, and outlines boxes in it", () => {
  const data = Uint8Array.from({ length: 12 * 6 * 3 }, (_, i) => i);
  const sheet = boxesOverPicture({ width: 12, height: 6, channels: 3, data }, [box]);
  expect([sheet.width, sheet.height]).toEqual([12, 6]);
  expect(sheet.pixel(4, 1)).toEqual(stepColours[0]);
  expect(sheet.pixel(7, 4)).toEqual(stepColours[0]);
  // Inside of the outline and outside of it.
  for (const [x, y] of [
    [5, 2],
    [8, 5],
    [0, 0],
  ] as const) {
    const at = 3 * (12 * y + x);
    expect(sheet.pixel(x, y)).toEqual([...data.subarray(at, at + 3)]);
  }
});

it("draws grey pictures, and transparent ones over black", () => {
  expect(boxesOverPicture({ width: 1, height: 1, channels: 1, data: Uint8Array.of(9) }, []).pixel(0, 0)).toEqual([
    9, 9, 9,
  ]);
  const data = Uint8Array.of(200, 100, 50, 51);
  expect(boxesOverPicture({ width: 1, height: 1, channels: 4, data }, []).pixel(0, 0)).toEqual([40, 20, 10]);
});

it("draws windows below boxes, each object in one colour, and thicker lines on large pictures", () => {
  const window = { xmin: 0, ymin: 0, xmax: 1200, ymax: 9 };
  const other = { xmin: 100, ymin: 2, xmax: 200, ymax: 8 };
  const sheet = boxesOverPicture(
    { width: 1200, height: 9, channels: 1, data: new Uint8Array(1200 * 9) },
    [other, other],
    [window],
  );
  expect(sheet.pixel(600, 0)).toEqual(stepColours[0]);
  expect(sheet.pixel(600, 1)).toEqual([0, 0, 0]);
  expect(sheet.pixel(150, 3)).toEqual(stepColours[1]);
});
