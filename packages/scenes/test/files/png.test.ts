import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { pictureLimits } from "@air-onnx/core/picture-file";
import { linux } from "@air-onnx/test/requirements";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileError } from "../../src/errors.js";
import { decodePng, encodePng, type Raster, readPng } from "../../src/files/png.js";
import {
  chunk,
  encodeAnyPng,
  expectedRaster,
  filteredRows,
  ihdr,
  type PngKind,
  pngOf,
  samplesOf,
} from "./png-bytes.js";

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
});

describe("PNG files of every kind", () => {
  const kinds: [string, Omit<PngKind, "width" | "height">][] = [
    ...[1, 2, 4, 8, 16].map((depth): (typeof kinds)[number] => [`grey, ${depth} bits`, { depth, colourType: 0 }]),
    ...[1, 2, 4, 8].map((depth): (typeof kinds)[number] => [
      `palette, ${depth} bits`,
      { depth, colourType: 3, palette: Array.from({ length: 3 * 2 ** depth }, (_, i) => (i * 59) % 256) },
    ]),
    ...[8, 16].flatMap((depth): typeof kinds => [
      [`RGB, ${depth} bits`, { depth, colourType: 2 }],
      [`grey and alpha, ${depth} bits`, { depth, colourType: 4 }],
      [`RGBA, ${depth} bits`, { depth, colourType: 6 }],
    ]),
    ["grey with a transparent level", { depth: 4, colourType: 0, transparency: [5] }],
    ["grey of 16 bits with a transparent level", { depth: 16, colourType: 0, transparency: [35] }],
    ["RGB with a transparent colour", { depth: 8, colourType: 2, transparency: [0, 37, 74] }],
    ["palette with alphas", { depth: 2, colourType: 3, palette: [1, 2, 3, 4, 5, 6, 7, 8, 9], transparency: [255, 9] }],
    ["RGB with a suggested palette", { depth: 8, colourType: 2, palette: [1, 2, 3] }],
  ];

  it.each(kinds.flatMap(([name, kind]) => [false, true].map((interlaced) => ({ name, kind, interlaced }))))(
    "$name, interlaced $interlaced",
    ({ kind, interlaced }) => {
      for (const [width, height] of [
        [1, 1],
        [3, 2],
        [9, 11],
        [5, 1],
        [1, 6],
      ] as const) {
        const whole = { ...kind, width, height, interlaced };
        const most = kind.colourType === 3 ? kind.palette!.length / 3 : 2 ** kind.depth;
        const samples = Array.from({ length: width * height * samplesOf(kind.colourType) }, (_, i) => (i * 37) % most);
        for (let filter = 0; filter <= 5; filter++) {
          const bytes = encodeAnyPng(whole, samples, (row) => (filter === 5 ? row % 5 : filter));
          expect(decodePng(bytes, "any"), `${width}x${height}, filter ${filter}`).toEqual(
            expectedRaster(whole, samples),
          );
        }
      }
    },
  );

  it("may have their compressed data in pieces, and chunks that say nothing about pixels", () => {
    const kind = { width: 2, height: 2, depth: 8, colourType: 0 };
    const packed = deflateSync(filteredRows(kind, [1, 2, 3, 4], () => 0));
    const pieces = Array.from(packed, (byte) => chunk("IDAT", Uint8Array.of(byte)));
    const bytes = pngOf(ihdr(kind), chunk("tEXt", Buffer.from("a\0b")), ...pieces, chunk("IDAT"), chunk("zzZz"));
    expect([...decodePng(bytes, "pieces").data]).toEqual([1, 2, 3, 4]);
  });
});

describe("a hostile PNG file", () => {
  const kind = { width: 50, height: 50, depth: 8, colourType: 0 };
  const rows = filteredRows(kind, new Uint8Array(2500).fill(200), () => 0);
  const idat = (data: Uint8Array) => chunk("IDAT", deflateSync(data));
  const grey = (width: number, height: number) => ihdr({ width, height, depth: 8, colourType: 0 });
  const damaged = (bytes: Uint8Array, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at < 0 ? copy.length + at : at]! ^= 0x55;
    return copy;
  };
  const palette = { ...kind, colourType: 3, depth: 1 };
  const paletteRows = filteredRows(palette, new Uint8Array(2500), () => 0);
  const packed = deflateSync(rows);

  it.each<[string, Buffer, RegExp]>([
    ["without pixels", pngOf(ihdr(kind)), /it has no pixels: there is no IDAT chunk/],
    ["with empty pixels", pngOf(ihdr(kind), chunk("IDAT")), /need 2550 bytes, its compressed data .* are 0 bytes/],
    [
      "with half of the rows",
      pngOf(ihdr(kind), idat(rows.subarray(0, 25 * 51))),
      /need 2550 bytes, .* hold 1275: it is tr/,
    ],
    ["that lacks a byte", pngOf(ihdr(kind), idat(rows.subarray(1))), /need 2550 bytes, .* hold 2549: it is truncated/],
    [
      "with a byte too many",
      pngOf(ihdr(kind), idat(Buffer.concat([rows, Buffer.alloc(1)]))),
      /more than the 2550 bytes/,
    ],
    ["that unpacks to gigabytes", pngOf(grey(1, 1), idat(Buffer.alloc(2 ** 26))), /hold more than the 2 bytes/],
    [
      "with a wrong checksum of its data",
      pngOf(ihdr(kind), chunk("IDAT", damaged(packed, -1))),
      /incorrect data check/,
    ],
    [
      "without the checksum of its data",
      pngOf(ihdr(kind), chunk("IDAT", packed.subarray(0, -4))),
      /unexpected end of file/,
    ],
    ["with half of a checksum", pngOf(ihdr(kind), chunk("IDAT", packed.subarray(0, -2))), /unexpected end of file/],
    [
      "with bytes behind its data",
      pngOf(ihdr(kind), chunk("IDAT", Buffer.concat([packed, Buffer.from("more")]))),
      /4 bytes follow the end of its compressed data/,
    ],
    ["with data that are not compressed", pngOf(ihdr(kind), chunk("IDAT", rows)), /cannot be unpacked/],
    [
      "with a wrong chunk checksum",
      damaged(pngOf(ihdr(kind), idat(rows)), 30),
      /checksum \(CRC-32\) of its chunk IHDR at byte 8/,
    ],
    [
      "with a wrong checksum of no pixels",
      damaged(pngOf(ihdr(kind), chunk("tEXt"), idat(rows)), 42),
      /CRC-32\) of its chunk tEXt/,
    ],
    ["with two headers", pngOf(grey(1, 1), grey(12_000, 12_000), idat(Buffer.alloc(2))), /it has two headers/],
    ["with a second header at its end", pngOf(ihdr(kind), idat(rows), grey(1, 1)), /it has two headers/],
    ["without a header", pngOf(), /its first chunk is not the header/],
    ["whose header is late", pngOf(chunk("tEXt"), ihdr(kind), idat(rows)), /its first chunk is not the header/],
    ["whose header is short", pngOf(chunk("IHDR", Buffer.alloc(12))), /its first chunk is not the header/],
    ["without columns", pngOf(grey(0, 2 ** 31 + 8), idat(Buffer.alloc(8))), /it is 0x2147483656: it has no pixels/],
    ["without rows", pngOf(grey(5, 0), idat(Buffer.alloc(0))), /it is 5x0: it has no pixels/],
    ["of very many rows", pngOf(grey(1, 2 ** 26), idat(Buffer.alloc(2))), /1x67108864, at most 16384 pixels a side/],
    ["of very many columns", pngOf(grey(2 ** 32 - 1, 1), idat(Buffer.alloc(2))), /4294967295x1, at most 16384/],
    ["of very many pixels", pngOf(grey(8192, 8193), idat(Buffer.alloc(2))), /it has 67117056 pixels, at most 67108864/],
    [
      "that cannot hold its pixels",
      pngOf(grey(2048, 2048), idat(Buffer.alloc(9))),
      /need 4196352 bytes, .* are 11 bytes/,
    ],
    ["with a chunk that must be known", pngOf(ihdr(kind), chunk("ABCD"), idat(rows)), /its chunk ABCD is not known/],
    ["with a chunk without type", pngOf(ihdr(kind), chunk("a\0c1"), idat(rows)), /chunk at byte 33 has no type/],
    ["with its data apart", pngOf(ihdr(kind), idat(rows), chunk("tEXt"), chunk("IDAT")), /do not follow each other/],
    ["of 3 bits", pngOf(ihdr({ ...kind, depth: 3 }), idat(rows)), /no colour type 0 with 3 bits/],
    ["of an unknown colour type", pngOf(ihdr({ ...kind, colourType: 5 }), idat(rows)), /no colour type 5 with 8 bits/],
    ["without its palette", pngOf(ihdr(palette), idat(paletteRows)), /it has no palette/],
    [
      "with a palette too large",
      pngOf(ihdr(palette), chunk("PLTE", Buffer.alloc(9)), idat(paletteRows)),
      /PLTE\) has 9 bytes/,
    ],
    [
      "with half a colour",
      pngOf(ihdr(palette), chunk("PLTE", Buffer.alloc(5)), idat(paletteRows)),
      /PLTE\) has 5 bytes/,
    ],
    [
      "with a late palette",
      pngOf(ihdr(palette), idat(paletteRows), chunk("PLTE", Buffer.alloc(6))),
      /PLTE\) is in a wrong/,
    ],
    ["that is grey with a palette", pngOf(ihdr(kind), chunk("PLTE", Buffer.alloc(6)), idat(rows)), /though it is grey/],
    [
      "with an alpha for no colour",
      pngOf(ihdr(palette), chunk("tRNS", Buffer.alloc(1)), idat(paletteRows)),
      /tRNS\) has 1/,
    ],
    [
      "with half a transparent level",
      pngOf(ihdr(kind), chunk("tRNS", Buffer.alloc(1)), idat(rows)),
      /tRNS\) has 1 bytes/,
    ],
    [
      "with a colour outside of its palette",
      encodeAnyPng({ ...palette, palette: [1, 2, 3] }, new Uint8Array(2500).fill(1), () => 0),
      /it is damaged/,
    ],
    ["with an unknown filter", pngOf(ihdr(kind), idat(Buffer.from(rows).fill(9, 51, 52))), /it is damaged/],
    [
      "of a hundred thousand chunks",
      pngOf(ihdr(kind), ...new Array(100_000).fill(chunk("IDAT"))),
      /more than 65536 chunks/,
    ],
    [
      "whose end holds data",
      Buffer.concat([pngOf(ihdr(kind), idat(rows)).subarray(0, -12), chunk("IEND", rows)]),
      /IEND\) is not/,
    ],
  ])("%s is refused", (_, bytes, reason) => {
    expect(() => decodePng(bytes, "hostile.png")).toThrow(FileError);
    expect(() => decodePng(bytes, "hostile.png")).toThrow(reason);
    expect(() => decodePng(bytes, "hostile.png")).toThrow(/^hostile\.png is not a readable PNG image: /);
  });

  it("is refused for another interlace, compression or filter method", () => {
    for (const at of [10, 11, 12]) {
      const header = Buffer.from(ihdr(kind).subarray(8, 21));
      header[at] = 2;
      expect(() => decodePng(pngOf(chunk("IHDR", header), idat(rows)), "x")).toThrow(
        /its header is wrong: .* not known/,
      );
    }
  });

  it("is refused by its size before it is read", () => {
    const path = fileOf("");
    truncateSync(path, pictureLimits.bytes + 1);
    expect(() => readPng(path)).toThrow(
      `it has ${pictureLimits.bytes + 1} bytes, at most ${pictureLimits.bytes} are read`,
    );
  });

  linux.it("is refused if it is a pipe or a device", () => {
    const pipe = join(folder, "pipe.png");
    execFileSync("mkfifo", [pipe]);
    for (const path of [pipe, "/dev/zero"])
      expect(() => readPng(path)).toThrow(/a device, a pipe or a socket, not a file/);
  });

  it("may have as many rows as the limit, not more, and not more pixels than the limit", () => {
    const data = { depth: 1, colourType: 0 };
    const at = (columns: number, rows: number) =>
      pngOf(ihdr({ ...data, width: columns, height: rows }), idat(Buffer.alloc(rows * (1 + Math.ceil(columns / 8)))));
    const { side, pixels } = pictureLimits;
    expect(decodePng(at(1, side), "tall").data).toHaveLength(side);
    expect(() => decodePng(at(1, side + 1), "taller")).toThrow(/at most 16384 pixels a side/);
    expect(() => decodePng(at(pixels / side + 1, side), "larger")).toThrow(/at most 67108864 are read/);
  });
});
