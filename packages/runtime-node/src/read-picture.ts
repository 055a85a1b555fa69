/**
 * Reads pictures for `AirModel.infer`: files by path or URL, and their bytes. They are decoded by sharp (libvips), an optional peer
 * dependency, which is loaded for the first of them.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ImageError, type Picture, whiteOfDeep } from "@air-onnx/core";

/**
 * A picture file: its path, its URL (`file:`, `http:`, `https:` or `data:`), or its bytes. PNG, JPEG, WebP and TIFF, with 8 or 16 bits, and
 * what else the installed sharp reads. The rotation in its EXIF data is applied; of several pages the first is taken.
 */
export type PictureFile = string | URL | Uint8Array | ArrayBuffer | Blob;

/** Whatever `AirModel.infer` takes one picture from: a file, or pixels. */
export type PictureSource = PictureFile | Picture;

/** Largest size of a picture file, bytes, and most pixels of a picture: those of the largest cameras. */
const MOST = { bytes: 2 ** 28, pixels: 2 ** 27 } as const;

/** The part of sharp's interface that is used. */
interface SharpImage {
  metadata(): Promise<{ readonly depth?: string; readonly hasAlpha?: boolean }>;
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

/**
 * Reads one picture. Pixels are returned as they are.
 *
 * @param index number of the picture, for error messages
 * @throws {ImageError} for a file that cannot be read or decoded, or is too large; and if sharp is not installed
 * @throws the signal's reason, when aborted
 */
export async function readPicture(source: PictureSource, index: number, signal?: AbortSignal): Promise<Picture> {
  signal?.throwIfAborted();
  if (typeof source === "object" && "data" in source) return source;
  const name = nameOf(source);
  try {
    return await decode(await bytesOf(source, signal));
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`${name}cannot be read: ${reason}`, index, { cause });
  }
}

/** What a source is called in errors, with a space behind it. */
function nameOf(source: PictureFile): string {
  if (typeof source !== "string" && !(source instanceof URL)) return "";
  const text = String(source);
  return text.startsWith("data:") ? "" : `(${text}) `;
}

async function bytesOf(source: PictureFile, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return readStream(source.stream());
  const address = String(source);
  if (/^(https?|data):/i.test(address)) {
    const response = await fetch(address, signal ? { signal } : {});
    if (!response.ok || !response.body) throw new Error(`the answer was ${response.status} ${response.statusText}`);
    return readStream(response.body);
  }
  return readFile(source instanceof URL || address.startsWith("file:") ? fileURLToPath(address) : address);
}

/** Reads a regular file: a device or a pipe could block or have no end. */
async function readFile(path: string): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error("it is not a file");
    if (status.size > MOST.bytes) throw tooLarge();
    return await file.readFile();
  } finally {
    await file.close();
  }
}

async function readStream(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > MOST.bytes) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function tooLarge(): Error {
  return new Error(`it has more than ${MOST.bytes} bytes`);
}

async function decode(bytes: Uint8Array): Promise<Picture> {
  const sharp = await loadSharp();
  // Any warning of the decoder is a damage.
  const image = sharp(bytes, { limitInputPixels: MOST.pixels, failOn: "warning" });
  const { depth, hasAlpha } = await image.metadata();
  if (depth !== "uchar" && depth !== "ushort") throw new Error(`its samples are of type ${depth}, not of 8 or 16 bits`);
  const isDeep = depth === "ushort";
  const { data, info } = await image
    .autoOrient()
    .toColourspace(isDeep ? "rgb16" : "srgb")
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (!isDeep) return { data, width, height, channels };
  const values = new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  const isAlpha = (i: number): boolean => hasAlpha === true && i % channels === channels - 1;
  const most = values.reduce((max, value, i) => (isAlpha(i) ? max : Math.max(max, value)), 0);
  const white = whiteOfDeep(most);
  // Alpha fills its 16 bits, whatever the camera.
  const intensities = Float32Array.from(values, (value, i) => value / (isAlpha(i) ? 65535 : white));
  return { data: intensities, width, height, channels };
}

async function loadSharp(): Promise<Sharp> {
  // A name in a variable, as the package may not be there.
  const name = "sharp";
  try {
    return ((await import(name)) as { readonly default: Sharp }).default;
  } catch (cause) {
    throw new Error("picture files need the package sharp: npm install sharp", { cause });
  }
}
