/** PNG files to pixels and back. Decoding and encoding are pngjs's, which is only given files that were checked. */
import { PNG } from "pngjs";
import { FileError } from "../errors.js";
import { checkPng, MAX_PNG_BYTES } from "./png-structure.js";
import { readWholeFileSync } from "./read-file.js";

/** Pixels, row by row from the top, channels interleaved: grey, RGB or RGBA, 0..255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  readonly data: Uint8Array;
}

/**
 * Reads a PNG file. A grey one has 1 channel, one in colour 3, and one with pixels that are not opaque 4; an alpha channel
 * that hides nothing is dropped. Samples of 16 bits are rounded to 8.
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
 * @param source what the bytes are, for error messages: a path or URL
 * @throws {FileError} naming `source`
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

/** The bytes of a PNG file with the raster's own channels, 8 bits each. */
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
