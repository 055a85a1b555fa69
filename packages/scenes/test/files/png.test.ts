import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileError } from "../../src/files/atomic-file.js";
import { decodePng, encodePng, type Raster, readPng } from "../../src/files/png.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "air-onnx-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(bytes: Uint8Array | string): string {
  const path = join(folder, "image.png");
  writeFileSync(path, bytes);
  return path;
}

const raster = (channels: 1 | 3 | 4): Raster => ({
  width: 5,
  height: 3,
  channels,
  data: Uint8Array.from({ length: 15 * channels }, (_, i) => (i * 41) % 256),
});

describe("readPng and encodePng", () => {
  it.each([1, 3, 4] as const)("give back the same pixels with %d channels", (channels) => {
    expect(readPng(fileOf(encodePng(raster(channels))))).toEqual(raster(channels));
  });

  it("encode a part of a larger buffer", () => {
    const large = Uint8Array.from({ length: 40 }, (_, i) => i);
    const part: Raster = { width: 3, height: 2, channels: 1, data: large.subarray(7, 13) };
    expect([...decodePng(encodePng(part), "part").data]).toEqual([7, 8, 9, 10, 11, 12]);
  });

  it("drop an alpha channel that hides nothing", () => {
    const data = Uint8Array.of(10, 20, 30, 255, 40, 50, 60, 255);
    const opaque = decodePng(encodePng({ width: 2, height: 1, channels: 4, data }), "opaque");
    expect(opaque).toEqual({ width: 2, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30, 40, 50, 60) });
  });

  it("round 16 bits to 8", () => {
    const png = new PNG({ width: 4, height: 1, bitDepth: 16 });
    png.data = Buffer.from(Uint16Array.of(0, 300, 0x8080, 0xffff).buffer);
    const bytes = PNG.sync.write(png, { bitDepth: 16, colorType: 0, inputColorType: 0, inputHasAlpha: false });
    expect(decodePng(bytes, "deep")).toEqual({ width: 4, height: 1, channels: 1, data: Uint8Array.of(0, 1, 128, 255) });
  });

  it("ignore bytes behind the end of the image", () => {
    const bytes = Buffer.concat([encodePng(raster(3)), Buffer.from("more")]);
    expect(decodePng(bytes, "long")).toEqual(raster(3));
  });
});

describe("bad images", () => {
  it("are named, and told apart", () => {
    const path = fileOf("GIF89a and so on");
    expect(() => readPng(path)).toThrow(FileError);
    expect(() => readPng(path)).toThrow(`${path} is not a readable PNG image: it is another kind of file`);
    expect(() => readPng(fileOf(""))).toThrow("image.png is not a readable PNG image: the file is empty");
    expect(() => readPng(join(folder, "none.png"))).toThrow(
      /Cannot read image .*none\.png: the file .* does not exist/,
    );
    expect(() => readPng(folder)).toThrow("it is a folder, not a file");
  });

  it("are refused as truncated, wherever they were cut", () => {
    const bytes = encodePng(raster(3));
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decodePng(bytes.subarray(0, length), "cut.png"), `${length} bytes`).toThrow(
        `cut.png is not a readable PNG image: it is truncated after ${length} bytes`,
      );
    }
  });

  it("are refused if any bit was flipped", () => {
    const bytes = encodePng(raster(1));
    for (let i = 0; i < bytes.length; i++) {
      const broken = bytes.slice();
      broken[i]! ^= 1;
      expect(() => decodePng(broken, "flipped.png"), `byte ${i}`).toThrow(FileError);
    }
  });

  it("are refused before their pixels are made room for", () => {
    const bytes = Buffer.from(encodePng(raster(1)));
    bytes.writeUInt32BE(100_000, 16);
    bytes.writeUInt32BE(100_000, 20);
    expect(() => decodePng(bytes, "huge.png")).toThrow("it has 10000000000 pixels, at most 67108864 are read");
  });
});
