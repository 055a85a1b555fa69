/** Reads pictures for `AirModel.infer`: files by path or URL, and their bytes. They are decoded by core's `picture-file.ts`. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { downloadPicture, ImageError, notAPicture, type Picture, readPictureStream, whiteOfDeep } from "@air-onnx/core";
import { decodePicture, pictureLimits, tooManyBytes } from "@air-onnx/core/picture-file";

/**
 * A picture file: its path, its URL (`file:`, `http:`, `https:` or `data:`), or its bytes. PNG, JPEG, WebP and TIFF, with 8 or 16 bits,
 * of at most 67 million pixels. The rotation in its EXIF data is applied; of several pages the first is taken.
 */
export type PictureFile = string | URL | Uint8Array | ArrayBuffer | Blob;

/** Whatever `AirModel.infer` takes one picture from: a file, or pixels. */
export type PictureSource = PictureFile | Picture;

/**
 * Reads one picture. Pixels are returned as they are.
 *
 * @param index number of the picture, for error messages
 * @throws {ImageError} for a file that cannot be read or decoded, or is too large; and if sharp is not installed
 * @throws the signal's reason, when aborted
 */
export async function readPicture(source: PictureSource, index: number, signal?: AbortSignal): Promise<Picture> {
  signal?.throwIfAborted();
  if (typeof source === "object" && source !== null && "data" in source) return source;
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
  if (source instanceof Blob) return readPictureStream(source.stream());
  if (typeof source !== "string" && !(source instanceof URL)) throw notAPicture(source);
  const address = String(source);
  if (/^(https?|data):/i.test(address)) return downloadPicture(address, signal);
  return readFile(source instanceof URL || address.startsWith("file:") ? fileURLToPath(address) : address);
}

/** Reads a regular file: a device or a pipe could block or have no end. */
async function readFile(path: string): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error("it is not a file");
    if (status.size > pictureLimits.bytes) throw tooManyBytes();
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Decodes a file; the intensities of one with 16 bits are in [0, 1]. */
async function decode(bytes: Uint8Array): Promise<Picture> {
  const { data, width, height, channels } = await decodePicture(bytes);
  if (!(data instanceof Uint16Array)) return { data, width, height, channels };
  const isAlpha = (i: number): boolean => channels === 4 && i % 4 === 3;
  const most = data.reduce((max, value, i) => (isAlpha(i) ? max : Math.max(max, value)), 0);
  const white = whiteOfDeep(most);
  // Alpha fills its 16 bits, whatever the camera.
  const intensities = Float32Array.from(data, (value, i) => value / (isAlpha(i) ? 65535 : white));
  return { data: intensities, width, height, channels };
}
