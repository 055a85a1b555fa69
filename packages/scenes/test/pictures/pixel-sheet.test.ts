import { describe, expect, it } from "vitest";
import { type Colour, PixelSheet, textSize } from "../../src/pictures/pixel-sheet.js";

const black: Colour = [0, 0, 0];
const red: Colour = [255, 0, 0];
const grey = (level: number): Colour => [level, level, level];

/** The picture as text, `#` where it is `colour`. */
function mask(picture: PixelSheet, colour: Colour): string[] {
  return Array.from({ length: picture.height }, (_, y) =>
    Array.from({ length: picture.width }, (_, x) => (picture.pixel(x, y).join() === colour.join() ? "#" : ".")).join(
      "",
    ),
  );
}

describe("PixelSheet", () => {
  it("enlarges each pixel of a grey image to a square, clamped to [0, 1]", () => {
    const picture = new PixelSheet(6, 5, grey(9));
    picture.drawImage({ data: Float32Array.of(0, 0.5, 2, -1), size: 2, channels: 1 }, 1, 1, 2);
    expect(picture.pixel(0, 0)).toEqual(grey(9));
    expect(picture.pixel(1, 1)).toEqual(grey(0));
    expect(picture.pixel(2, 2)).toEqual(grey(0));
    expect(picture.pixel(3, 1)).toEqual(grey(128));
    expect(picture.pixel(2, 4)).toEqual(grey(255));
    expect(picture.pixel(4, 4)).toEqual(grey(0));
    expect(picture.pixel(5, 4)).toEqual(grey(9));
  });

  it("takes the colours of an RGB image from its three planes", () => {
    const picture = new PixelSheet(2, 2, black);
    const data = Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0.2);
    picture.drawImage({ data, size: 2, channels: 3 }, 0, 0, 1);
    expect([picture.pixel(0, 0), picture.pixel(1, 0), picture.pixel(0, 1), picture.pixel(1, 1)]).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
      [0, 0, 51],
    ]);
  });

  it("refuses an image of another form", () => {
    const picture = new PixelSheet(4, 4, black);
    expect(() => picture.drawImage({ data: new Float32Array(5), size: 2, channels: 1 }, 0, 0, 1)).toThrow(
      "An image [1, 2, 2] has 4 values, got 5",
    );
    expect(() => picture.drawImage({ data: new Float32Array(8), size: 2, channels: 2 }, 0, 0, 1)).toThrow("got 2");
  });

  it("outlines a box inside its edges", () => {
    const picture = new PixelSheet(8, 6, black);
    picture.outlineBox({ xmin: 1, ymin: 1, xmax: 5, ymax: 4 }, { x: 1, y: 1, size: 5, scale: 1 }, 1, red);
    expect(mask(picture, red)).toEqual([
      "........", //
      "........",
      "..####..",
      "..#..#..",
      "..####..",
      "........",
    ]);
  });

  it("places a box by its fractions at the enlarged scale", () => {
    const picture = new PixelSheet(8, 8, black);
    picture.outlineBox({ xmin: 0.5, ymin: 0, xmax: 1.75, ymax: 1 }, { x: 0, y: 0, size: 2, scale: 4 }, 1, red);
    expect(mask(picture, red).slice(0, 5)).toEqual([
      "..#####.", //
      "..#...#.",
      "..#...#.",
      "..#####.",
      "........",
    ]);
  });

  it("cuts a box off at the image's edges and leaves it open there", () => {
    const picture = new PixelSheet(6, 6, black);
    const area = { x: 1, y: 1, size: 4, scale: 1 };
    picture.outlineBox({ xmin: -3, ymin: 1, xmax: 2, ymax: 9 }, area, 1, red);
    expect(mask(picture, red)).toEqual([
      "......", //
      "......",
      ".##...",
      "..#...",
      "..#...",
      "......",
    ]);
    const outside = new PixelSheet(6, 6, black);
    outside.outlineBox({ xmin: 5, ymin: 5, xmax: 9, ymax: 9 }, area, 1, red);
    outside.outlineBox({ xmin: -9, ymin: -9, xmax: -5, ymax: -5 }, area, 1, red);
    expect(mask(outside, red).join("")).not.toContain("#");
  });

  it("writes text, upper case as lower, and knows its size", () => {
    const picture = new PixelSheet(13, 9, black);
    picture.drawText("1T", 1, 1, 1, red);
    expect(mask(picture, red)).toEqual([
      ".............",
      "...#....#....",
      "..##....#....",
      "...#...###...",
      "...#....#....",
      "...#....#....",
      "...#....#..#.",
      "..###....##..",
      ".............",
    ]);
    expect(textSize("1T", 2)).toEqual({ width: 22, height: 14 });
    expect(() => picture.drawText("€", 0, 0, 1, red)).toThrow('no character "€"');
  });

  it("has every glyph of its font in five columns, and no two alike", () => {
    const seen = new Set<string>();
    for (const character of "0123456789abcdefghijklmnopqrstuvwxyz().") {
      const picture = new PixelSheet(7, 11, black);
      picture.drawText(character, 1, 1, 1, red);
      const rows = mask(picture, red);
      expect(rows.every((row) => row.startsWith(".") && row.endsWith("."))).toBe(true);
      expect(rows.join("")).toContain("#");
      seen.add(rows.join("\n"));
    }
    expect(seen.size).toBe(39);
  });
});
