import { describe, expect, it } from "vitest";
import { brushRadius, inkSegment } from "../src/brush.js";
import { fitImage } from "../src/image-fit.js";
import { blankRaster, canvasFromRaster, invertRaster, isBlank, rasterFromCanvas } from "../src/raster.js";
import { pasteStamp } from "../src/stamp.js";

const grey = { imageSize: 20, channels: 1 };

describe("the brush", () => {
  it("inks full inside, fades over a pixel and leaves the rest black", () => {
    const raster = blankRaster(grey);
    inkSegment(raster, { x: 4, y: 10 }, { x: 16, y: 10 }, { radius: 1.5, ink: [255] });
    const column = Array.from({ length: 20 }, (_, row) => raster.data[row * 20 + 10]!);
    expect(column.slice(8, 12)).toEqual([128, 255, 255, 128].map((value) => expect.closeTo(value, -0.5)));
    expect(column.slice(0, 8).every((value) => value === 0)).toBe(true);
    expect(raster.data[10 * 20 + 1]).toBe(0);
  });

  it("does not add up where a stroke crosses itself", () => {
    const once = blankRaster(grey);
    const twice = blankRaster(grey);
    const segment = [
      { x: 3, y: 3 },
      { x: 15, y: 12 },
      { radius: 1.2, ink: [200] },
    ] as const;
    inkSegment(once, ...segment);
    inkSegment(twice, ...segment);
    inkSegment(twice, segment[1], segment[0], segment[2]);
    expect(twice).toEqual(once);
    expect(Math.max(...once.data)).toBe(200);
  });

  it("marks a single point, and stays inside the picture", () => {
    const raster = blankRaster(grey);
    inkSegment(raster, { x: 0, y: 0 }, { x: 0, y: 0 }, { radius: 2, ink: [255] });
    inkSegment(raster, { x: 30, y: -9 }, { x: 40, y: 90 }, { radius: 2, ink: [255] });
    expect(raster.data[0]).toBe(255);
    expect(raster.data[19]).toBe(0);
  });

  it("inks in colour, and erases all colours", () => {
    const raster = blankRaster({ imageSize: 8, channels: 3 });
    inkSegment(raster, { x: 4, y: 4 }, { x: 4, y: 4 }, { radius: 3, ink: [255, 0, 255] });
    expect(Array.from(raster.data.slice(3 * (4 * 8 + 4), 3 * (4 * 8 + 4) + 3))).toEqual([255, 0, 255]);
    inkSegment(raster, { x: 4, y: 4 }, { x: 4, y: 4 }, { radius: 6, ink: "erase" });
    expect(isBlank(raster)).toBe(true);
  });

  it("has strokes of 2 to 3 pixels on multi-MNIST", () => {
    const width = 2 * brushRadius(50 / 3);
    expect(width).toBeGreaterThanOrEqual(2);
    expect(width).toBeLessThanOrEqual(3);
  });
});

it("a stamp adds, clips at white and at the border", () => {
  const raster = blankRaster(grey);
  const stamp = { data: new Uint8ClampedArray(16).fill(200), width: 4, height: 4, channels: 1 };
  pasteStamp(raster, stamp, { x: 0, y: 0 });
  pasteStamp(raster, stamp, { x: 2, y: 2 });
  expect(raster.data[0]).toBe(255);
  expect(raster.data[3 * 20 + 3]).toBe(200);
  expect(raster.data[4 * 20]).toBe(0);
  expect(() => pasteStamp(raster, { ...stamp, channels: 3 }, { x: 0, y: 0 })).toThrow(/channels/);
});

it("a raster and a canvas hold the same picture", () => {
  const raster = blankRaster({ imageSize: 3, channels: 3 });
  raster.data.forEach((_, i) => {
    raster.data[i] = 9 * i;
  });
  const canvas = canvasFromRaster(raster);
  expect(canvas[9]).toBeCloseTo(9 / 255);
  expect(rasterFromCanvas(canvas, { imageSize: 3, channels: 3 })).toEqual(raster);
  expect(rasterFromCanvas([1.7, -1], { imageSize: 1, channels: 1 }).data[0]).toBe(255);
});

describe("fitting an image", () => {
  const picture = (width: number, height: number, pixel: (x: number, y: number) => readonly number[]) => ({
    data: Uint8ClampedArray.from(
      Array.from({ length: width * height }, (_, i) => pixel(i % width, Math.floor(i / width))).flat(),
    ),
    width,
    height,
  });
  const blob = (light: number, dark: number) =>
    picture(100, 100, (x, y) => {
      const value = x >= 40 && x < 60 && y >= 40 && y < 60 ? light : dark;
      return [value, value, value, 255];
    });

  it("shrinks by averaging", () => {
    const { raster: fitted } = fitImage(blob(255, 0), { imageSize: 10, channels: 1 });
    expect(fitted.data[4 * 10 + 4]).toBe(255);
    expect(fitted.data[0]).toBe(0);
    const { raster: half } = fitImage(blob(255, 0), { imageSize: 2, channels: 1 });
    expect(half.data[0]).toBeCloseTo(255 * 0.04, -1);
  });

  it("inverts dark ink on paper", () => {
    const dark = fitImage(blob(0, 255), { imageSize: 10, channels: 1 });
    const bright = fitImage(blob(255, 0), { imageSize: 10, channels: 1 });
    expect(dark.raster).toEqual(bright.raster);
    expect(dark).toMatchObject({ isInverted: true, isEvened: false });
    expect(bright).toMatchObject({ isInverted: false, isEvened: false });
  });

  it("treats a transparent background with dark ink as paper", () => {
    const ink = picture(20, 20, (x) => (x === 10 ? [0, 0, 0, 255] : [0, 0, 0, 0]));
    const { raster: fitted } = fitImage(ink, grey);
    expect(fitted.data[5 * 20 + 10]).toBe(255);
    expect(fitted.data[5 * 20 + 3]).toBe(0);
  });

  it("keeps the whole of a wide picture, with black above and below", () => {
    const { raster: fitted } = fitImage(
      picture(40, 20, (x) => (x === 0 || x === 39 ? [0, 0, 0, 255] : [200, 100, 0, 255])),
      { imageSize: 20, channels: 3 },
    );
    const at = (x: number, y: number) => Array.from(fitted.data.slice(3 * (y * 20 + x), 3 * (y * 20 + x) + 3));
    expect(at(10, 10)).toEqual([200, 100, 0]);
    expect(at(10, 2)).toEqual([0, 0, 0]);
    expect(at(10, 17)).toEqual([0, 0, 0]);
  });

  it("takes a picture whose sides are getters, as those of an ImageData are", () => {
    const plain = blob(255, 0);
    class Getters {
      readonly data = plain.data;
      get width() {
        return plain.width;
      }
      get height() {
        return plain.height;
      }
    }
    expect(fitImage(new Getters(), grey)).toEqual(fitImage(plain, grey));
  });

  /** A stroke, of a contrast between 0 and 1, on a ground of which the brightness is a function of the place. */
  const onGround = (contrast: number, ground: (x: number, y: number) => number) =>
    picture(100, 100, (x, y) => {
      const ink = x >= 40 && x < 50 && y >= 20 && y < 80 ? contrast : 0;
      // Grain, from a hash of the place.
      const grain = ((x * 7919 + y * 104_729) % 17) - 8;
      const value = (1 - ink) * (ground(x, y) + grain);
      return [value, value, value, 255];
    });

  it.each<[string, (x: number, y: number) => number]>([
    ["lit from the left", (x) => 240 - 0.9 * x],
    ["lit in the middle", (x, y) => 230 - ((x - 50) ** 2 + (y - 50) ** 2) / 60],
    ["grey", () => 160],
  ])("makes the ground of paper that is %s black, and its ink bright", (_, ground) => {
    const { raster, isInverted, isEvened } = fitImage(onGround(0.6, ground), grey);
    expect({ isInverted, isEvened }).toEqual({ isInverted: true, isEvened: true });
    for (let i = 0; i < 400; i++) {
      const [x, y] = [i % 20, Math.floor(i / 20)];
      if ((x === 8 || x === 9) && y >= 4 && y < 16) expect(raster.data[i], `${x} ${y}`).toBeGreaterThan(150);
      else expect(raster.data[i], `${x} ${y}`).toBeLessThan(20);
    }
  });

  it("finds nothing on shaded paper without ink, and evens a board that is not black", () => {
    const empty = fitImage(
      onGround(0, (x) => 240 - 0.9 * x),
      grey,
    );
    expect(isBlank(empty.raster)).toBe(true);
    const chalk = fitImage(
      picture(100, 100, (x, y) => {
        const value = x >= 40 && x < 50 && y >= 20 && y < 80 ? 200 : 40 + 0.3 * y;
        return [value, value, value, 255];
      }),
      grey,
    );
    expect(chalk).toMatchObject({ isInverted: false, isEvened: true });
    expect(chalk.raster.data[0]).toBe(0);
    expect(chalk.raster.data[10 * 20 + 8]).toBeGreaterThan(200);
  });

  it("keeps the hue of coloured shapes on white", () => {
    const shape = picture(60, 60, (x, y) =>
      x >= 20 && x < 40 && y >= 20 && y < 40 ? [255, 0, 0, 255] : [255, 255, 255, 255],
    );
    const { raster } = fitImage(shape, { imageSize: 20, channels: 3 });
    expect(Array.from(raster.data.slice(3 * (10 * 20 + 10), 3 * (10 * 20 + 10) + 3))).toEqual([255, 0, 0]);
    expect(Array.from(raster.data.slice(0, 3))).toEqual([0, 0, 0]);
  });

  it("takes a picture of one pixel, and one that is a thousand times as high as wide", () => {
    expect(
      fitImage(
        picture(1, 1, () => [255, 255, 255, 255]),
        grey,
      ).raster.data.every((value) => value < 256),
    ).toBe(true);
    const tall = fitImage(
      picture(1, 1000, (_, y) => (y < 500 ? [255, 255, 255, 255] : [0, 0, 0, 255])),
      grey,
    );
    expect(tall.raster.data.length).toBe(400);
  });

  it("enlarges", () => {
    const { raster: fitted } = fitImage(
      picture(2, 2, (x, y) => (x === 0 && y === 0 ? [255, 255, 255, 255] : [0, 0, 0, 255])),
      grey,
    );
    expect(fitted.data[0]).toBe(255);
    expect(fitted.data[15 * 20 + 15]).toBe(0);
  });

  it("makes the grey of colours as the runtime does", () => {
    const { raster: fitted } = fitImage(
      picture(10, 10, (x) => (x === 5 ? [255, 0, 0, 255] : [0, 0, 0, 255])),
      { imageSize: 10, channels: 1 },
    );
    expect(fitted.data[5]).toBe(Math.round(0.299 * 255));
  });
});

it("inverting twice changes nothing", () => {
  const raster = blankRaster(grey);
  expect(invertRaster(raster).data[0]).toBe(255);
  expect(invertRaster(invertRaster(raster))).toEqual(raster);
});
