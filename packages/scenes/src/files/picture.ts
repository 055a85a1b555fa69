/**
 * Decodes pictures of the formats that people have: PNG by pngjs behind the checks of png-structure.ts, which find every damage;
 * JPEG, WebP and TIFF as the runtime does, by core's `picture-file.ts`. The content decides the format, not the name.
 */
import { extname } from "node:path";
import { PictureFileError, whiteOfDeep } from "@air-onnx/core";
import {
  decodePicture as decodeFile,
  pictureFormat,
  pictureLimits,
  withFewestChannels,
} from "@air-onnx/core/picture-file";
import { DataError, FileError } from "../errors.js";
import { type DeepRaster, decodeDeepPng, type Raster } from "./png.js";
import { readWholeFile } from "./read-file.js";

/** The extensions of files that are read, in small letters. */
export const pictureExtensions: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"];

/** Whether a file's name has one of the {@link pictureExtensions}. */
export function hasPictureName(name: string): boolean {
  return pictureExtensions.includes(extname(name).toLowerCase());
}

/**
 * Reads a picture file: 1 channel if it is grey, 3 in colour, 4 if it has pixels that are not opaque. The rotation in its EXIF
 * data is applied. Of several pages the first is read.
 *
 * @throws {FileError} naming the file, if it cannot be read, is of no such format, is truncated or damaged, has samples of
 *   another type than 8 or 16 bits, or is larger than `pictureLimits` of @air-onnx/core
 * @throws {DataError} of kind `missing` if it needs sharp, which is not installed
 */
export async function readPicture(path: string): Promise<DeepRaster> {
  return decodePicture(await readWholeFile(path, { maxBytes: pictureLimits.bytes, what: `image ${path}` }), path);
}

/**
 * Decodes the bytes of a picture file, as {@link readPicture} does.
 *
 * @param source name of the bytes in error messages: a path or URL
 * @throws as {@link readPicture}
 */
export async function decodePicture(bytes: Uint8Array, source: string): Promise<DeepRaster> {
  const format = pictureFormat(bytes);
  if (format === "PNG" || (!format && extname(source).toLowerCase() === ".png")) {
    const { data, ...form } = decodeDeepPng(bytes, source);
    return withFewestChannels(data, form, form.channels === 4);
  }
  try {
    return await decodeFile(bytes);
  } catch (cause) {
    if (!(cause instanceof PictureFileError)) throw cause;
    const { kind, message } = cause;
    if (kind === "decoder") {
      throw new DataError(`Cannot read ${source}: ${message}`, { kind: "missing", file: source, cause });
    }
    const what = cause.format === undefined ? "image" : `${cause.format} image`;
    throw new FileError(`${source} is not a readable ${what}: ${message}`, source, { kind: "content", cause });
  }
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
