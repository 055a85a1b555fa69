/** Decodes and encodes PNG files by pngjs, which is given only files that were checked. */
import { pictureLimits } from "@air-onnx/core/picture-file";
import { PNG } from "pngjs";
import { FileError } from "../errors.js";
import { checkPng } from "./png-structure.js";
import { readWholeFileSync } from "./read-file.js";

/** Place of the bits of a sample in a file: behind the signature, and the head, width and height of the first chunk. */
export const BIT_DEPTH_AT = 24;

/** A picture as pixels: grey, RGB or RGBA. */
export interface Raster {
  /** Width, pixels. */
  readonly width: number;
  /** Height, pixels. */
  readonly height: number;
  /** Number of channels: 1 is grey, 3 RGB, 4 RGBA. */
  readonly channels: 1 | 3 | 4;
  /** Values `[height, width, channels]`, 0..255, rows from the top. */
  readonly data: Uint8Array;
}

/** A picture as pixels of 8 or 16 bits. */
export interface DeepRaster extends Omit<Raster, "data"> {
  /** Values `[height, width, channels]`, rows from the top: 0..255, or 0..65535 in a `Uint16Array`. */
  readonly data: Uint8Array | Uint16Array;
  /** What was not read of the file, in words that follow its name; absent if nothing was left out. */
  readonly leftOut?: string;
}

/**
 * Reads a PNG file: 1 channel if it is grey, 3 in colour, 4 if it has pixels that are not opaque. An alpha channel of
 * opaque pixels alone is dropped. Samples of 16 bits are rounded to 8.
 *
 * @throws {FileError} naming the file, if it cannot be read, is not a PNG, is truncated or damaged in any way, or is larger
 *   than `pictureLimits` of @air-onnx/core
 */
export function readPng(path: string): Raster {
  return decodePng(readWholeFileSync(path, { maxBytes: pictureLimits.bytes, what: `image ${path}` }), path);
}

/**
 * Decodes the bytes of a PNG file, as {@link readPng} does.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws {FileError} naming `source`, if the bytes are no PNG file or one that {@link readPng} refuses
 */
export function decodePng(bytes: Uint8Array, source: string): Raster {
  return decode(bytes, source, false) as Raster;
}

/**
 * Decodes the bytes of a PNG file as {@link decodePng} does, but leaves samples of 16 bits as they are.
 *
 * @throws as {@link decodePng}
 */
export function decodeDeepPng(bytes: Uint8Array, source: string): DeepRaster {
  return decode(bytes, source, true);
}

function decode(bytes: Uint8Array, source: string, isDeepKept: boolean): DeepRaster {
  const fail = (reason: string, cause?: unknown): never => {
    throw new FileError(`${source} is not a readable PNG image: ${reason}`, source, { kind: "content", cause });
  };
  const checked = checkPng(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), fail);
  try {
    const skipRescale = isDeepKept && checked[BIT_DEPTH_AT] === 16;
    const { width, height, color, ...png } = PNG.sync.read(checked, { skipRescale });
    // With samples of 16 bits that are not rescaled, pngjs returns an array of them.
    const data: Uint8Array | Uint16Array = png.data;
    const opaque = skipRescale ? 65535 : 255;
    const isOpaque = data.every((value, i) => i % 4 !== 3 || value === opaque);
    const channels = !isOpaque ? 4 : color ? 3 : 1;
    return { width, height, channels, data: fromRgba(data, channels) };
  } catch (cause) {
    return fail(`it is damaged (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
}

/** Encodes a raster as a PNG file with the same channels, 8 bits each. */
export function encodePng({ width, height, channels, data }: Raster): Uint8Array<ArrayBuffer> {
  const png = new PNG({ width, height });
  png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const colorType = ({ 1: 0, 3: 2, 4: 6 } as const)[channels];
  return new Uint8Array(
    PNG.sync.write(png, { colorType, inputColorType: colorType, inputHasAlpha: channels === 4, deflateStrategy: 0 }),
  );
}

function fromRgba(rgba: Uint8Array | Uint16Array, channels: 1 | 3 | 4): Uint8Array | Uint16Array {
  const pixels = rgba.length / 4;
  const data = rgba instanceof Uint16Array ? new Uint16Array(pixels * channels) : new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) data[i * channels + c] = rgba[4 * i + c]!;
  }
  return data;
}
