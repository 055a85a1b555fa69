/** Folders of images that are large, not square or of several sizes. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resamplePlanes, toPlanes } from "@air-onnx/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadDataset } from "../../src/dataset.js";
import { planFit, resize, tilesOf } from "../../src/files/fit-images.js";
import { readImageFolder } from "../../src/files/image-folder.js";
import { encodePng } from "../../src/files/png.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-fit-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Draw = (x: number, y: number) => number;
const write = (name: string, width: number, height: number, draw: Draw, channels: 1 | 3 = 1) => {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    return draw(pixel % width, Math.floor(pixel / width));
  });
  return writeFile(join(folder, name), encodePng({ width, height, channels, data }));
};
/** Bright discs on a grey ground, `every` pixels apart. */
const discs =
  (every: number, radius: number): Draw =>
  (x, y) =>
    Math.hypot((x % every) - every / 2, (y % every) - every / 2) < radius ? 230 : 60;
const lines: string[] = [];
const read = (options: Parameters<typeof readImageFolder>[1] = {}) => {
  lines.length = 0;
  return readImageFolder(folder, { ...options, onNotice: (line) => void lines.push(line.replace(`${folder}: `, "")) });
};

describe("a folder of images", () => {
  it("of one square size up to 128 pixels is taken as it is, without a word", async () => {
    await write("a.png", 128, 128, (x) => x);
    expect(await read()).toMatchObject({ imageSize: 128, size: 1 });
    expect(lines).toEqual([]);
  });

  it("of small images of several sizes is put on their own ground, and keeps its counts", async () => {
    await write("a.png", 4, 4, () => 9);
    await write("b.png", 2, 3, (x, y) => (x === 1 && y === 2 ? 200 : 50));
    await writeFile(join(folder, "counts.csv"), "b.png,1\n");
    const { images, counts, imageSize } = await read();
    expect(imageSize).toBe(4);
    expect([...counts]).toEqual([1]);
    expect([...images.subarray(0, 16)]).toEqual([50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 200, 50, 50, 50, 50, 50]);
    expect([...images.subarray(16)]).toEqual(new Array(16).fill(9));
    expect(lines).toEqual(["2 images of 2–4x3–4 pixels are put on their own ground, 4x4 [fit, fitScale, fitSize]"]);
  });

  it("with small objects on large images is cut into tiles that cover all of it, without counts", async () => {
    await write("a.png", 300, 200, discs(50, 10));
    await write("b.png", 300, 200, discs(50, 10));
    await writeFile(join(folder, "counts.csv"), "a.png,24\n");
    const { images, imageSize, size, counts } = await read();
    expect([imageSize, size, counts.length]).toEqual([96, 2 * 4 * 3, 0]);
    expect(lines[0]).toMatch(
      /^2 images of 300x200 pixels \(their objects are about \d+ pixels long\) are cut into tiles of 96x96 \[fit, fitScale, fitSize\]$/,
    );
    expect(lines[1]).toBe("the counts of 1 images are not used, as these are cut into tiles");
    const last = images.subarray(11 * 96 * 96, 12 * 96 * 96);
    const draw = discs(50, 10);
    expect([...last]).toEqual(
      Array.from({ length: 96 * 96 }, (_, i) => draw(204 + (i % 96), 104 + Math.floor(i / 96))),
    );
  });

  it("with large objects is halved before, and says so", async () => {
    await write("a.png", 800, 800, discs(200, 40));
    const { imageSize, size, pictures } = await read();
    expect([imageSize, size, pictures]).toEqual([96, 9, { fit: "tiles", scale: 0.25 }]);
    expect(lines[0]).toMatch(/objects are about (7|8)\d pixels long\) are scaled by 0\.25 and cut into tiles of 96x96/);
    expect(await read({ fit: "tiles" })).toMatchObject({ size: 81, pictures: { fit: "tiles" } });
  });

  it("is scaled to fit whole where that is asked for, in its own proportions", async () => {
    await write("a.png", 300, 150, () => 80, 3);
    await write("b.png", 20, 20, () => 7, 3);
    const { images, imageSize, size } = await read({ fit: "scale", fitSize: 30 });
    expect([imageSize, size]).toEqual([30, 2]);
    expect([...images.subarray(0, 900)]).toEqual(new Array(900).fill(80));
    // A smaller one becomes larger, as in inference.
    expect([...images.subarray(900)]).toEqual(new Array(900).fill(7));
    expect(lines).toEqual([
      "2 images of 20–300x20–150 pixels are scaled to fit 30x30 whole; the rest is filled with their ground [fit, fitScale, fitSize]",
    ]);
  });

  it("is fitted at a given scale, also a larger one, whatever its objects", async () => {
    await write("a.png", 800, 800, discs(200, 40));
    const half = await read({ fitScale: 0.5 });
    expect([half.imageSize, half.size, half.pictures]).toEqual([96, 25, { fit: "tiles", scale: 0.5 }]);
    await write("a.png", 40, 30, discs(10, 2));
    expect(await read({ fit: "tiles", fitScale: 2 })).toMatchObject({ imageSize: 80, size: 1 });
    expect(lines).toEqual([
      "1 images of 40x30 pixels are scaled by 2 and put on their own ground, 80x80 [fit, fitScale, fitSize]",
    ]);
    await expect(read({ fit: "scale", fitScale: 2 })).rejects.toThrow("fitScale is for the fits auto and tiles");
    await expect(read({ fitScale: 17 })).rejects.toThrow("fitScale must be a number from 0.015625 to 16, got 17");
  });

  it("is refused with the fit exact, unless its images are squares of one size, of whatever side", async () => {
    await write("a.png", 200, 200, () => 9);
    expect(await read({ fit: "exact" })).toMatchObject({ imageSize: 200, size: 1 });
    await expect(read({ fit: "exact", fitSize: 96 })).rejects.toThrow("1 images of 200x200 pixels are not of 96x96");
    await write("b.png", 200, 190, () => 9);
    await expect(read({ fit: "exact" })).rejects.toThrow("2 images of 200x190–200 pixels are not squares of one size");
  });

  it("has no more tiles than memory is for, evenly spread", async () => {
    await write("a.png", 2048, 2048, (x, y) => (x + y) % 256);
    expect(await read({ fit: "tiles", fitSize: 8 })).toMatchObject({ size: 50_000 });
    expect(lines).toContain("of 65536 tiles 50000 are used, evenly spread");
  });

  it("has images of a side that can be", async () => {
    await write("a.png", 20, 20, () => 0);
    await expect(read({ fitSize: 4 })).rejects.toThrow("fitSize must be a whole number from 8 to 512, got 4");
    await expect(loadDataset("npz", { path: "x.npz", fitSize: 96 })).rejects.toThrow("npz takes no fitSize");
  });
});

describe("tiles", () => {
  it("cover a picture from edge to edge, and one that is smaller lies in the middle of one", () => {
    expect(tilesOf({ width: 200, height: 90 }, 96)).toEqual([
      { x: 0, y: -3 },
      { x: 52, y: -3 },
      { x: 104, y: -3 },
    ]);
    expect(tilesOf({ width: 96, height: 96 }, 96)).toEqual([{ x: 0, y: 0 }]);
  });

  it("are planned for pictures without objects, too", async () => {
    const empty = async () => ({ width: 400, height: 400, data: new Float32Array(160_000) });
    const plan = await planFit([{ width: 400, height: 400 }], empty, {});
    expect(plan.line).toBe("1 images of 400x400 pixels are cut into tiles of 96x96");
  });
});

it("a picture is scaled as inference does it, each channel by itself", () => {
  const size = { width: 7, height: 5 };
  const data = Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (37 * i) % 256);
  for (const wanted of [
    { width: 3, height: 2 },
    { width: 11, height: 9 },
  ]) {
    const expected = resamplePlanes(toPlanes({ ...size, data, channels: 3 }, 3), wanted).data;
    const found = resize({ ...size, data, channels: 3 }, wanted).data;
    const inPlanes = Array.from(
      expected,
      (_, i) => found[(i % (wanted.width * wanted.height)) * 3 + Math.floor(i / (wanted.width * wanted.height))],
    );
    expect(inPlanes).toEqual(Array.from(expected, (value) => Math.round(255 * value)));
  }
});
