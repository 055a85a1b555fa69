/**
 * A folder of images as a data set; see fit-images.ts on images of other sizes. Its `counts.csv` may have the number of objects in each image; see
 * counts-file.ts. The counts of other images are not known.
 */
import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type PictureSize, pictureScale, scaledSize, whiteOfDeep } from "@air-onnx/core";
import { DataError, FileError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { emptyLabels, imageBytes, type SceneSet } from "../scene-set.js";
import { reasonInWords } from "./atomic-file.js";
import { COUNTS_FILE, readCounts } from "./counts-file.js";
import { type FolderFit, planFit, resize, type Tile, tilesOf } from "./fit-images.js";
import { brightestOf, hasPictureName, inBytes, readPicture } from "./picture.js";
import type { DeepRaster, Raster } from "./png.js";
import { listed } from "./zip.js";

const IMAGES_PER_SLICE = 100;
/** Most bytes of decoded pictures that are kept for the second reading; others are decoded twice. */
const KEPT_BYTES = 2 ** 28;
/** Most tiles of a folder, and most bytes of them. */
const [MOST_TILES, MOST_TILE_BYTES] = [50_000, 2 ** 30];
/** Extensions of pictures that are not read, in small letters. */
const OTHER_PICTURES = new Set([".bmp", ".gif", ".heic", ".avif", ".jp2", ".jxl", ".nd2", ".czi", ".lif", ".dng"]);

/**
 * Reads every PNG, JPEG, WebP and TIFF file of the folder: those with a count in the order of their names, then the others. The
 * images have 3 channels if any of them has a pixel that is not grey, else 1. Transparent pixels are put on black. In files of 16
 * bits, white is that of all of them together; see picture.ts. Images of other sizes are made square and of one size as `options`
 * say; one that is cut into several has no count. Hidden files, other files and folders within are left out. All of that is told
 * by `onNotice`.
 *
 * Files are read twice, unless all decoded pixels fit into 256 MB: sizes, colours and the brightest value first.
 *
 * @throws {FileError} naming a file that cannot be read
 * @throws {DataError} if there are no images or too many, or `counts.csv` is not as it should be (naming the line)
 * @throws the signal's reason when aborted
 */
export async function readImageFolder(
  folder: string,
  { onProgress, onNotice, signal, ...options }: FolderFit & Reporting = {},
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
  const pictures = await Pictures.survey(folder, names, async (done) => {
    if (done % IMAGES_PER_SLICE !== 0) return;
    signal?.throwIfAborted();
    onProgress?.({ phase: "generate", dataset: folder, done, total: names.length });
    await setImmediate();
  });
  pictures.tell(say);
  const plan = await planFit(pictures.sizes, (index) => pictures.grey(index), options);
  const scaled = (size: PictureSize): PictureSize => scaledSize(size, pictureScale(size, plan.side, plan.fitted));
  const tiles = pictures.sizes.map((size) => tilesOf(scaled(size), plan.side));
  const isKept = limitTiles(
    tiles.reduce((sum, { length }) => sum + length, 0),
    { pixels: plan.side ** 2 * pictures.channels, isCut: tiles.some(({ length }) => length > 1) },
    (line) => say(`${folder}: ${line}`),
  );
  if (plan.line !== undefined) say(`${folder}: ${plan.line} [fit, fitScale, fitSize]`);
  const known = names.map((name, i) => (tiles[i]!.length === 1 ? counts.get(name) : undefined));
  const lost = counts.size - known.filter((count) => count !== undefined).length;
  if (lost > 0) say(`${folder}: the counts of ${lost} images are not used, as these are cut into tiles`);

  const indices = [...names.keys()];
  const order = [...indices.filter((i) => known[i] !== undefined), ...indices.filter((i) => known[i] === undefined)];
  const pieces = order.flatMap((index) => tiles[index]!.map((tile) => ({ index, tile })));
  const kept = pieces.filter(({ index }, i) => known[index] !== undefined || isKept(i));
  const form = { imageSize: plan.side, channels: pictures.channels };
  const images = new Uint8Array(imageBytes(form, kept.length));
  const length = plan.side ** 2 * form.channels;
  let current: { readonly index: number; readonly picture: Raster } | undefined;
  for (const [i, { index, tile }] of kept.entries()) {
    if (current?.index !== index) {
      signal?.throwIfAborted();
      if (i % IMAGES_PER_SLICE === 0) await setImmediate();
      const picture = await pictures.bytes(index);
      current = { index, picture: resize(picture, scaled(picture)) };
    }
    writeTile(current.picture, tile, form, images.subarray(i * length, (i + 1) * length));
  }
  const labels = known.filter((count) => count !== undefined);
  const set = emptyLabels(
    labels.length,
    labels.reduce((most, count) => Math.max(most, count), 0),
  );
  set.counts.set(labels);
  return { ...form, images, ...set, size: kept.length, pictures: plan.fitted };
}

/** Which of `total` tiles are kept: all, or evenly spread ones of too many. */
function limitTiles(
  total: number,
  { pixels, isCut }: { readonly pixels: number; readonly isCut: boolean },
  say: (line: string) => void,
): (index: number) => boolean {
  const most = Math.min(MOST_TILES, Math.floor(MOST_TILE_BYTES / pixels));
  if (!isCut || total <= most) return () => true;
  say(`of ${total} tiles ${most} are used, evenly spread`);
  return (index) => Math.floor(((index + 1) * most) / total) > Math.floor((index * most) / total);
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

/** The pictures of a folder, of which sizes, colours and the brightest value are known, and pixels are read again where they are needed. */
class Pictures {
  readonly #folder: string;
  readonly #names: readonly string[];
  readonly #kept = new Map<number, DeepRaster>();
  #keptBytes = 0;
  readonly #deep: number[] = [];
  #brightest = 0;
  readonly #transparent: string[] = [];
  readonly #leftOut: string[] = [];
  /** Sizes of the pictures, pixels. */
  readonly sizes: { readonly width: number; readonly height: number }[] = [];
  /** Channels of the images: 3 if any picture has a pixel that is not grey. */
  channels: 1 | 3 = 1;

  private constructor(folder: string, names: readonly string[]) {
    this.#folder = folder;
    this.#names = names;
  }

  /** Reads all pictures once. `onPicture` is called before each. */
  static async survey(
    folder: string,
    names: readonly string[],
    onPicture: (done: number) => Promise<void>,
  ): Promise<Pictures> {
    const pictures = new Pictures(folder, names);
    for (const index of names.keys()) {
      await onPicture(index);
      pictures.#add(index, await pictures.#read(index));
    }
    return pictures;
  }

  /** Tells what is special about the pictures. */
  tell(say: (line: string) => void): void {
    const told = (line: string): void => say(`${this.#folder}: ${line}`);
    const deep = this.#deep.length;
    if (deep > 0) {
      told(`${deep} images have 16 bits, with values up to ${this.#brightest}: ${this.#white} is white in them`);
      if (deep < this.#names.length) {
        told(`the other ${this.#names.length - deep} have 8 bits: 255 is white in them`);
      }
    }
    const transparent = this.#transparent.length;
    if (transparent > 0) {
      told(`${transparent} images have transparent pixels, such as ${this.#transparent[0]}: they are put on black`);
    }
    for (const line of this.#leftOut) told(line);
  }

  /** The picture `index` in 8 bits, transparent pixels on black, with the channels of the images. */
  async bytes(index: number): Promise<Raster> {
    const { data, width, height, channels } = inBytes(this.#kept.get(index) ?? (await this.#read(index)), this.#white);
    const wanted = this.channels;
    if (channels === wanted) return { data, width, height, channels };
    const flat = new Uint8Array(width * height * wanted);
    const last = channels === 1 ? 0 : 2;
    for (let pixel = 0; pixel < width * height; pixel++) {
      const at = pixel * channels;
      const opacity = channels === 4 ? data[at + 3]! / 255 : 1;
      for (let c = 0; c < wanted; c++) flat[pixel * wanted + c] = Math.round(opacity * data[at + Math.min(c, last)]!);
    }
    return { data: flat, width, height, channels: wanted };
  }

  /** The picture `index` in grey, intensities in [0, 1]. */
  async grey(index: number): Promise<{ width: number; height: number; data: Float32Array }> {
    const { data, width, height, channels } = await this.bytes(index);
    const grey = new Float32Array(width * height);
    for (let i = 0; i < data.length; i++) grey[Math.floor(i / channels)]! += data[i]! / 255 / channels;
    return { width, height, data: grey };
  }

  get #white(): number {
    return this.#deep.length > 0 ? whiteOfDeep(this.#brightest) : 255;
  }

  #read(index: number): Promise<DeepRaster> {
    return readPicture(join(this.#folder, this.#names[index]!));
  }

  #add(index: number, picture: DeepRaster): void {
    const { width, height, data, channels, leftOut } = picture;
    const name = this.#names[index]!;
    this.sizes.push({ width, height });
    if (channels === 4) this.#transparent.push(name);
    if (leftOut !== undefined) this.#leftOut.push(`${name} ${leftOut}`);
    if (data instanceof Uint16Array) {
      this.#deep.push(index);
      this.#brightest = Math.max(this.#brightest, brightestOf(picture));
    }
    if (this.channels === 1 && channels !== 1 && hasColour(picture)) this.channels = 3;
    if (this.#keptBytes + data.byteLength > KEPT_BYTES) return;
    this.#keptBytes += data.byteLength;
    this.#kept.set(index, picture);
  }
}

/** Writes a tile of a picture as planes `[C, S, S]`. What lies outside of the picture gets the median of each channel: its ground. */
function writeTile(
  { width, height, channels, data }: Raster,
  { x: left, y: top }: Tile,
  { imageSize: side }: { readonly imageSize: number },
  target: Uint8Array,
): void {
  const isInside = left >= 0 && top >= 0 && left + side <= width && top + side <= height;
  for (let c = 0; c < channels; c++) {
    const ground = isInside ? 0 : medianOf(data, c, channels);
    for (let row = 0; row < side; row++) {
      const y = top + row;
      const place = target.subarray((c * side + row) * side, (c * side + row + 1) * side);
      if (isInside && channels === 1) {
        place.set(data.subarray(y * width + left, y * width + left + side));
        continue;
      }
      for (let column = 0; column < side; column++) {
        const x = left + column;
        const isPixel = x >= 0 && y >= 0 && x < width && y < height;
        place[column] = isPixel ? data[(y * width + x) * channels + c]! : ground;
      }
    }
  }
}

function medianOf(data: Uint8Array, channel: number, channels: number): number {
  const levels = new Uint32Array(256);
  for (let at = channel; at < data.length; at += channels) levels[data[at]!]!++;
  let left = data.length / channels / 2;
  return levels.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
}

function hasColour({ data, channels }: DeepRaster): boolean {
  for (let at = 0; at < data.length; at += channels) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return true;
  }
  return false;
}
