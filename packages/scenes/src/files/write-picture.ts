/** Writes pictures and other whole files, and makes the folders above them. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { FileError } from "../errors.js";
import type { PixelSheet } from "../pictures/pixel-sheet.js";
import { reasonInWords, writeFileAtomic } from "./atomic-file.js";
import { encodePng } from "./png.js";

/**
 * Writes `picture` as a PNG file, and makes the folders above it.
 *
 * @throws {FileError} if the file or a folder cannot be written
 */
export async function writePicture(path: string, picture: PixelSheet): Promise<void> {
  await writeInFolder(path, encodePng(picture));
}

/**
 * Writes a whole file, and makes the folders above it.
 *
 * @throws {FileError} if the file or a folder cannot be written
 */
export async function writeInFolder(path: string, data: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  await writeFileAtomic(path, data);
}

/**
 * Makes a folder and those above it, unless they exist.
 *
 * @throws {FileError} if a folder cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new FileError(`Cannot make the folder ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
}
