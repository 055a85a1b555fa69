/** Pictures and other whole files, written with the folders above them. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { FileError } from "../errors.js";
import type { PixelSheet } from "../pictures/pixel-sheet.js";
import { reasonInWords, writeFileAtomic } from "./atomic-file.js";
import { encodePng } from "./png.js";

/** Writes `picture` as PNG, with the folders above it. */
export async function writePicture(path: string, picture: PixelSheet): Promise<void> {
  await writeInFolder(path, encodePng(picture));
}

/** Writes a whole file, with the folders above it. */
export async function writeInFolder(path: string, data: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  await writeFileAtomic(path, data);
}

/**
 * Makes a folder and those above it, unless it is there.
 *
 * @throws {FileError} if that cannot be
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new FileError(`Cannot make the folder ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
}
