/**
 * Scenes as NPZ files, NumPy's archives of arrays. The array `x` has the images and `n_obj` their object counts, as in the
 * reference implementation; `boxes` `[N, M, 4]` has the true boxes, where they are known.
 *
 * If the largest value of `x` is at most 1, the values are intensities in [0, 1]; else they are intensities in 0..255. The
 * dtype does not matter. Intensities are kept as 256 levels.
 */

import { labelledFirst } from "../brought-images.js";
import { DataError } from "../errors.js";
import { emptyLabels, type ImageForm, type ImageSet, type SceneSet, unknownBoxes } from "../scene-set.js";
import { writeFileAtomic } from "./atomic-file.js";
import { decodeNpy, encodeNpy, type NpyArray, type NpyData, type NpyForm } from "./npy.js";
import { readWholeFile } from "./read-file.js";
import { listed, ZipArchive, zipChunks } from "./zip.js";

/** Most bytes of an archive without zip64. */
const MAX_FILE_BYTES = 2 ** 32 - 1;
/** Bytes that any archive may unpack to, whatever its size. */
const FREE_BYTES = 2 ** 29;
/** Times its size that an archive may unpack to. Images of few, small objects on black are packed to a hundredth. */
const MAX_RATIO = 200;
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

/**
 * Reads a file with `x` `[N, S, S]`, `[N, C, S, S]` or `[N, S, S, C]`, where C is 1 or 3, and perhaps `n_obj` `[N]` and
 * `boxes` `[N, M, 4]`. Without `n_obj` no count is known. A count of
 * -1 or NaN is not known either: such images come behind the others.
 *
 * An array is unpacked only once its shape and dtype have been checked, and never beyond the bytes that they need.
 *
 * @throws {FileError} if the file cannot be read
 * @throws {DataError} naming the file and the array, if it is not an NPZ file, is damaged, has no `x`, or has an array of
 *   another shape, of Python objects, in Fortran order, with values out of range, or that unpacks to too much
 */
export async function readNpz(path: string): Promise<SceneSet> {
  const bytes = await readWholeFile(path, { maxBytes: MAX_FILE_BYTES });
  const archive = new ZipArchive(bytes, path);
  const names = new Set(archive.names);
  const has = (key: string): boolean => names.has(`${key}.npy`);
  const named = (key: string): string => `${path}: the array ${key}`;
  let unpacked = 0;
  const array = (key: string, accept: (form: NpyForm, what: string) => void): Promise<NpyArray> => {
    const what = named(key);
    return decodeNpy(archive.open(`${key}.npy`), what, (form) => {
      accept(form, what);
      unpacked += form.byteLength;
      checkExpansion(unpacked, bytes.length, what);
    });
  };
  if (!has("x")) {
    const keys = archive.names.map((name) => name.replace(/\.npy$/, ""));
    throw new DataError(
      `${path} has no array x (the images); it has ${listed(keys) || "none at all"}. Save it by np.savez(path, x=images, n_obj=counts)`,
    );
  }
  const x = await array("x", ({ shape }, what) => void storedForm(shape, what));
  const set = imagesFrom(x, named("x"));
  const { size } = set;
  if (!has("n_obj")) return { ...set, ...emptyLabels(0, 0) };
  const n_obj = await array("n_obj", ({ shape }, what) => checkCountShape(shape, size, what));
  const counts = countsFrom(n_obj, named("n_obj"));
  const most = counts.reduce<number>((max, count = 0) => Math.max(max, count), 0);
  const { boxes, maxObjects } = has("boxes")
    ? boxesFrom(await array("boxes", ({ shape }, what) => checkBoxShape(shape, size, most, what)))
    : { boxes: unknownBoxes(size, most), maxObjects: most };
  return labelledFirst(set, counts, { boxes, maxObjects });
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

function imagesFrom({ shape, data }: NpyArray, what: string): ImageSet {
  const { size, imageSize, channels, channelsLast } = storedForm(shape, what);
  const scale = intensityScale(data, what);
  if (data instanceof Uint8Array && scale === 1 && !channelsLast) return { imageSize, channels, size, images: data };
  const images = new Uint8Array(data.length);
  const plane = imageSize * imageSize;
  const target = (i: number): number => {
    const pixel = Math.floor(i / channels);
    return (Math.floor(pixel / plane) * channels + (i % channels)) * plane + (pixel % plane);
  };
  for (let i = 0; i < data.length; i++) images[channelsLast ? target(i) : i] = Math.round(data[i]! * scale);
  return { imageSize, channels, size, images };
}

/** The factor that turns the values into levels 0..255. */
function intensityScale(data: NpyData, what: string): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!(value >= 0 && value <= 255)) {
      throw new DataError(`${what} has the value ${value}: intensities must be in 0..1 or in 0..255`);
    }
    if (value > most) most = value;
  }
  return most <= 1 ? 255 : 1;
}

function checkCountShape(shape: readonly number[], size: number, what: string): void {
  if (shape.length !== 1 || shape[0] !== size) {
    throw new DataError(`${what} has shape (${shape.join(", ")}), expected (${size},): one count an image`);
  }
}

/** The counts; undefined where one is not known. */
function countsFrom({ data }: NpyArray, what: string): (number | undefined)[] {
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
