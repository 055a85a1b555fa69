import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadDataset } from "../../src/dataset.js";
import { readImageFolder } from "../../src/files/image-folder.js";
import { encodePng } from "../../src/files/png.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-pngs-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, data: readonly number[], { width = 2, height = 2, channels = 1 as 1 | 3 | 4 } = {}) =>
  writeFile(join(folder, name), encodePng({ width, height, channels, data: Uint8Array.from(data) }));
const grey = (name: string, level: number) => write(name, [level, level, level, level]);
const lines: string[] = [];
const read = () => {
  lines.length = 0;
  return readImageFolder(folder, { onNotice: (line) => void lines.push(line) });
};
const counts = (...lines: string[]) => writeFile(join(folder, "counts.csv"), lines.join("\n"));

describe("readImageFolder", () => {
  it("reads the images in the order of their names, those whose count is known first", async () => {
    await grey("b.png", 20);
    await grey("a.png", 10);
    await grey("c.PNG", 30);
    await writeFile(join(folder, "notes.txt"), "not an image");
    await counts("file,count", "c.PNG,2", "a.png, 0", "");
    const scenes = await readImageFolder(folder);
    expect(scenes).toMatchObject({ size: 3, imageSize: 2, channels: 1, maxObjects: 2 });
    expect([...scenes.images]).toEqual([10, 10, 10, 10, 30, 30, 30, 30, 20, 20, 20, 20]);
    expect([...scenes.counts]).toEqual([0, 2]);
  });

  it("turns interleaved colour channels into planes", async () => {
    await write("a.png", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], { channels: 3 });
    const { images, channels } = await readImageFolder(folder);
    expect(channels).toBe(3);
    expect([...images]).toEqual([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ["a damaged image", () => writeFile(join(folder, "b.png"), "x"), /b\.png is not a readable PNG image/],
    ["a count of no image", () => counts("a.png,1", "z.png,1"), /counts\.csv, line 2: there is no image z\.png/],
    ["two counts of an image", () => counts("a.png,1", "a.png,1"), /line 2: a\.png has a count already/],
    [
      "a count that is none",
      () => counts("a.png,one"),
      /line 1: "one" is no number of objects; lines are of the form file,count/,
    ],
    ["a count beyond a byte", () => counts("a.png,256"), /256 objects are too many/],
  ])("refuses %s", async (_, spoil, message) => {
    await grey("a.png", 10);
    await spoil();
    await expect(readImageFolder(folder)).rejects.toThrow(message);
  });

  it("has three channels as soon as one image has a colour, however the files are stored", async () => {
    const colour = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    await grey("a.png", 10);
    await write("b.png", [5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8], { channels: 3 });
    expect(await readImageFolder(folder)).toMatchObject({
      channels: 1,
      images: Uint8Array.of(10, 10, 10, 10, 5, 6, 7, 8),
    });
    await write("c.png", colour, { channels: 3 });
    await grey("d.png", 20);
    const { channels, images } = await readImageFolder(folder);
    expect(channels).toBe(3);
    expect([...images]).toEqual([
      ...new Array(12).fill(10),
      ...[5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8],
      ...[1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12],
      ...new Array(12).fill(20),
    ]);
  });

  it("puts transparent pixels on black, and says so", async () => {
    await write("a.png", [200, 200, 200, 255, 200, 200, 200, 128, 200, 200, 200, 0, 0, 0, 0, 0], { channels: 4 });
    expect(await read()).toMatchObject({ images: Uint8Array.of(200, 100, 0, 0), channels: 1 });
    expect(lines).toEqual([`${folder}: 1 images have transparent pixels, such as a.png: they are put on black`]);
  });

  it("says which files that look like images it passes over", async () => {
    await grey("a.png", 10);
    await writeFile(join(folder, "._a.png"), "a file of macOS");
    await writeFile(join(folder, ".DS_Store"), "");
    await writeFile(join(folder, "b.bmp"), "");
    expect(await read()).toMatchObject({ size: 1 });
    expect(lines).toEqual([
      `${folder}: skipped 1 hidden files, such as ._a.png`,
      `${folder}: skipped 1 files of kinds that are not read, such as b.bmp`,
    ]);
  });

  it("reads 16 bits of all images by the brightest of them, and says so", async () => {
    const deep = (name: string, values: readonly number[]) =>
      sharp(Uint16Array.from(values), { raw: { width: 2, height: 2, channels: 1 } })
        .toColourspace("grey16")
        .tiff({ compression: "none" })
        .toFile(join(folder, name));
    await deep("a.tif", [0, 1000, 2000, 4095]);
    await deep("b.tiff", [0, 0, 0, 1000]);
    await grey("c.png", 200);
    expect([...(await read()).images]).toEqual([0, 62, 125, 255, 0, 0, 0, 62, 200, 200, 200, 200]);
    expect(lines).toEqual([
      `${folder}: 2 images have 16 bits, with values up to 4095: 4095 is white in them`,
      `${folder}: the other 1 have 8 bits: 255 is white in them`,
    ]);
  });

  it("says what a path that is no folder is", async () => {
    await grey("a.png", 10);
    await expect(readImageFolder(join(folder, "a.png"))).rejects.toThrow("it is a file; dataset npz reads NPZ files");
  });

  it("refuses a folder without images, or that is not there", async () => {
    await expect(readImageFolder(folder)).rejects.toThrow(
      "has no images (PNG, JPEG, WebP or TIFF files); it has nothing",
    );
    await expect(readImageFolder(join(folder, "none"))).rejects.toThrow(
      /Cannot read the folder .*none: the file or its/,
    );
  });
});

describe("a folder as a data set", () => {
  const images = async (labelled: number) => {
    await mkdir(join(folder, "more"));
    for (let i = 0; i < 10; i++) await grey(`${i}.png`, i);
    await counts(...Array.from({ length: labelled }, (_, i) => `${i}.png,${i % 3}`));
  };

  it("trains on unlabelled images and holds labelled ones out", async () => {
    await images(3);
    const { name, train, test } = await loadDataset("png-folder", { path: folder, testFraction: 0.2 });
    expect(name).toBe("png-folder");
    expect([train.size, test.size]).toEqual([8, 2]);
    const seen = [...("images" in train ? train.images : []), ...test.images].filter((_, i) => i % 4 === 0);
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const [i, count] of test.counts.entries()) expect(count).toBe(test.images[4 * i]! % 3);
  });

  it("holds out the same images for the same seed, others for another", async () => {
    await images(10);
    const heldOut = async (seed: number) =>
      (await loadDataset("png-folder", { path: folder, testFraction: 0.4, seed })).test.images;
    expect(await heldOut(0)).toEqual(await heldOut(0));
    expect(await heldOut(0)).not.toEqual(await heldOut(1));
  });

  it.each([0, 1])("holds out unlabelled images where %d counts are not enough", async (labelled) => {
    await images(labelled);
    const { train, test } = await loadDataset("png-folder", { path: folder, testFraction: 0.2 });
    expect([train.size, test.size]).toEqual([8, 2]);
    expect([train.counts.length, test.counts.length]).toEqual([0, labelled]);
    expect([...test.counts.keys()].map((i) => test.images[4 * i])).toEqual(labelled === 1 ? [0] : []);
    const seen = [...train.images, ...test.images].filter((_, i) => i % 4 === 0);
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("leaves an image to train on, and says where its images are", async () => {
    await images(1);
    await expect(loadDataset("png-folder", { path: folder, testFraction: 0.99 })).rejects.toThrow(
      "none is left to train",
    );
    await expect(loadDataset("png-folder", { path: folder, testFraction: 1 })).rejects.toThrow("between 0 and 1");
    await expect(loadDataset("png-folder", {})).rejects.toThrow("png-folder needs the path of a folder");
  });
});
