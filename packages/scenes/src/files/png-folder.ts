/**
 * A folder of PNG files, all of one size, as a data set. What they show is in its `counts.csv`: lines `file,count`. Images
 * that it leaves out can be trained on, as training needs no counts, but not evaluated on.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { BroughtImages } from "../brought-images.js";
import { DataError } from "../data-error.js";
import type { Reporting } from "../reporting.js";
import { emptyScenes, pixelsPerImage, type SceneSet } from "../scene-set.js";
import { FileError, reasonInWords } from "./atomic-file.js";
import { type Raster, readPng } from "./png.js";
import { readWholeFile } from "./read-file.js";

export const COUNTS_FILE = "counts.csv";
const IMAGES_PER_SLICE = 100;
/** A million lines with names of 60 letters. */
const MAX_COUNTS_BYTES = 2 ** 26;

/**
 * Reads every `*.png` of the folder itself, in the order of their names; other files are left alone. Grey images have 1
 * channel and coloured ones 3.
 *
 * @throws {FileError} naming a file that cannot be read
 * @throws {DataError} if there are no images or too many, one is not square or has transparent pixels, two differ in size or channels
 *   (naming both), or `counts.csv` is not as it should be (naming the line)
 * @throws the signal's reason when aborted
 */
export async function readPngFolder(folder: string, { onProgress, signal }: Reporting = {}): Promise<BroughtImages> {
  const files = await readdir(folder).catch((cause: unknown) => {
    throw new FileError(`Cannot read the folder ${folder}: ${reasonInWords(cause)}`, folder, { cause });
  });
  const names = files.filter((name) => /\.png$/i.test(name)).sort();
  const counts: ReadonlyMap<string, number> = files.includes(COUNTS_FILE)
    ? await readCounts(join(folder, COUNTS_FILE), new Set(names))
    : new Map();
  let sets: { readonly labelled: SceneSet; readonly unlabelled: SceneSet } | undefined;
  let first: ImageKind | undefined;
  let [withCount, without] = [0, 0];
  for (const [i, name] of names.entries()) {
    if (i % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset: folder, done: i, total: names.length });
      await setImmediate();
    }
    const raster = readPng(join(folder, name));
    const { width, height, channels } = raster;
    first ??= { width, height, channels };
    checkAlike(raster, name, first, names[0]!, folder);
    sets ??= roomFor(raster, names.length, counts);
    const count = counts.get(name);
    const pixels = pixelsPerImage(sets.labelled);
    if (count === undefined) writeChannelsFirst(raster, sets.unlabelled.images.subarray(without++ * pixels));
    else {
      sets.labelled.counts[withCount] = count;
      writeChannelsFirst(raster, sets.labelled.images.subarray(withCount++ * pixels));
    }
  }
  if (!sets) throw new DataError(`The folder ${folder} has no .png files`);
  const { imageSize, channels, images, size } = sets.unlabelled;
  return { labelled: sets.labelled, unlabelled: { imageSize, channels, images, size } };
}

type ImageKind = Pick<Raster, "width" | "height" | "channels">;

/** Sets for so many images like the first, of which those in `counts` are labelled. */
function roomFor({ width, channels }: ImageKind, images: number, counts: ReadonlyMap<string, number>) {
  let most = 0;
  for (const count of counts.values()) most = Math.max(most, count);
  return {
    labelled: emptyScenes(counts.size, width, channels, most),
    unlabelled: emptyScenes(images - counts.size, width, channels, 0),
  };
}

function checkAlike(raster: ImageKind, name: string, first: ImageKind, firstName: string, folder: string): void {
  const { width, height, channels } = raster;
  const fail = (reason: string): never => {
    throw new DataError(`${folder}: ${reason}`);
  };
  const kind = ({ width, height, channels }: ImageKind): string =>
    `${width}x${height} ${channels === 1 ? "grey" : "in colour"}`;
  if (channels === 4) fail(`${name} has transparent pixels: put it on a background first`);
  if (width !== first.width || height !== first.height || channels !== first.channels) {
    fail(`all images must be alike, but ${firstName} is ${kind(first)} and ${name} is ${kind(raster)}`);
  }
  if (width !== height) fail(`${name} is ${width}x${height}: images must be square`);
}

function writeChannelsFirst({ width, height, channels, data }: Raster, target: Uint8Array): void {
  const plane = width * height;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < channels; c++) target[c * plane + pixel] = data[pixel * channels + c]!;
  }
}

/** The counts by file name. */
async function readCounts(path: string, names: ReadonlySet<string>): Promise<Map<string, number>> {
  const text = (await readWholeFile(path, { maxBytes: MAX_COUNTS_BYTES })).toString("utf8");
  const counts = new Map<string, number>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const fail = (reason: string): never => {
      throw new DataError(`${path}, line ${i + 1}: ${reason}`);
    };
    if (line.trim() === "" || (i === 0 && line.trim() === "file,count")) continue;
    const match = /^(.+),\s*(\d+)\s*$/.exec(line);
    if (!match) return fail(`"${line.slice(0, 100)}" is not of the form file,count, such as 0001.png,2`);
    const [, name, digits] = match as unknown as [string, string, string];
    const count = Number(digits);
    if (count > 255) fail(`${count} objects are too many, at most 255 can be`);
    if (!names.has(name)) fail(`there is no image ${name} in the folder`);
    if (counts.has(name)) fail(`${name} has a count already`);
    counts.set(name, count);
  }
  return counts;
}
