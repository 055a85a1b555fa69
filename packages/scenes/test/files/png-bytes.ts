/** PNG files of every kind, made byte by byte for tests, and the pixels that each must give. */
import { deflateSync, inflateSync } from "node:zlib";
import { crc32 } from "../../src/files/crc32.js";
import type { Raster } from "../../src/files/png.js";

export const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export interface PngKind {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced?: boolean;
  /** Red, green, blue, and so on. */
  readonly palette?: readonly number[];
  /** The content of tRNS: alphas of the palette, or the samples of the colour that is transparent. */
  readonly transparency?: readonly number[];
}

export const samplesOf = (colourType: number): number => [1, 0, 3, 1, 2, 0, 4][colourType]!;

export function chunk(type: string, data: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
  return bytes;
}

export function ihdr({ width, height, depth, colourType, interlaced = false }: PngKind): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colourType, 0, 0, interlaced ? 1 : 0], 8);
  return chunk("IHDR", data);
}

/** A whole file, of the chunks between signature and IEND. */
export function pngOf(...chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([SIGNATURE, ...chunks, chunk("IEND")]);
}

/**
 * @param samples `[height, width, samples of a pixel]`, each of `kind.depth` bits
 * @param filter the filter of each row, 0..4
 */
export function encodeAnyPng(kind: PngKind, samples: ArrayLike<number>, filter: (row: number) => number): Buffer {
  const { palette, transparency, colourType } = kind;
  const wide = (values: readonly number[]) => Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255]));
  return pngOf(
    ihdr(kind),
    ...(palette ? [chunk("PLTE", Uint8Array.from(palette))] : []),
    ...(transparency ? [chunk("tRNS", colourType === 3 ? Uint8Array.from(transparency) : wide(transparency))] : []),
    chunk("IDAT", deflateSync(filteredRows(kind, samples, filter))),
  );
}

/** Decodes a PNG file without any check: the result that every decodable file must give. */
export function referenceRaster(file: Buffer): Raster {
  const content = new Map<string, Buffer>();
  for (let at = 8, type = ""; type !== "IEND"; at += 12 + file.readUInt32BE(at)) {
    type = file.toString("latin1", at + 4, at + 8);
    const data = file.subarray(at + 8, at + 8 + file.readUInt32BE(at));
    content.set(type, Buffer.concat([content.get(type) ?? Buffer.alloc(0), data]));
  }
  const header = content.get("IHDR")!;
  const colourType = header[9]!;
  const palette = colourType === 3 ? [...content.get("PLTE")!] : [];
  const trns = content.get("tRNS");
  const transparency =
    trns &&
    (colourType === 3 ? [...trns] : Array.from({ length: trns.length / 2 }, (_, c) => trns.readUInt16BE(2 * c)));
  const kind: PngKind = {
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    depth: header[8]!,
    colourType,
    interlaced: header[12] === 1,
    palette,
    ...(transparency && { transparency }),
  };
  return expectedRaster(kind, samplesFrom(kind, inflateSync(content.get("IDAT")!)));
}

/** The opposite of {@link filteredRows}. */
function samplesFrom(kind: PngKind, rows: Buffer): number[] {
  const { width, height, depth, colourType, interlaced = false } = kind;
  const perPixel = samplesOf(colourType);
  const step = Math.max(1, (perPixel * depth) / 8);
  const samples = new Array<number>(width * height * perPixel);
  let at = 0;
  for (const pixels of interlaced ? adam7(width, height) : [wholeImage(width, height)]) {
    let above: Buffer | undefined;
    for (const row of pixels) {
      if (row.length === 0) continue;
      const type = rows[at++]!;
      const raw = Buffer.from(rows.subarray(at, at + Math.ceil((row.length * perPixel * depth) / 8)));
      at += raw.length;
      for (let i = 0; i < raw.length; i++) {
        const left = raw[i - step] ?? 0;
        const up = above?.[i] ?? 0;
        const corner = i < step ? 0 : (above?.[i - step] ?? 0);
        raw[i]! += [0, left, up, (left + up) >> 1, paeth(left, up, corner)][type]!;
      }
      const bits = Array.from(raw, (byte) => byte.toString(2).padStart(8, "0")).join("");
      row.forEach((pixel, x) => {
        for (let c = 0; c < perPixel; c++) {
          const from = (x * perPixel + c) * depth;
          samples[pixel * perPixel + c] = Number.parseInt(bits.slice(from, from + depth), 2);
        }
      });
      above = raw;
    }
  }
  return samples;
}

/** The rows before compression, each with its filter before it. */
export function filteredRows(kind: PngKind, samples: ArrayLike<number>, filter: (row: number) => number): Buffer {
  const { width, height, depth, colourType, interlaced = false } = kind;
  const perPixel = samplesOf(colourType);
  const step = Math.max(1, (perPixel * depth) / 8);
  const parts: Buffer[] = [];
  for (const pixels of interlaced ? adam7(width, height) : [wholeImage(width, height)]) {
    let above: Buffer | undefined;
    for (const row of pixels) {
      if (row.length === 0) continue;
      const bits = row.flatMap((pixel) =>
        Array.from({ length: perPixel }, (_, c) => samples[pixel * perPixel + c]!.toString(2).padStart(depth, "0")),
      );
      const raw = Buffer.from(
        (bits.join("").match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)),
      );
      const type = filter(parts.length);
      const filtered = raw.map((value, i) => {
        const left = raw[i - step] ?? 0;
        const up = above?.[i] ?? 0;
        const corner = i < step ? 0 : (above?.[i - step] ?? 0);
        return value - [0, left, up, (left + up) >> 1, paeth(left, up, corner)][type]!;
      });
      parts.push(Buffer.from([type, ...filtered]));
      above = raw;
    }
  }
  return Buffer.concat(parts);
}

/** The raster that decoding must give; `rounded` are 8 bits of a sample. */
export function expectedRaster(kind: PngKind, samples: ArrayLike<number>): Raster {
  const { width, height, depth, colourType, palette = [], transparency } = kind;
  const perPixel = samplesOf(colourType);
  const top = 2 ** depth - 1;
  const pixels = Array.from({ length: width * height }, (_, pixel) => {
    const own = Array.from({ length: perPixel }, (_, c) => samples[pixel * perPixel + c]!);
    if (colourType === 3) {
      const index = own[0]!;
      return [...palette.slice(3 * index, 3 * index + 3), transparency?.[index] ?? 255];
    }
    // A pixel of the transparent colour is given as transparent black.
    if (transparency?.every((value, c) => value === own[c])) return [0, 0, 0, 0];
    const [a, b, c, d] = own.map((value) => Math.floor((value * 255) / top + 0.5)) as [number, number, number, number];
    if (colourType === 0) return [a, a, a, 255];
    if (colourType === 4) return [a, a, a, b];
    return [a, b, c, d ?? 255];
  });
  const opaque = pixels.every(([, , , alpha]) => alpha === 255);
  const channels = !opaque ? 4 : colourType === 0 || colourType === 4 ? 1 : 3;
  return { width, height, channels, data: Uint8Array.from(pixels.flatMap((pixel) => pixel.slice(0, channels))) };
}

/** Indices of the pixels, row by row. */
function wholeImage(width: number, height: number): number[][] {
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => y * width + x));
}

/** Indices of the pixels of each of the seven passes. */
function adam7(width: number, height: number): number[][][] {
  // The specification's 8x8 pattern: the pass of each pixel.
  const pattern = ["16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777"];
  return [1, 2, 3, 4, 5, 6, 7].map((pass) =>
    wholeImage(width, height).map((row) =>
      row.filter((pixel) => pattern[Math.floor(pixel / width) % 8]![(pixel % width) % 8] === String(pass)),
    ),
  );
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [left, up, corner].map((each) => Math.abs(estimate - each)) as [number, number, number];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
