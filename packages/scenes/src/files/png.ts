/** Decodes and encodes PNG files by pngjs, which is given only files that were checked. */
import { PNG } from "pngjs";
import { FileError } from "../errors.js";
import { checkPng, MAX_PNG_BYTES } from "./png-structure.js";
import { readWholeFileSync } from "./read-file.js";

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

/**
 * Reads a PNG file: 1 channel if it is grey, 3 in colour, 4 if it has pixels that are not opaque. An alpha channel of
 * opaque pixels alone is dropped. Samples of 16 bits are rounded to 8.
 *
 * @throws {FileError} naming the file, if it cannot be read, is not a PNG, is truncated or damaged in any way, or is larger
 *   than `MAX_PNG_SIDE`, `MAX_PNG_PIXELS` or `MAX_PNG_BYTES`
 */
export function readPng(path: string): Raster {
  return decodePng(readWholeFileSync(path, { maxBytes: MAX_PNG_BYTES, what: `image ${path}` }), path);
}

/**
 * Decodes the bytes of a PNG file, as {@link readPng} does.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws {FileError} naming `source`, if the bytes are no PNG file or one that {@link readPng} refuses
 */
export function decodePng(bytes: Uint8Array, source: string): Raster {
  const fail = (reason: string, cause?: unknown): never => {
    throw new FileError(`${source} is not a readable PNG image: ${reason}`, source, { kind: "content", cause });
  };
  const checked = checkPng(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), fail);
  try {
    const { width, height, color, data } = PNG.sync.read(checked);
    const isOpaque = data.every((value, i) => i % 4 !== 3 || value === 255);
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

function fromRgba(rgba: Uint8Array, channels: 1 | 3 | 4): Uint8Array {
  const pixels = rgba.length / 4;
  const data = new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) data[i * channels + c] = rgba[4 * i + c]!;
  }
  return data;
}
