/**
 * A folder of images, all of one size, as a data set. Its `counts.csv` may have the number of objects in each image; see
 * counts-file.ts. The counts of other images are not known.
 */
import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { DataError, FileError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { emptyLabels, imageBytes, type SceneSet } from "../scene-set.js";
import { reasonInWords } from "./atomic-file.js";
import { COUNTS_FILE, readCounts } from "./counts-file.js";
import { hasPictureName, inBytesTogether, readPicture } from "./picture.js";
import type { DeepRaster, Raster } from "./png.js";
import { listed } from "./zip.js";

const IMAGES_PER_SLICE = 100;
/** Extensions of pictures that are not read, in small letters. */
const OTHER_PICTURES = new Set([".bmp", ".gif", ".heic", ".avif", ".jp2", ".jxl", ".nd2", ".czi", ".lif", ".dng"]);

/**
 * Reads every PNG, JPEG, WebP and TIFF file of the folder: those with a count in the order of their names, then the others. The
 * images have 3 channels if any of them has a pixel that is not grey, else 1. Transparent pixels are put on black. In files of 16
 * bits, white is that of all of them together; see picture.ts. Hidden files, other files and folders within are left out. All
 * of that is told by `onNotice`.
 *
 * @throws {FileError} naming a file that cannot be read
 * @throws {DataError} if there are no images or too many, one is not square, two differ in size (naming both), or `counts.csv` is
 *   not as it should be (naming the line)
 * @throws the signal's reason when aborted
 */
export async function readImageFolder(
  folder: string,
  { onProgress, onNotice, signal }: Reporting = {},
): Promise<SceneSet> {
  const say = onNotice ?? (() => {});
  const files = await readdir(folder).catch((cause: unknown) => {
    const isFile = (cause as NodeJS.ErrnoException).code === "ENOTDIR";
    const reason = isFile ? "it is a file; dataset npz reads NPZ files" : reasonInWords(cause);
    throw new FileError(`Cannot read the folder ${folder}: ${reason}`, folder, { cause });
  });
  const names = imageNames(files, folder, say);
  const countsFile = files.find((name) => name.toLowerCase() === COUNTS_FILE);
  const counts = countsFile ? await readCounts(join(folder, countsFile), names, say) : new Map<string, number>();
  const order = [...names.filter((name) => counts.has(name)), ...names.filter((name) => !counts.has(name))];
  const pixels = new Pixels(names.length, folder);
  for (const [i, name] of order.entries()) {
    if (i % IMAGES_PER_SLICE === 0) {
      signal?.throwIfAborted();
      onProgress?.({ phase: "generate", dataset: folder, done: i, total: names.length });
      await setImmediate();
    }
    pixels.add(await readPicture(join(folder, name)), name);
  }
  const images = pixels.finish(say);
  const known = order.slice(0, counts.size).map((name) => counts.get(name)!);
  const labels = emptyLabels(
    known.length,
    known.reduce((most, count) => Math.max(most, count), 0),
  );
  labels.counts.set(known);
  return { ...images, ...labels, size: names.length };
}

/** The names of the images in a folder, sorted. What is passed over and looks like an image is told. */
function imageNames(files: readonly string[], folder: string, say: (line: string) => void): string[] {
  const isHidden = (name: string): boolean => name.startsWith(".");
  const names = files.filter((name) => hasPictureName(name) && !isHidden(name)).sort();
  const skipped = (what: string, left: readonly string[]): void => {
    if (left.length > 0) say(`${folder}: skipped ${left.length} ${what}, such as ${left[0]}`);
  };
  skipped(
    "hidden files",
    files.filter((name) => hasPictureName(name) && isHidden(name)),
  );
  skipped(
    "files of kinds that are not read",
    files.filter((name) => OTHER_PICTURES.has(extname(name).toLowerCase())),
  );
  if (names.length > 0) return names;
  throw new DataError(
    `The folder ${folder} has no images (PNG, JPEG, WebP or TIFF files); it has ${listed(files) || "nothing"}`,
    { kind: "missing", file: folder },
  );
}

/** The pixels of all images, which get three channels when the first image in colour is added. */
class Pixels {
  readonly #total: number;
  readonly #folder: string;
  #size = 0;
  #side = 0;
  #channels: 1 | 3 = 1;
  #images = new Uint8Array(0);
  #first: string | undefined;
  /** Images of 16 bits, which wait until the brightest of them is known. */
  readonly #deep: { readonly place: number; readonly picture: DeepRaster }[] = [];
  readonly #transparent: string[] = [];
  readonly #leftOut: string[] = [];

  constructor(total: number, folder: string) {
    this.#total = total;
    this.#folder = folder;
  }

  /** Appends an image, or refuses it if it has another size than the first. */
  add(picture: DeepRaster, name: string): void {
    const { width, height, data, leftOut } = picture;
    const fail = (reason: string): never => {
      throw new DataError(`${this.#folder}: ${reason}`, { file: join(this.#folder, name) });
    };
    if (this.#first === undefined) {
      if (width !== height) fail(`${name} is ${width}x${height}: images must be square`);
      this.#first = name;
      this.#side = width;
      this.#images = new Uint8Array(imageBytes({ imageSize: width, channels: 1 }, this.#total));
    } else if (width !== this.#side || height !== this.#side) {
      const side = this.#side;
      fail(`all images must be of one size, but ${this.#first} is ${side}x${side} and ${name} is ${width}x${height}`);
    }
    if (picture.channels === 4) this.#transparent.push(name);
    if (leftOut !== undefined) this.#leftOut.push(`${name} ${leftOut}`);
    const place = this.#size++;
    if (data instanceof Uint16Array) this.#deep.push({ place, picture });
    else this.#write({ ...picture, data }, place);
  }

  /** The images, once all are added. */
  finish(say: (line: string) => void): Pick<SceneSet, "imageSize" | "channels" | "images"> {
    const told = (line: string): void => say(`${this.#folder}: ${line}`);
    const rasters = inBytesTogether(
      this.#deep.map(({ picture }) => picture),
      told,
    );
    rasters.forEach((raster, i) => {
      this.#write(raster, this.#deep[i]!.place);
    });
    const shallow = this.#size - rasters.length;
    if (rasters.length > 0 && shallow > 0) told(`the other ${shallow} have 8 bits: 255 is white in them`);
    const transparent = this.#transparent.length;
    if (transparent > 0) {
      told(`${transparent} images have transparent pixels, such as ${this.#transparent[0]}: they are put on black`);
    }
    for (const line of this.#leftOut) told(line);
    return { imageSize: this.#side, channels: this.#channels, images: this.#images };
  }

  #write(raster: Raster, place: number): void {
    const { data, channels } = raster;
    const plane = this.#side ** 2;
    if (this.#channels === 1 && channels !== 1 && hasColour(raster)) this.#widen();
    const start = place * plane * this.#channels;
    const last = channels === 1 ? 0 : 2;
    for (let pixel = 0; pixel < plane; pixel++) {
      const at = pixel * channels;
      const opacity = channels === 4 ? data[at + 3]! / 255 : 1;
      for (let c = 0; c < this.#channels; c++) {
        this.#images[start + c * plane + pixel] = Math.round(opacity * data[at + Math.min(c, last)]!);
      }
    }
  }

  /** Turns the images from one channel to three. */
  #widen(): void {
    const grey = this.#images;
    const plane = this.#side ** 2;
    this.#images = new Uint8Array(imageBytes({ imageSize: this.#side, channels: 3 }, this.#total));
    for (let place = 0; place < this.#size; place++) {
      const image = grey.subarray(place * plane, (place + 1) * plane);
      for (let c = 0; c < 3; c++) this.#images.set(image, (3 * place + c) * plane);
    }
    this.#channels = 3;
  }
}

function hasColour({ data, channels }: Raster): boolean {
  for (let at = 0; at < data.length; at += channels) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return true;
  }
  return false;
}
