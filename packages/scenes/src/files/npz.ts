/**
 * Scenes as NPZ files, NumPy's archives of arrays: the images are `x`, their object counts `n_obj`, and, beyond the
 * layout of the reference implementation, the true boxes `boxes` `[N, M, 4]` where they are known.
 *
 * Values of `x` up to 1 are intensities as they are, and values up to 255 are divided by 255: the largest of the file
 * decides, whatever its dtype. They are kept as 256 levels.
 */
import { readFile } from "node:fs/promises";
import type { BroughtImages } from "../brought-images.js";
import { DataError } from "../data-error.js";
import { emptyScenes, type ImageSet, type SceneSet } from "../scene-set.js";
import { FileError, reasonInWords, writeFileAtomic } from "./atomic-file.js";
import { decodeNpy, encodeNpy, type NpyArray, type NpyData } from "./npy.js";
import { ZipArchive, zipChunks } from "./zip.js";

/**
 * Writes `x` (bytes, 0..255, `[N, S, S]` of grey images and `[N, C, S, S]` of others), `n_obj` (64-bit integers `[N]`, as
 * NumPy has them) and `boxes` (32-bit floats `[N, maxObjects, 4]`, NaN for none). Read in Python by `np.load(path)`.
 *
 * @throws {FileError} if the file cannot be written
 * @throws {DataError} if it would exceed 4 GiB
 */
export async function writeNpz(path: string, scenes: SceneSet): Promise<void> {
  const { size, channels, imageSize, maxObjects, images, counts, boxes } = scenes;
  const plane = [imageSize, imageSize];
  const chunks = await zipChunks({
    "x.npy": encodeNpy(channels === 1 ? [size, ...plane] : [size, channels, ...plane], images),
    "n_obj.npy": encodeNpy([size], BigInt64Array.from(counts, BigInt)),
    "boxes.npy": encodeNpy([size, maxObjects, 4], boxes),
  });
  await writeFileAtomic(path, chunks);
}

/**
 * Reads a file with `x` `[N, S, S]`, `[N, C, S, S]` or `[N, S, S, C]`, C being 1 or 3, and perhaps `n_obj` `[N]`: all
 * images are labelled, or none is.
 *
 * @throws {FileError} if the file cannot be read
 * @throws {DataError} naming the file and the array: not an NPZ file, damaged, without `x`, of another shape, of Python
 *   objects, in Fortran order, or with values that are no intensities or counts
 */
export async function readNpz(path: string): Promise<BroughtImages> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new FileError(`Cannot read ${path}: ${reasonInWords(cause)}`, path, { cause });
  });
  const archive = new ZipArchive(bytes, path);
  const has = (key: string): boolean => archive.names.includes(`${key}.npy`);
  const array = async (key: string): Promise<NpyArray> =>
    decodeNpy(await archive.unpack(`${key}.npy`), `${path}: the array ${key}`);
  if (!has("x")) {
    const keys = archive.names.map((name) => name.replace(/\.npy$/, ""));
    throw new DataError(
      `${path} has no array x (the images); it has ${keys.join(", ") || "none at all"}. Save it by np.savez(path, x=images, n_obj=counts)`,
    );
  }
  const set = imagesFrom(await array("x"), `${path}: the array x`);
  const { imageSize, channels, size } = set;
  if (!has("n_obj")) return { labelled: emptyScenes(0, imageSize, channels, 0), unlabelled: set };
  const counts = countsFrom(await array("n_obj"), size, `${path}: the array n_obj`);
  const most = counts.reduce((max, count) => Math.max(max, count), 0);
  const { boxes, maxObjects } = has("boxes")
    ? boxesFrom(await array("boxes"), size, most, `${path}: the array boxes`)
    : { boxes: new Float32Array(size * most * 4).fill(Number.NaN), maxObjects: most };
  const unlabelled = { imageSize, channels, size: 0, images: new Uint8Array(0) };
  return { labelled: { ...set, counts, boxes, maxObjects }, unlabelled };
}

function imagesFrom({ shape, data }: NpyArray, what: string): ImageSet {
  const [size = 0, a = 0, b = 0, c] = shape;
  const colours = (channels: number | undefined): boolean => channels === 1 || channels === 3;
  let form: { imageSize: number; channels: number; channelsLast: boolean } | undefined;
  if (shape.length === 3 && a === b) form = { imageSize: a, channels: 1, channelsLast: false };
  else if (shape.length === 4 && b === c && colours(a)) form = { imageSize: b, channels: a, channelsLast: false };
  else if (shape.length === 4 && a === b && colours(c)) form = { imageSize: a, channels: c!, channelsLast: true };
  if (!form || size === 0 || form.imageSize === 0) {
    throw new DataError(
      `${what} has shape (${shape.join(", ")}), expected square images as (N, S, S), (N, C, S, S) or (N, S, S, C) with 1 or 3 channels C`,
    );
  }
  const { imageSize, channels, channelsLast } = form;
  const scale = intensityScale(data, what);
  const images = new Uint8Array(data.length);
  const plane = imageSize * imageSize;
  const target = (i: number): number => {
    const pixel = Math.floor(i / channels);
    return (Math.floor(pixel / plane) * channels + (i % channels)) * plane + (pixel % plane);
  };
  for (let i = 0; i < data.length; i++) images[channelsLast ? target(i) : i] = Math.round(data[i]! * scale);
  return { imageSize, channels, size, images };
}

/** What makes levels 0..255 of the values. */
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

function countsFrom({ shape, data }: NpyArray, size: number, what: string): Uint8Array {
  if (shape.length !== 1 || shape[0] !== size) {
    throw new DataError(`${what} has shape (${shape.join(", ")}), expected (${size},): one count an image`);
  }
  for (let i = 0; i < size; i++) {
    const count = data[i]!;
    if (!(Number.isInteger(count) && count >= 0 && count <= 255)) {
      throw new DataError(`${what} has the count ${count} for image ${i}, expected an integer from 0 to 255`);
    }
  }
  return Uint8Array.from(data);
}

function boxesFrom({ shape, data }: NpyArray, size: number, most: number, what: string) {
  const [images, maxObjects = 0, corners, ...more] = shape;
  if (images !== size || maxObjects < most || corners !== 4 || more.length > 0) {
    throw new DataError(
      `${what} has shape (${shape.join(", ")}), expected (${size}, M, 4) with M at least ${most}: xmin, ymin, xmax, ymax of each object`,
    );
  }
  return { boxes: Float32Array.from(data), maxObjects };
}
