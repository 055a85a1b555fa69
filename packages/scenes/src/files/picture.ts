/**
 * Decodes pictures of the formats that people have: PNG by pngjs behind the checks of png-structure.ts, which find every damage;
 * JPEG, WebP and TIFF by sharp (libvips), an optional peer dependency, which is loaded when the first of them is read. The content
 * decides the format, not the name.
 */
import { extname } from "node:path";
import { whiteOfDeep } from "@air-onnx/core";
import { DataError, FileError } from "../errors.js";
import { reasonInWords } from "./atomic-file.js";
import { type DeepRaster, decodeDeepPng, type Raster } from "./png.js";
import { MAX_PNG_BYTES, MAX_PNG_PIXELS, MAX_PNG_SIDE } from "./png-structure.js";
import { readWholeFile } from "./read-file.js";

/** The part of sharp's interface that is used. */
interface SharpImage {
  metadata(): Promise<{
    readonly width: number;
    readonly height: number;
    /** Type of the samples, such as `uchar` for 8 bits and `ushort` for 16. */
    readonly depth?: string;
    readonly pages?: number;
    readonly hasAlpha?: boolean;
  }>;
  autoOrient(): SharpImage;
  toColourspace(space: "srgb" | "rgb16"): SharpImage;
  raw(options: { readonly depth: "uchar" | "ushort" }): SharpImage;
  toBuffer(options: { readonly resolveWithObject: true }): Promise<{
    readonly data: Buffer;
    readonly info: { readonly width: number; readonly height: number; readonly channels: number };
  }>;
}
type Sharp = (
  bytes: Uint8Array,
  options: { readonly limitInputPixels: number; readonly failOn: "warning" },
) => SharpImage;

/** The extensions of files that are read, in small letters. */
export const pictureExtensions: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"];

/** What the first bytes of a file say about its format. */
const signatures: readonly (readonly [format: "PNG" | "JPEG" | "WebP" | "TIFF", bytes: RegExp])[] = [
  ["PNG", /^\x89PNG/],
  ["JPEG", /^\xff\xd8\xff/],
  ["WebP", /^RIFF.{4}WEBP/s],
  ["TIFF", /^(II[*+]\0|MM\0[*+])/],
];

/** Whether a file's name has one of the {@link pictureExtensions}. */
export function hasPictureName(name: string): boolean {
  return pictureExtensions.includes(extname(name).toLowerCase());
}

/**
 * Reads a picture file: 1 channel if it is grey, 3 in colour, 4 if it has pixels that are not opaque. The rotation in its EXIF
 * data is applied. Of several pages the first is read.
 *
 * @throws {FileError} naming the file, if it cannot be read, is of no such format, is truncated or damaged, has samples of
 *   another type than 8 or 16 bits, or is larger than `MAX_PNG_SIDE`, `MAX_PNG_PIXELS` or `MAX_PNG_BYTES`
 * @throws {DataError} of kind `missing` if it needs sharp, which is not installed
 */
export async function readPicture(path: string): Promise<DeepRaster> {
  return decodePicture(await readWholeFile(path, { maxBytes: MAX_PNG_BYTES, what: `image ${path}` }), path);
}

/**
 * Decodes the bytes of a picture file, as {@link readPicture} does.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws as {@link readPicture}
 */
export async function decodePicture(bytes: Uint8Array, source: string): Promise<DeepRaster> {
  const start = Buffer.from(bytes.subarray(0, 16)).toString("latin1");
  const format = signatures.find(([, signature]) => signature.test(start))?.[0];
  if (format === "PNG" || (!format && extname(source).toLowerCase() === ".png")) return decodeWholePng(bytes, source);
  if (!format) {
    throw new FileError(`${source} is not a readable image: it is no PNG, JPEG, WebP or TIFF file`, source, {
      kind: "content",
    });
  }
  return decodeBySharp(bytes, source, format);
}

function decodeWholePng(bytes: Uint8Array, source: string): DeepRaster {
  const { data, ...form } = decodeDeepPng(bytes, source);
  return withFewestChannels(data, form, form.channels === 4, data instanceof Uint16Array ? 65535 : 255);
}

async function decodeBySharp(bytes: Uint8Array, source: string, format: string): Promise<DeepRaster> {
  const fail = (reason: string, cause?: unknown): never => {
    throw new FileError(`${source} is not a readable ${format} image: ${reason}`, source, { kind: "content", cause });
  };
  const sharp = await loadSharp(source, format);
  // Any warning of the decoder is a damage.
  const image = sharp(bytes, { limitInputPixels: MAX_PNG_PIXELS, failOn: "warning" });
  const damaged = (cause: unknown): never => fail(`it is damaged (${reasonInWords(cause).split("\n", 1)[0]})`, cause);
  const { width, height, depth, pages = 1, hasAlpha } = await image.metadata().catch(damaged);
  if (width > MAX_PNG_SIDE || height > MAX_PNG_SIDE) {
    fail(`it is ${width}x${height}, at most ${MAX_PNG_SIDE} pixels a side are read`);
  }
  if (depth !== "uchar" && depth !== "ushort") fail(`its samples are of type ${depth}: save it with 8 or 16 bits`);
  const isDeep = depth === "ushort";
  const { data, info } = await image
    .autoOrient()
    .toColourspace(isDeep ? "rgb16" : "srgb")
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch(damaged);
  const values = isDeep ? new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)) : data;
  const picture = withFewestChannels(values, info, hasAlpha === true, isDeep ? 65535 : 255);
  return pages > 1 ? { ...picture, leftOut: `has ${pages} pages, of which only the first is read` } : picture;
}

async function loadSharp(source: string, format: string): Promise<Sharp> {
  // A name in a variable, as the package may not be there.
  const name = "sharp";
  try {
    return ((await import(name)) as { readonly default: Sharp }).default;
  } catch (cause) {
    const reason = reasonInWords(cause).split("\n", 1)[0];
    throw new DataError(
      `${source} is a ${format} image, which needs the package sharp: npm install sharp (${reason})`,
      {
        kind: "missing",
        file: source,
        cause,
      },
    );
  }
}

/** Drops alpha where all pixels are opaque, and two of three colours where all pixels are grey. */
function withFewestChannels(
  data: Uint8Array | Uint16Array,
  { width, height, channels: stored }: { readonly width: number; readonly height: number; readonly channels: number },
  hasAlpha: boolean,
  opaque: number,
): DeepRaster {
  const pixels = width * height;
  const colours = hasAlpha ? stored - 1 : stored;
  let isOpaque = true;
  let isGrey = true;
  for (let at = 0; at < data.length; at += stored) {
    if (hasAlpha && data[at + colours]! < opaque) isOpaque = false;
    if (colours === 3 && (data[at] !== data[at + 1] || data[at] !== data[at + 2])) isGrey = false;
  }
  const channels = !isOpaque ? 4 : isGrey ? 1 : 3;
  if (channels === stored) return { width, height, channels, data };
  const kept = data instanceof Uint16Array ? new Uint16Array(pixels * channels) : new Uint8Array(pixels * channels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < channels; c++) {
      const from = c === 3 ? colours : Math.min(c, colours - 1);
      kept[pixel * channels + c] = data[pixel * stored + from]!;
    }
  }
  return { width, height, channels, data: kept };
}

/** Makes bytes of a picture; of one of 8 bits, itself. */
export function inBytes({ data, leftOut: _, ...form }: DeepRaster, white: number): Raster {
  if (data instanceof Uint8Array) return { ...form, data };
  const { channels } = form;
  return {
    ...form,
    // Alpha fills its 16 bits, whatever the camera.
    data: Uint8Array.from(data, (value, i) =>
      Math.round((255 * value) / (channels === 4 && i % 4 === 3 ? 65535 : white)),
    ),
  };
}

/** The largest intensity of a picture, without its alpha channel. */
export function brightestOf({ data, channels }: DeepRaster): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i]! > most && !(channels === 4 && i % 4 === 3)) most = data[i]!;
  }
  return most;
}

/**
 * Makes bytes of pictures that belong together, so that they have one white; see `whiteOfDeep`.
 *
 * @param say called with a line if some have 16 bits
 */
export function inBytesTogether(pictures: readonly DeepRaster[], say: (line: string) => void): Raster[] {
  const deep = pictures.filter(({ data }) => data instanceof Uint16Array);
  if (deep.length === 0) return pictures.map((picture) => inBytes(picture, 255));
  const most = deep.reduce((max, picture) => Math.max(max, brightestOf(picture)), 0);
  const white = whiteOfDeep(most);
  say(`${deep.length} images have 16 bits, with values up to ${most}: ${white} is white in them`);
  return pictures.map((picture) => inBytes(picture, white));
}

/**
 * Reads picture files that belong together, as {@link readPicture} does, in 8 bits.
 *
 * @param say called with a line about samples of 16 bits, and about what is not read of a file
 * @throws as {@link readPicture}
 */
export async function readPictures(files: readonly string[], say: (line: string) => void): Promise<Raster[]> {
  const pictures: DeepRaster[] = [];
  for (const file of files) {
    const picture = await readPicture(file);
    if (picture.leftOut !== undefined) say(`${file} ${picture.leftOut}`);
    pictures.push(picture);
  }
  return inBytesTogether(pictures, say);
}
