import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pictureLimits } from "@air-onnx/core/picture-file";
import sharp, { type Sharp } from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DataError, FileError } from "../../src/errors.js";
import { decodePicture, readPictures } from "../../src/files/picture.js";
import { encodePng } from "../../src/files/png.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-pictures-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const grey = [10, 20, 30, 40, 50, 60];
const colour = Array.from({ length: 18 }, (_, i) => 14 * i);
const raw = (values: readonly number[], channels: 1 | 2 | 3 | 4, [width, height] = [3, 2]): Sharp =>
  sharp(Buffer.from(values), { raw: { width: width!, height: height!, channels } });
const deep = (values: readonly number[], channels: 1 | 3) =>
  sharp(Uint16Array.from(values), { raw: { width: 3, height: 2, channels } });

describe("decodePicture", () => {
  it.each<[string, () => Promise<Buffer>]>([
    ["WebP", () => raw(grey, 1).webp({ lossless: true }).toBuffer()],
    ["TIFF", () => raw(grey, 1).tiff({ compression: "lzw" }).toBuffer()],
    ["grey TIFF", () => raw(grey, 1).toColourspace("b-w").tiff({ compression: "none" }).toBuffer()],
    ["PNG", () => raw(grey, 1).png().toBuffer()],
  ])("reads a grey %s to the last pixel, however it is stored", async (_, encoded) => {
    const picture = await decodePicture(await encoded(), "tile");
    expect(picture).toMatchObject({ width: 3, height: 2, channels: 1 });
    expect([...picture.data]).toEqual(grey);
  });

  it.each<[string, () => Promise<Buffer>]>([
    ["WebP", () => raw(colour, 3).webp({ lossless: true }).toBuffer()],
    ["TIFF", () => raw(colour, 3).tiff({ compression: "deflate" }).toBuffer()],
  ])("reads a %s in colour", async (_, encoded) => {
    const picture = await decodePicture(await encoded(), "tile");
    expect(picture.channels).toBe(3);
    expect([...picture.data]).toEqual(colour);
  });

  it("reads a JPEG, about as it was", async () => {
    const values = Array.from({ length: 256 }, (_, i) => i);
    const bytes = await raw(values, 1, [16, 16]).jpeg({ quality: 100 }).toBuffer();
    const picture = await decodePicture(bytes, "photo.jpg");
    expect(picture).toMatchObject({ width: 16, height: 16, channels: 1 });
    picture.data.forEach((value, i) => {
      expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(2);
    });
  });

  it("keeps 16 bits, grey and in colour", async () => {
    const values = [0, 1, 255, 256, 4095, 65_535];
    const tiff = await deep(values, 1).toColourspace("grey16").tiff({ compression: "none" }).toBuffer();
    const png = await deep(values, 1).toColourspace("grey16").png().toBuffer();
    for (const bytes of [tiff, png]) {
      const { data, channels } = await decodePicture(bytes, "deep");
      expect([data, channels]).toEqual([Uint16Array.from(values), 1]);
    }
    const colours = Array.from({ length: 18 }, (_, i) => 3000 * i);
    const rgb = await deep(colours, 3).pipelineColourspace("rgb16").toColourspace("rgb16").png().toBuffer();
    const { data, channels } = await decodePicture(rgb, "deep");
    expect([data, channels]).toEqual([Uint16Array.from(colours), 3]);
  });

  it("keeps alpha where a pixel is not opaque", async () => {
    const transparent = [9, 9, 9, 255, 9, 9, 9, 0];
    const webp = await raw(transparent, 4, [2, 1]).webp({ lossless: true, exact: true }).toBuffer();
    expect(await decodePicture(webp, "x")).toMatchObject({ channels: 4, data: Buffer.from(transparent) });
    const opaque = await raw([9, 9, 9, 255, 7, 7, 7, 255], 4, [2, 1]).webp({ lossless: true }).toBuffer();
    const { channels, data } = await decodePicture(opaque, "x");
    expect([channels, ...data]).toEqual([1, 9, 7]);
  });

  it("turns a photograph as its EXIF data say", async () => {
    // 6: the first row is at the right.
    const bytes = await raw(grey, 1).withMetadata({ orientation: 6 }).webp({ lossless: true }).toBuffer();
    const { width, height, data } = await decodePicture(bytes, "photo.webp");
    expect([width, height, ...data]).toEqual([2, 3, 40, 10, 50, 20, 60, 30]);
  });

  it("says how to get sharp if that is needed and not there", async () => {
    const bytes = await raw(grey, 1).webp().toBuffer();
    vi.doMock("sharp", () => {
      throw new Error("Cannot find package 'sharp'");
    });
    try {
      const reading = decodePicture(bytes, "tile.webp");
      await expect(reading).rejects.toThrow(DataError);
      await expect(reading).rejects.toThrow(
        "Cannot read tile.webp: reading a WebP image needs the package sharp: npm install sharp (",
      );
    } finally {
      vi.doUnmock("sharp");
    }
  });

  it("goes by the content, not by the name", async () => {
    const bytes = await raw(grey, 1).webp({ lossless: true }).toBuffer();
    expect([...(await decodePicture(bytes, "tile.png")).data]).toEqual(grey);
    await expect(decodePicture(Buffer.from("GIF89a"), "tile.gif")).rejects.toThrow(
      "tile.gif is not a readable image: it is no PNG, JPEG, WebP or TIFF file",
    );
    await expect(decodePicture(new Uint8Array(0), "empty.jpg")).rejects.toThrow(FileError);
  });

  it.each<[string, (image: Sharp) => Sharp]>([
    ["JPEG", (image) => image.jpeg()],
    ["WebP", (image) => image.webp({ lossless: true })],
    ["TIFF", (image) => image.tiff({ compression: "deflate" })],
  ])("refuses a %s that is cut short anywhere, by name", async (format, encode) => {
    const values = Array.from({ length: 3 * 32 * 32 }, (_, i) => (i * 73) % 256);
    const bytes = await encode(raw(values, 3, [32, 32])).toBuffer();
    for (let length = 16; length < bytes.length; length += Math.ceil(bytes.length / 40)) {
      const reading = decodePicture(bytes.subarray(0, length), "cut");
      await expect(reading, `${length} of ${bytes.length} bytes`).rejects.toThrow(FileError);
      await expect(reading).rejects.toThrow(new RegExp(`^cut is not a readable ${format} image: it is damaged \\(`));
    }
  });

  it("refuses more pixels than it reads, before it decodes them", async () => {
    const { side, pixels } = pictureLimits;
    const ofSize = (...size: [number, number]) => tiffOf([Buffer.alloc(4)], { bits: 8, kind: 1, size });
    await expect(decodePicture(ofSize(side, pixels / side + 1), "huge")).rejects.toThrow(
      `huge is not a readable TIFF image: it has ${pixels + side} pixels, at most ${pixels} are read`,
    );
    await expect(decodePicture(ofSize(side + 1, 2), "wide")).rejects.toThrow(`at most ${side} pixels a side are read`);
  });

  it("refuses samples that are not of 8 or 16 bits", async () => {
    const values = Buffer.from(Float32Array.of(0, 0.5, 1, 2).buffer);
    await expect(decodePicture(tiffOf([values], { bits: 32, kind: 3 }), "float.tif")).rejects.toThrow(
      "its samples are of type float: save it",
    );
  });

  it("says how many pages it does not read", async () => {
    const pages = [10, 20].map((level) => Buffer.alloc(4, level));
    const { data, leftOut } = await decodePicture(tiffOf(pages, { bits: 8, kind: 1 }), "stack.tif");
    expect([...data]).toEqual([10, 10, 10, 10]);
    expect(leftOut).toBe("has 2 pages, of which only the first is read");
  });
});

it("readPictures has one white for all pictures of 16 bits, and says so", async () => {
  const [a, b, c] = ["a.tif", "b.png", "c.png"].map((name) => join(folder, name));
  await deep([0, 1023, 512, 0, 0, 0], 1).toColourspace("grey16").tiff({ compression: "none" }).toFile(a!);
  await deep([100, 0, 0, 0, 0, 0], 1).toColourspace("grey16").toFile(b!);
  await writeFile(c!, encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(7) }));
  const lines: string[] = [];
  const pictures = await readPictures([a!, b!, c!], (line) => void lines.push(line));
  expect(pictures.map(({ data }) => [...data].slice(0, 3))).toEqual([[0, 255, 128], [25, 0, 0], [7]]);
  expect(lines).toEqual(["2 images have 16 bits, with values up to 1023: 1023 is white in them"]);
});

/**
 * A TIFF file of pages of grey pixels (TIFF 6.0, section 2).
 *
 * @param size size that the file says its pages have, 2x2 by default
 * @param kind kind of the samples: 1 for integers, 3 for floats
 */
function tiffOf(
  pages: readonly Buffer[],
  {
    bits,
    kind,
    size: [width, height] = [2, 2],
  }: { readonly bits: number; readonly kind: 1 | 3; readonly size?: readonly [width: number, height: number] },
): Buffer {
  const head = Buffer.from("II*\0....", "latin1").subarray(0, 8);
  const parts: Buffer[] = [head];
  let end = head.length;
  let link: [Buffer, number] = [head, 4];
  for (const pixels of pages) {
    const entries: readonly [tag: number, type: 3 | 4, value: number][] = [
      [256, 4, width],
      [257, 4, height],
      [258, 3, bits],
      [259, 3, 1],
      [262, 3, 1],
      [273, 4, end],
      [277, 3, 1],
      [278, 4, height],
      [279, 4, pixels.length],
      [339, 3, kind],
    ];
    link[0].writeUInt32LE(end + pixels.length, link[1]);
    const directory = Buffer.alloc(2 + 12 * entries.length + 4);
    directory.writeUInt16LE(entries.length, 0);
    entries.forEach(([tag, type, value], i) => {
      directory.writeUInt16LE(tag, 2 + 12 * i);
      directory.writeUInt16LE(type, 4 + 12 * i);
      directory.writeUInt32LE(1, 6 + 12 * i);
      directory.writeUInt32LE(value, 10 + 12 * i);
    });
    parts.push(pixels, directory);
    end += pixels.length + directory.length;
    link = [directory, directory.length - 4];
  }
  return Buffer.concat(parts);
}
