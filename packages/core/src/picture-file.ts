/**
 * Decodes picture files in Node: PNG, JPEG, WebP and TIFF by sharp (libvips), an optional peer dependency that is loaded for the first
 * of them. It is an entry of its own, `@air-onnx/core/picture-file`: pages have the browser's decoders and must not bundle it.
 *
 * One rule limits every reader of picture files, that of PNG files in @air-onnx/scenes, too: see {@link pictureLimits}.
 */
import { PictureFileError } from "./errors.js";
import { pictureLimits } from "./picture-limits.js";

export { pictureLimits };

/** The formats that are read. */
export type PictureFormat = "PNG" | "JPEG" | "WebP" | "TIFF";

/** A decoded picture. */
export interface DecodedPicture {
  /** Values `[height, width, channels]`, rows from the top: 0..255, or 0..65535 in a `Uint16Array`. */
  readonly data: Uint8Array | Uint16Array;
  /** Pixels in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
  /** 1 if all pixels are grey, 3 in colour, 4 if some are not opaque. */
  readonly channels: 1 | 3 | 4;
  /** What was not read of the file, in words that follow its name; absent if nothing was left out. */
  readonly leftOut?: string;
}

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
    readonly data: Uint8Array<ArrayBuffer>;
    readonly info: { readonly width: number; readonly height: number; readonly channels: number };
  }>;
}
type Sharp = (
  bytes: Uint8Array,
  options: { readonly limitInputPixels: number | false; readonly failOn: "warning" },
) => SharpImage;

/** What the first bytes of a file say about its format. */
const signatures: readonly (readonly [format: PictureFormat, bytes: RegExp])[] = [
  ["PNG", /^\x89PNG/],
  ["JPEG", /^\xff\xd8\xff/],
  ["WebP", /^RIFF.{4}WEBP/s],
  ["TIFF", /^(II[*+]\0|MM\0[*+])/],
];

/** The format of a picture file by its first bytes, whatever its name; undefined if it is none that is read. */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  return signatures.find(([, signature]) => signature.test(start))?.[0];
}

/**
 * Decodes the bytes of a picture file. The rotation in its EXIF data is applied; of several pages the first is taken.
 *
 * @throws {PictureFileError} if it is of no such format, truncated or damaged, larger than {@link pictureLimits}, has samples of another
 *   type than 8 or 16 bits, or sharp is not installed
 */
export async function decodePicture(bytes: Uint8Array): Promise<DecodedPicture> {
  const format = pictureFormat(bytes);
  if (!format) throw new PictureFileError("it is no PNG, JPEG, WebP or TIFF file", { kind: "format" });
  if (bytes.length > pictureLimits.bytes) throw tooManyBytes();
  const sharp = await loadSharp(format);
  const failed = (cause: unknown): never => {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1);
    throw new PictureFileError(`it is damaged (${reason})`, { kind: "damaged", format, cause });
  };
  // Any warning of the decoder is a damage. The header is read without a limit, so that an error can say the size.
  const {
    depth,
    pages = 1,
    hasAlpha,
    ...size
  } = await sharp(bytes, { limitInputPixels: false, failOn: "warning" }).metadata().catch(failed);
  const tooLarge = tooLargeInWords(size);
  if (tooLarge !== undefined) throw new PictureFileError(tooLarge, { kind: "size", format });
  if (depth !== "uchar" && depth !== "ushort") {
    throw new PictureFileError(`its samples are of type ${depth}: save it with 8 or 16 bits`, {
      kind: "samples",
      format,
    });
  }
  const isDeep = depth === "ushort";
  const { data, info } = await sharp(bytes, { limitInputPixels: pictureLimits.pixels, failOn: "warning" })
    .autoOrient()
    .toColourspace(isDeep ? "rgb16" : "srgb")
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch(failed);
  const values = isDeep ? new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)) : data;
  const picture = withFewestChannels(values, info, hasAlpha === true);
  return pages > 1 ? { ...picture, leftOut: `has ${pages} pages, of which only the first is read` } : picture;
}

/** Why a picture of this size is not read, in words that follow its name; undefined if it is. */
export function tooLargeInWords({
  width,
  height,
}: {
  readonly width: number;
  readonly height: number;
}): string | undefined {
  const { side, pixels } = pictureLimits;
  if (width > side || height > side) return `it is ${width}x${height}, at most ${side} pixels a side are read`;
  if (width * height > pixels) return `it has ${width * height} pixels, at most ${pixels} are read`;
  return undefined;
}

/** The error for a file that is too large to be read. */
export function tooManyBytes(): PictureFileError {
  return new PictureFileError(`it has more than ${pictureLimits.bytes} bytes`, { kind: "size" });
}

async function loadSharp(format: PictureFormat): Promise<Sharp> {
  // A name in a variable, as the package may not be there.
  const name = "sharp";
  try {
    return ((await import(name)) as { readonly default: Sharp }).default;
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1);
    throw new PictureFileError(`reading a ${format} image needs the package sharp: npm install sharp (${reason})`, {
      kind: "decoder",
      format,
      cause,
    });
  }
}

/** Drops alpha where all pixels are opaque, and two of three colours where all pixels are grey. */
export function withFewestChannels(
  data: Uint8Array | Uint16Array,
  { width, height, channels: stored }: { readonly width: number; readonly height: number; readonly channels: number },
  hasAlpha: boolean,
): DecodedPicture {
  const opaque = data instanceof Uint16Array ? 65535 : 255;
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
