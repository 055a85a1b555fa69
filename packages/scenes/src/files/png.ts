/** PNG files to pixels and back. Decoding and encoding are pngjs's; this adds errors that say what is wrong. */
import { readFileSync } from "node:fs";
import { PNG } from "pngjs";
import { FileError, reasonInWords } from "./atomic-file.js";

/** Pixels, row by row from the top, channels interleaved: grey, RGB or RGBA, 0..255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  readonly data: Uint8Array;
}

/** Far above any image of a model, and far below what would exhaust the memory: a PNG of 60 KB can claim 64 GB of pixels. */
const MAX_PIXELS = 2 ** 26;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/**
 * Reads a PNG file. A grey one has 1 channel, one in colour 3, and one with pixels that are not opaque 4; an alpha channel
 * that hides nothing is dropped. Samples of 16 bits are rounded to 8.
 *
 * @throws {FileError} naming the file, if it cannot be read, is not a PNG, is truncated or corrupt, or is too large.
 */
export function readPng(path: string): Raster {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new FileError(`Cannot read image ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
  return decodePng(bytes, path);
}

/**
 * Decodes the bytes of a PNG file, as {@link readPng} does.
 *
 * @param source what the bytes are, for error messages: a path or URL
 * @throws {FileError} naming `source`
 */
export function decodePng(bytes: Uint8Array, source: string): Raster {
  const fail = (reason: string, cause?: unknown): never => {
    throw new FileError(`${source} is not a readable PNG image: ${reason}`, source, { cause });
  };
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length === 0) fail("the file is empty");
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE.subarray(0, file.length)))
    fail("it is another kind of file");
  const end = endOfImage(file);
  if (end === undefined) return fail(`it is truncated after ${file.length} bytes`);
  const pixels = file.readUInt32BE(16) * file.readUInt32BE(20);
  if (pixels > MAX_PIXELS) fail(`it has ${pixels} pixels, at most ${MAX_PIXELS} are read`);
  try {
    const { width, height, color, data } = PNG.sync.read(file.subarray(0, end));
    const isOpaque = data.every((value, i) => i % 4 !== 3 || value === 255);
    const channels = !isOpaque ? 4 : color ? 3 : 1;
    return { width, height, channels, data: fromRgba(data, channels) };
  } catch (cause) {
    return fail(`it is corrupt (${cause instanceof Error ? cause.message : String(cause)})`, cause);
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

/**
 * The offset behind the IEND chunk, by the chunks' lengths (PNG specification, 5.3: length, type, data, CRC), or undefined
 * if the file ends before. pngjs reports a file that is cut short in words that do not say so, and refuses bytes behind the end.
 */
function endOfImage(file: Buffer): number | undefined {
  let offset = SIGNATURE.length;
  while (offset + 8 <= file.length) {
    const type = file.toString("latin1", offset + 4, offset + 8);
    offset += 12 + file.readUInt32BE(offset);
    if (type === "IEND" && offset <= file.length) return offset;
  }
  return undefined;
}

function fromRgba(rgba: Uint8Array, channels: 1 | 3 | 4): Uint8Array {
  const pixels = rgba.length / 4;
  const data = new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) data[i * channels + c] = rgba[4 * i + c]!;
  }
  return data;
}
