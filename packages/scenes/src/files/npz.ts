/**
 * Scenes as NPZ files, NumPy's archives of arrays. The array `x` has the images and `n_obj` their object counts, as in the
 * reference implementation; `boxes` `[N, M, 4]` has the true boxes, where they are known. The range of the intensities is decided
 * in intensity.ts, whatever their dtype. Intensities are kept as 256 levels.
 */

import { labelledFirst } from "../brought-images.js";
import { DataError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import { emptyLabels, type ImageForm, type ImageSet, type SceneSet, unknownBoxes } from "../scene-set.js";
import { writeFileAtomic } from "./atomic-file.js";
import { levelOf, whiteOf } from "./intensity.js";
import { decodeNpy, encodeNpy, type NpyArray, type NpyForm, npyForm, pickledNpy } from "./npy.js";
import { type Pickled, PickledArray, unpickle } from "./pickle.js";
import { readInParts } from "./read-file.js";
import { listed, ZipArchive, zipChunks } from "./zip.js";

/** Bytes that any archive may unpack to, whatever its size. */
const FREE_BYTES = 2 ** 29;
/** Times its size that an archive may unpack to. Images of few, small objects on black are packed to a hundredth. */
const MAX_RATIO = 200;
/** Most bytes of Python objects: the counts of a million images, or a hundred thousand lists. */
const MAX_PICKLED_BYTES = 2 ** 24;
/** Entries of a dictionary that have counts, the first that is there. */
const COUNT_ENTRIES = ["n_obj", "count", "counts", "n", "num_objects"] as const;
/** Most dictionaries within each other: one can be its own entry. */
const MAX_DICTIONARIES = 8;
/** Most arrays whose shape an error message has. */
const MAX_FORMS_SHOWN = 10;
/** Largest count of objects: counts are kept in bytes. */
const MAX_COUNT = 255;

/**
 * Writes a set as an NPZ file, which `np.load(path)` reads in Python: `x` (bytes, 0..255, `[N, S, S]` for grey images and
 * `[N, C, S, S]` for others), `n_obj` (64-bit integers `[N]`) and `boxes` (32-bit floats `[N, maxObjects, 4]`, NaN for none).
 * Where
 * a count is not known it is -1; if none is, the file has `x` alone.
 *
 * @throws {FileError} if the file cannot be written
 * @throws {DataError} if it would exceed 4 GiB
 */
export async function writeNpz(path: string, scenes: SceneSet): Promise<void> {
  const { size, channels, imageSize, maxObjects, images, counts } = scenes;
  const plane = [imageSize, imageSize];
  const chunks = await zipChunks({
    "x.npy": encodeNpy(channels === 1 ? [size, ...plane] : [size, channels, ...plane], images),
    ...(counts.length > 0 && {
      "n_obj.npy": encodeNpy(
        [size],
        BigInt64Array.from({ length: size }, (_, i) => BigInt(counts[i] ?? -1)),
      ),
      "boxes.npy": encodeNpy([size, maxObjects, 4], boxesOfAll(scenes)),
    }),
  });
  await writeFileAtomic(path, chunks);
}

/** Boxes `[N, maxObjects, 4]`, NaN for images whose count is not known. */
function boxesOfAll({ size, maxObjects, boxes }: SceneSet): Float32Array {
  if (boxes.length === size * maxObjects * 4) return boxes;
  const all = unknownBoxes(size, maxObjects);
  all.set(boxes);
  return all;
}

/** The arrays that {@link readNpz} reads. */
export interface NpzKeys {
  /** Name of the array of images. Default: `x`, or the only array of the file. */
  readonly imagesKey?: string | undefined;
  /**
   * Name of the array of counts; `NAME.KEY` for an entry of a dictionary in the array NAME. Default: `n_obj`, or Python objects
   * with counts in `labels` or `y`.
   */
  readonly countsKey?: string | undefined;
}

/**
 * Reads a file with images `x` `[N, S, S]`, `[N, C, S, S]` or `[N, S, S, C]`, where C is 1 or 3, and perhaps counts `n_obj` `[N]`
 * and `boxes` `[N, M, 4]`. Without counts no count is known. A count of -1 or NaN is not known either: such images come behind
 * the others. Counts may also be a list, or a dictionary with them, that NumPy has pickled; see pickle.ts. If there are lists of
 * labels instead of counts, a count is the length of a list.
 *
 * An array is unpacked only once its shape and dtype have been checked, and never beyond the bytes that they need. The file is
 * read piece by piece.
 *
 * @throws {FileError} if the file cannot be read
 * @throws {DataError} naming the file and the array, if it is not an NPZ file, is damaged, has no images, or has an array of
 *   another shape, of other Python objects, with values out of range, or that unpacks to too much
 */
export function readNpz(path: string, { imagesKey, countsKey, onNotice }: NpzKeys & Reporting = {}): Promise<SceneSet> {
  return readInParts(path, { maxBytes: Number.MAX_SAFE_INTEGER }, async (file) => {
    const arrays = new Arrays(await ZipArchive.read(file, path), path);
    const say = onNotice ?? (() => {});
    const key = await imagesKeyOf(arrays, imagesKey, say);
    const x = await arrays.numbers(key, ({ shape }, what) => void storedForm(shape, what));
    const set = imagesFrom(x, arrays.what(key), say);
    const { size } = set;
    const counts = await countsOf(arrays, countsKey, size, say);
    if (counts === undefined) return { ...set, ...emptyLabels(0, 0) };
    const most = counts.reduce<number>((max, count = 0) => Math.max(max, count), 0);
    const { boxes, maxObjects } = arrays.has("boxes")
      ? boxesFrom(await arrays.numbers("boxes", ({ shape }, what) => checkBoxShape(shape, size, most, what)))
      : { boxes: unknownBoxes(size, most), maxObjects: most };
    return labelledFirst(set, counts, { boxes, maxObjects });
  });
}

/** The arrays of a file. */
class Arrays {
  readonly #archive: ZipArchive;
  readonly #path: string;
  #unpacked = 0;

  constructor(archive: ZipArchive, path: string) {
    this.#archive = archive;
    this.#path = path;
  }

  get keys(): string[] {
    return this.#archive.names.map((name) => name.replace(/\.npy$/, ""));
  }

  has(key: string): boolean {
    return this.#archive.names.includes(`${key}.npy`);
  }

  what(key: string): string {
    return `${this.#path}: the array ${key}`;
  }

  form(key: string): Promise<NpyForm> {
    return npyForm(this.#archive.open(`${key}.npy`), this.what(key));
  }

  numbers(key: string, accept: (form: NpyForm, what: string) => void): Promise<NpyArray> {
    const what = this.what(key);
    return decodeNpy(this.#archive.open(`${key}.npy`), what, (form) => {
      accept(form, what);
      this.#unpacked += form.byteLength;
      checkExpansion(this.#unpacked, this.#archive.size, what);
    });
  }

  async objects(key: string): Promise<Pickled> {
    const fail = (reason: string): never => {
      throw this.unreadable(key, reason);
    };
    const bytes = await pickledNpy(this.#archive.open(`${key}.npy`), this.what(key), MAX_PICKLED_BYTES);
    return unpickle(bytes, fail);
  }

  /** The error for counts that cannot be read, with the line of Python that makes them readable. */
  unreadable(key: string, reason: string): DataError {
    return new DataError(
      `${this.what(key)} cannot be read as counts: ${reason}. Save one number an image: ` +
        `f = np.load(path, allow_pickle=True); np.savez("counted.npz", x=f["x"], n_obj=[...])`,
      { file: this.#path, key: "countsKey" },
    );
  }

  /** The error for an array that is not there, or is not named. */
  async missing(wanted: string, key: "imagesKey" | "countsKey"): Promise<DataError> {
    const forms: string[] = [];
    for (const each of this.keys.slice(0, MAX_FORMS_SHOWN)) {
      const form = await this.form(each).catch(() => undefined);
      forms.push(form ? `${each} (${form.shape.join(", ")})` : each);
    }
    const found = listed([...forms, ...this.keys.slice(MAX_FORMS_SHOWN)]) || "none at all";
    return new DataError(`${this.#path} has no array ${wanted}; it has ${found}. ${key} names it`, {
      kind: "missing",
      file: this.#path,
      key,
    });
  }
}

async function imagesKeyOf(arrays: Arrays, wanted: string | undefined, say: (line: string) => void): Promise<string> {
  if (arrays.has(wanted ?? "x")) return wanted ?? "x";
  const [only, ...others] = arrays.keys;
  if (wanted === undefined && only !== undefined && others.length === 0 && arrays.has(only)) {
    say(`${arrays.what(only)} has the images, as there is no other`);
    return only;
  }
  throw await arrays.missing(wanted ?? "x (the images)", "imagesKey");
}

/** The counts; undefined if the file has none. */
async function countsOf(
  arrays: Arrays,
  wanted: string | undefined,
  size: number,
  say: (line: string) => void,
): Promise<(number | undefined)[] | undefined> {
  if (wanted !== undefined) {
    const dot = wanted.indexOf(".");
    const [name, entry] = arrays.has(wanted) || dot < 0 ? [wanted] : [wanted.slice(0, dot), wanted.slice(dot + 1)];
    if (!arrays.has(name!)) throw await arrays.missing(`${name} (the counts)`, "countsKey");
    return countsIn(arrays, name!, entry, size);
  }
  if (arrays.has("n_obj")) return countsIn(arrays, "n_obj", undefined, size);
  const others = arrays.keys.filter((key) => key !== "x" && key !== "boxes");
  for (const key of ["labels", "y"]) {
    if (!others.includes(key) || !(await arrays.form(key)).descr.endsWith("O")) continue;
    const counts = await countsIn(arrays, key, undefined, size);
    say(`${arrays.what(key)} has the counts, as there is no array n_obj`);
    return counts;
  }
  if (others.length > 1 || (arrays.has("x") && others.length > 0)) {
    say(`${arrays.what(listed(others))} is not read: countsKey names the array of counts, if there is one`);
  }
  return undefined;
}

/** Reads the counts from the array `key`, or from the entry of a dictionary in it. */
async function countsIn(
  arrays: Arrays,
  key: string,
  entry: string | undefined,
  size: number,
): Promise<(number | undefined)[]> {
  const what = arrays.what(key);
  if (!(await arrays.form(key)).descr.endsWith("O")) {
    const { data } = await arrays.numbers(key, ({ shape }) => checkCountShape(shape, size, what));
    return countsFrom(data, what);
  }
  const counts = pickledCounts(await arrays.objects(key), entry, (reason) => {
    throw arrays.unreadable(key, reason);
  });
  if (counts.length !== size) throw arrays.unreadable(key, `it has ${counts.length} counts for ${size} images`);
  return countsFrom(counts, what);
}

/** The numbers of objects in pickled lists: numbers, or lists of what is in each image. */
function pickledCounts(
  value: Pickled,
  entry: string | undefined,
  fail: (reason: string) => never,
  depth = 1,
): number[] {
  const content = value instanceof PickledArray && value.shape.length === 0 ? (value.values[0] as Pickled) : value;
  if (content instanceof Map) {
    const keys = entry === undefined ? COUNT_ENTRIES : [entry];
    const key = keys.find((each) => content.has(each));
    if (depth > MAX_DICTIONARIES) return fail("it has dictionaries within dictionaries without end");
    if (key !== undefined) return pickledCounts(content.get(key)!, undefined, fail, depth + 1);
    // Other keys, such as nested tuples, may be endless as text.
    const names = [...content.keys()].filter((each) => typeof each === "string" || typeof each === "number");
    const found = listed(names.map((each) => String(each).slice(0, 100))) || "no names";
    return fail(
      `it is a dictionary without ${keys.join(" or ")}: its entries are ${found}, which countsKey can name as NAME.ENTRY`,
    );
  }
  const items = content instanceof PickledArray ? content.values : content;
  if (!Array.isArray(items) && !ArrayBuffer.isView(items)) return fail("it is no list");
  return Array.from(items as ArrayLike<Pickled>, (item) => {
    if (typeof item === "number") return item;
    // None is a count that is not known.
    if (item === null) return Number.NaN;
    if (Array.isArray(item)) return item.length;
    if (item instanceof PickledArray) return item.shape[0] ?? fail("it has something that is no number and no list");
    return fail("it has something that is no number and no list");
  });
}

function checkExpansion(unpacked: number, packed: number, what: string): void {
  const most = Math.max(FREE_BYTES, MAX_RATIO * packed);
  if (unpacked > most) {
    throw new DataError(
      `${what} would unpack a file of ${packed} bytes to ${unpacked}, at most ${most} are: save fewer images, or np.savez instead of np.savez_compressed`,
    );
  }
}

interface StoredForm extends ImageForm {
  readonly size: number;
  readonly channelsLast: boolean;
}

function storedForm(shape: readonly number[], what: string): StoredForm {
  const [size = 0, a = 0, b = 0, c] = shape;
  const colours = (channels: number | undefined): boolean => channels === 1 || channels === 3;
  let form: StoredForm | undefined;
  if (shape.length === 3 && a === b) form = { size, imageSize: a, channels: 1, channelsLast: false };
  else if (shape.length === 4 && b === c && colours(a)) form = { size, imageSize: b, channels: a, channelsLast: false };
  else if (shape.length === 4 && a === b && colours(c)) form = { size, imageSize: a, channels: c!, channelsLast: true };
  if (!form || size === 0 || form.imageSize === 0) {
    throw new DataError(
      `${what} has shape (${shape.join(", ")}), expected square images as (N, S, S), (N, C, S, S) or (N, S, S, C) with 1 or 3 channels C`,
    );
  }
  return form;
}

function imagesFrom({ shape, ...values }: NpyArray, what: string, say: (line: string) => void): ImageSet {
  const { size, imageSize, channels, channelsLast } = storedForm(shape, what);
  const { data } = values;
  const white = whiteOf(values, what, say);
  if (data instanceof Uint8Array && white === 255 && !channelsLast) return { imageSize, channels, size, images: data };
  const images = new Uint8Array(data.length);
  const plane = imageSize * imageSize;
  const target = (i: number): number => {
    const pixel = Math.floor(i / channels);
    return (Math.floor(pixel / plane) * channels + (i % channels)) * plane + (pixel % plane);
  };
  for (let i = 0; i < data.length; i++) images[channelsLast ? target(i) : i] = levelOf(data[i]!, white);
  return { imageSize, channels, size, images };
}

function checkCountShape(shape: readonly number[], size: number, what: string): void {
  if (shape[0] !== size || shape.length > 2 || (shape[1] ?? 1) !== 1) {
    throw new DataError(`${what} has shape (${shape.join(", ")}), expected (${size},): one count an image`);
  }
}

/** The counts; undefined where one is not known. */
function countsFrom(data: ArrayLike<number>, what: string): (number | undefined)[] {
  return Array.from(data, (count, i) => {
    if (count === -1 || Number.isNaN(count)) return undefined;
    if (Number.isInteger(count) && count >= 0 && count <= MAX_COUNT) return count;
    throw new DataError(
      `${what} has the count ${count} for image ${i}, expected an integer from 0 to ${MAX_COUNT}, or -1 if it is not known`,
    );
  });
}

function checkBoxShape(shape: readonly number[], size: number, most: number, what: string): void {
  const [images, maxObjects = 0, corners, ...more] = shape;
  if (images !== size || maxObjects < most || maxObjects > MAX_COUNT || corners !== 4 || more.length > 0) {
    throw new DataError(
      `${what} has shape (${shape.join(", ")}), expected (${size}, M, 4) with M from ${most} to ${MAX_COUNT}: xmin, ymin, xmax, ymax of each object`,
    );
  }
}

function boxesFrom({ shape, data }: NpyArray) {
  return { boxes: data instanceof Float32Array ? data : Float32Array.from(data), maxObjects: shape[1]! };
}
