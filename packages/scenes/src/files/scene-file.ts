/**
 * Scene sets as safetensors files: `images` U8 `[N, C, S, S]`, `counts` U8 `[N]`, `boxes` F32 `[N, maxObjects, 4]`. The
 * metadata have the set's name, the version of its generator, and the SHA-256 of the three tensors.
 */

import { DataError } from "../errors.js";
import type { SceneSet } from "../scene-set.js";
import { writeFileAtomic } from "./atomic-file.js";
import { readWholeFile } from "./read-file.js";
import { decodeSafetensors, safetensorsChunks } from "./safetensors.js";
import { sha256 } from "./sha256.js";

/** Length of the longest array in Node 20. */
const MAX_FILE_BYTES = 2 ** 32;

/** The identity of a set: two sets with the same identity have the same images. */
export interface SceneFileIdentity {
  /** Name of the set with all settings that decide its content. */
  readonly content: string;
  /** Version of the generator. */
  readonly version: number;
}

/**
 * Writes a set with its identity.
 *
 * @throws {FileError} if the file cannot be written
 */
export function writeSceneFile(path: string, scenes: SceneSet, { content, version }: SceneFileIdentity): Promise<void> {
  const { size, channels, imageSize, maxObjects, images, counts, boxes } = scenes;
  const chunks = safetensorsChunks(
    {
      images: { dtype: "U8", shape: [size, channels, imageSize, imageSize], data: images },
      counts: { dtype: "U8", shape: [size], data: counts },
      boxes: { dtype: "F32", shape: [size, maxObjects, 4], data: boxes },
    },
    { content, version: String(version), sha256: digest(scenes) },
  );
  return writeFileAtomic(path, chunks);
}

/**
 * Reads the set with this identity.
 *
 * @throws {FileError} if the file cannot be read, or is larger than any set
 * @throws {DataError | SafetensorsError} naming `path`, if the file is damaged, or has another set or version
 */
export async function readSceneFile(path: string, { content, version }: SceneFileIdentity): Promise<SceneSet> {
  const bytes = await readWholeFile(path, { maxBytes: MAX_FILE_BYTES });
  const { tensors, metadata } = decodeSafetensors(bytes, path);
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
    images?.dtype !== "U8" ||
    counts?.dtype !== "U8" ||
    boxes?.dtype !== "F32" ||
    size === undefined ||
    channels === undefined ||
    imageSize === undefined ||
    maxObjects === undefined ||
    width !== imageSize ||
    more.length > 0 ||
    counts.shape.join() !== `${size}` ||
    boxes.shape.join() !== `${size},${maxObjects},4`
  ) {
    throw new DataError(`${path} does not have the images, counts and boxes of a scene set`, { file: path });
  }
  if (counts.data.some((count) => count > maxObjects)) {
    throw new DataError(`${path} has more objects in an image than boxes`, { file: path });
  }
  const scenes = { imageSize, channels, images: images.data, counts: counts.data, boxes: boxes.data, maxObjects, size };
  const found = digest(scenes);
  if (found !== metadata.sha256) {
    throw new DataError(`${path} is damaged: its content has the SHA-256 ${found}, expected ${metadata.sha256}`, {
      file: path,
    });
  }
  return scenes;
}

function digest({ images, counts, boxes }: SceneSet): string {
  return sha256(images, counts, boxes);
}
