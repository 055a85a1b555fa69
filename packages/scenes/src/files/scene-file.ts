/**
 * Scene sets as safetensors files: `images` U8 `[N, C, S, S]`, `counts` U8 `[N]`, `boxes` F32 `[N, maxObjects, 4]`. The
 * metadata have the set's name, the version of its generator, and the SHA-256 of the three tensors.
 */

import { DataError } from "../errors.js";
import { PackedImages } from "../packed-images.js";
import { MAX_IMAGES, type PackedScenes, pixelsPerImage } from "../scene-set.js";
import { writeFileAtomic } from "./atomic-file.js";
import { type OpenFile, readInParts } from "./read-file.js";
import {
  decodeSafetensorsHead,
  type SafetensorsForm,
  type SafetensorsHead,
  safetensorsHead,
  safetensorsHeadLength,
} from "./safetensors.js";
import { Sha256 } from "./sha256.js";

/** Length of the longest array in Node 20. */
const MAX_FILE_BYTES = 2 ** 32;
/** Bytes of unpacked images that are in memory at a time. */
const SLICE_BYTES = 2 ** 20;

/** The identity of a set: two sets with the same identity have the same images. */
export interface SceneFileIdentity {
  /** Name of the set with all settings that decide its content. */
  readonly content: string;
  /** Version of the generator. */
  readonly version: number;
}

/**
 * Writes a set with its identity. Only a few of its images are unpacked at a time.
 *
 * @throws {FileError} if the file cannot be written
 */
export async function writeSceneFile(
  path: string,
  scenes: PackedScenes,
  { content, version }: SceneFileIdentity,
): Promise<void> {
  const { size, channels, imageSize, maxObjects, counts, boxes } = scenes;
  const hash = new Sha256();
  for (const slice of imageSlices(scenes)) hash.add(slice);
  hash.add(counts);
  hash.add(boxes);
  const { head, order } = safetensorsHead(
    {
      images: { dtype: "U8", shape: [size, channels, imageSize, imageSize] },
      counts: { dtype: "U8", shape: [size] },
      boxes: { dtype: "F32", shape: [size, maxObjects, 4] },
    },
    { content, version: String(version), sha256: hash.hex() },
  );
  return writeFileAtomic(path, sceneChunks(scenes, head, order));
}

function* sceneChunks(scenes: PackedScenes, head: Uint8Array, order: readonly string[]): Iterable<Uint8Array> {
  yield head;
  for (const name of order) {
    if (name === "images") yield* imageSlices(scenes);
    else yield bytesOf(scenes[name as "counts" | "boxes"]);
  }
}

/** The unpacked images, a few at a time, each time in the same memory. */
function* imageSlices(scenes: PackedScenes): Iterable<Uint8Array> {
  const { packed, first, size } = scenes;
  const pixels = pixelsPerImage(scenes);
  const count = imagesInSlice(pixels);
  const slice = new Uint8Array(Math.min(count, size) * pixels);
  for (let start = 0; start < size; start += count) {
    const end = Math.min(start + count, size);
    for (let i = start; i < end; i++) {
      packed.unpack(first + i, slice.subarray((i - start) * pixels, (i - start + 1) * pixels));
    }
    yield slice.subarray(0, (end - start) * pixels);
  }
}

/**
 * Reads the set with this identity. Only a few of its images are unpacked at a time.
 *
 * @throws {FileError} if the file cannot be read, or is larger than any set
 * @throws {DataError | SafetensorsError} naming `path`, if the file is damaged, or has another set or version
 */
export function readSceneFile(path: string, identity: SceneFileIdentity): Promise<PackedScenes> {
  return readInParts(path, { maxBytes: MAX_FILE_BYTES }, async (file) =>
    readScenes(file, await readHead(file, path), identity, path),
  );
}

async function readHead(file: OpenFile, path: string): Promise<SafetensorsHead> {
  const first = new Uint8Array(Math.min(8, file.size));
  await file.read(first, 0);
  const head = new Uint8Array(safetensorsHeadLength(first, file.size, path));
  await file.read(head, 0);
  return decodeSafetensorsHead(head, file.size, path);
}

async function readScenes(
  file: OpenFile,
  { tensors, metadata }: SafetensorsHead,
  { content, version }: SceneFileIdentity,
  path: string,
): Promise<PackedScenes> {
  if (metadata.content !== content || metadata.version !== String(version)) {
    throw new DataError(
      `${path} holds "${metadata.content}" version ${metadata.version}, not "${content}" version ${version}`,
      { file: path },
    );
  }
  const { images, counts, boxes } = tensors;
  const [size, channels, imageSize, width, ...more] = images?.shape ?? [];
  const maxObjects = boxes?.shape[1];
  if (
    !isOf(images, "U8") ||
    !isOf(counts, "U8") ||
    !isOf(boxes, "F32") ||
    size === undefined ||
    !channels ||
    !imageSize ||
    maxObjects === undefined ||
    width !== imageSize ||
    more.length > 0 ||
    counts.shape.join() !== `${size}` ||
    boxes.shape.join() !== `${size},${maxObjects},4`
  ) {
    throw new DataError(`${path} does not have the images, counts and boxes of a scene set`, { file: path });
  }
  if (size > MAX_IMAGES) {
    throw new DataError(`${path} has ${size} images, a set has at most ${MAX_IMAGES}`, { file: path });
  }
  const labels = { counts: new Uint8Array(size), boxes: new Float32Array(size * maxObjects * 4), maxObjects };
  await file.read(labels.counts, counts.begin);
  await file.read(bytesOf(labels.boxes), boxes.begin);
  if (labels.counts.some((count) => count > maxObjects)) {
    throw new DataError(`${path} has more objects in an image than boxes`, { file: path });
  }
  const hash = new Sha256();
  const pixels = pixelsPerImage({ imageSize, channels });
  const packed = await readPacked(file, { begin: images.begin, size, pixels }, (slice) => hash.add(slice));
  hash.add(labels.counts);
  hash.add(labels.boxes);
  const found = hash.hex();
  if (found !== metadata.sha256) {
    throw new DataError(`${path} is damaged: its content has the SHA-256 ${found}, expected ${metadata.sha256}`, {
      file: path,
    });
  }
  return { imageSize, channels, packed, first: 0, ...labels, size };
}

/** Reads and packs `size` images of `pixels` bytes from place `begin` on. `onSlice` is called with all their bytes. */
async function readPacked(
  file: OpenFile,
  { begin, size, pixels }: { readonly begin: number; readonly size: number; readonly pixels: number },
  onSlice: (bytes: Uint8Array) => void,
): Promise<PackedImages> {
  const packed = new PackedImages(pixels, size);
  const count = imagesInSlice(pixels);
  const memory = new Uint8Array(Math.min(count, size) * pixels);
  for (let start = 0; start < size; start += count) {
    const images = Math.min(count, size - start);
    const slice = memory.subarray(0, images * pixels);
    await file.read(slice, begin + start * pixels);
    onSlice(slice);
    for (let i = 0; i < images; i++) packed.add(slice.subarray(i * pixels, (i + 1) * pixels));
  }
  return packed;
}

function imagesInSlice(pixels: number): number {
  return Math.max(1, Math.floor(SLICE_BYTES / pixels));
}

function isOf<Place extends SafetensorsForm, Dtype extends SafetensorsForm["dtype"]>(
  tensor: Place | undefined,
  dtype: Dtype,
): tensor is Place & { readonly dtype: Dtype } {
  return tensor?.dtype === dtype;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
