/**
 * A folder of PNG files, all of one size, as a data set. Its `counts.csv` has the number of objects in each image, in lines
 * `file,count`. The counts of images without a line are not known.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { ImageError, type PlanesForm, writePlanes } from "@air-onnx/core";
import { DataError, FileError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { emptyScenes, pixelsPerImage, type SceneSet } from "../scene-set.js";
import { reasonInWords } from "./atomic-file.js";
import { type Raster, readPng } from "./png.js";
import { readWholeFile } from "./read-file.js";

/** Name of the file with the counts. */
export const COUNTS_FILE = "counts.csv";
const IMAGES_PER_SLICE = 100;
/** Most bytes of `counts.csv`: enough for a million lines with names of 60 letters. */
const MAX_COUNTS_BYTES = 2 ** 26;

/**
 * Reads every `*.png` of the folder, as images of 1 channel if they are grey and 3 in colour: those with a count in the order
 * of their names, then the others. Other files and folders within are ignored.
 *
 * @throws {FileError} naming a file that cannot be read
 * @throws {DataError} if there are no images or too many, one is not square or has transparent pixels, two differ in size or channels
 *   (naming both), or `counts.csv` is not as it should be (naming the line)
 * @throws the signal's reason when aborted
 */
export async function readPngFolder(folder: string, { onProgress, signal }: Reporting = {}): Promise<SceneSet> {
  const files = await readdir(folder).catch((cause: unknown) => {
    throw new FileError(`Cannot read the folder ${folder}: ${reasonInWords(cause)}`, folder, { cause });
  });
  const names = files.filter((name) => /\.png$/i.test(name)).sort();
  const counts: ReadonlyMap<string, number> = files.includes(COUNTS_FILE)
    ? await readCounts(join(folder, COUNTS_FILE), new Set(names))
    : new Map();
  let set: SceneSet | undefined;
  let form: PlanesForm | undefined;
  let [withCount, without] = [0, counts.size];
  for (const [i, name] of names.entries()) {
    if (i % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset: folder, done: i, total: names.length });
      await setImmediate();
    }
    const raster = readPng(join(folder, name));
    form ??= formOfFirst(raster, name, folder);
    set ??= roomFor(form, names.length, counts);
    const count = counts.get(name);
    const pixels = pixelsPerImage(set);
    const place = count === undefined ? without++ : withCount++;
    if (count !== undefined) set.counts[place] = count;
    const target = set.images.subarray(place * pixels, (place + 1) * pixels);
    writeAlike(raster, name, form, names[0]!, folder, target);
  }
  if (!set) throw new DataError(`The folder ${folder} has no .png files`, { kind: "missing", file: folder });
  return set;
}

/** Makes an empty set for `images` images of one form, of which those in `counts` are labelled. */
function roomFor({ imageSize, channels }: PlanesForm, images: number, counts: ReadonlyMap<string, number>): SceneSet {
  let most = 0;
  for (const count of counts.values()) most = Math.max(most, count);
  return emptyScenes(images, imageSize, channels, most, counts.size);
}

/** The form that all images must have: that of the first one. */
function formOfFirst({ width, height, channels }: Raster, name: string, folder: string): PlanesForm {
  if (width !== height && channels !== 4) {
    throw new DataError(`${folder}: ${name} is ${width}x${height}: images must be square`, {
      file: join(folder, name),
    });
  }
  return { imageSize: width, channels };
}

/** Writes an image as planes `[C, S, S]` into `target`, or refuses it if it has another form. */
function writeAlike(
  raster: Raster,
  name: string,
  form: PlanesForm,
  firstName: string,
  folder: string,
  target: Uint8Array,
): void {
  const fail = (reason: string, cause?: unknown): never => {
    throw new DataError(`${folder}: ${reason}`, { file: join(folder, name), cause });
  };
  if (raster.channels === 4) fail(`${name} has transparent pixels: put it on a background first`);
  try {
    writePlanes(raster, form, target);
  } catch (cause) {
    if (!(cause instanceof ImageError)) throw cause;
    const kind = (width: number, height: number, channels: number): string =>
      `${width}x${height} ${channels === 1 ? "grey" : "in colour"}`;
    const first = kind(form.imageSize, form.imageSize, form.channels);
    const found = kind(raster.width, raster.height, raster.channels);
    fail(`all images must be alike, but ${firstName} is ${first} and ${name} is ${found}`, cause);
  }
}

/** Reads the counts by file name. */
async function readCounts(path: string, names: ReadonlySet<string>): Promise<Map<string, number>> {
  const text = (await readWholeFile(path, { maxBytes: MAX_COUNTS_BYTES })).toString("utf8");
  const counts = new Map<string, number>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const fail = (reason: string): never => {
      throw new DataError(`${path}, line ${i + 1}: ${reason}`, { file: path });
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
