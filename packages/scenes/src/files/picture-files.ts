/** Reads picture files that belong together one at a time, where all of them would not fit into memory. */
import { whiteOfDeep } from "@air-onnx/core";
import { pictureLimits } from "@air-onnx/core/picture-file";
import { brightestOf, inBytes, readPicture } from "./picture.js";
import { BIT_DEPTH_AT, type Raster } from "./png.js";
import { readInParts } from "./read-file.js";

/**
 * Finds the value that is white in all of the files: they get one white together, see `whiteOfDeep`. Files that may have 16 bits are
 * decoded for it, and those that cannot be read are left out: reading them later says why.
 *
 * @param say called with a line if some have 16 bits
 */
export async function whiteOfFiles(files: readonly string[], say: (line: string) => void): Promise<number> {
  let deep = 0;
  let most = 0;
  for (const file of files) {
    if (!(await mayBeDeep(file))) continue;
    const picture = await readPicture(file).catch(() => undefined);
    if (!(picture?.data instanceof Uint16Array)) continue;
    deep++;
    most = Math.max(most, brightestOf(picture));
  }
  if (deep === 0) return 255;
  const white = whiteOfDeep(most);
  say(`${deep} images have 16 bits, with values up to ${most}: ${white} is white in them`);
  return white;
}

/**
 * Reads one of the files in 8 bits, as `readPicture` does.
 *
 * @param white as {@link whiteOfFiles} found it
 * @param say called with a line about what is not read of the file
 * @throws as `readPicture`
 */
export async function readPictureInBytes(file: string, white: number, say: (line: string) => void): Promise<Raster> {
  const picture = await readPicture(file);
  if (picture.leftOut !== undefined) say(`${file} ${picture.leftOut}`);
  return inBytes(picture, white);
}

/** Whether a file can have samples of 16 bits: a TIFF, whose bits stand anywhere in it, or a PNG that says so. */
async function mayBeDeep(file: string): Promise<boolean> {
  const start = Buffer.alloc(BIT_DEPTH_AT + 1);
  const isRead = await readInParts(file, { maxBytes: pictureLimits.bytes }, async (opened) => {
    if (opened.size < start.length) return false;
    await opened.read(start, 0);
    return true;
  }).catch(() => false);
  if (!isRead) return false;
  const text = start.toString("latin1", 0, 4);
  return text === "\x89PNG" ? start[BIT_DEPTH_AT] === 16 : text.startsWith("II") || text.startsWith("MM");
}
