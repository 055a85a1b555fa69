/** The cache of data sets in the user's folder: built once, then read. A cache that cannot be used is a notice, not an error. */
import { access, constants, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataError, FileError, SafetensorsError } from "../errors.js";
import type { Reporting } from "../reporting.js";
import type { PackedScenes } from "../scene-set.js";
import { reasonInWords, removeStaleTemporaries } from "./atomic-file.js";
import { readSceneFile, type SceneFileIdentity, writeSceneFile } from "./scene-file.js";

/** A cache folder that was opened. */
export interface Cache {
  /** Path of the folder. */
  readonly folder: string;
  /** Whether files can be written. A cache that can only be read is still read. */
  readonly writable: boolean;
}

/** Opens the cache in `folder`, which is made if needed, and deletes what killed processes left in it. */
export async function openCache(folder: string, { onNotice }: Reporting): Promise<Cache> {
  const datasets = join(folder, "datasets");
  try {
    await mkdir(datasets, { recursive: true });
    await access(datasets, constants.W_OK);
  } catch (cause) {
    onNotice?.(
      `Cannot write to the cache folder ${folder}: ${reasonInWords(cause)}; going on without keeping the data`,
    );
    return { folder, writable: false };
  }
  await removeStaleTemporaries(datasets);
  return { folder, writable: true };
}

/** Reads a set from the cache if it is there and intact; else builds it by `build` and puts it there. */
export async function cached(
  cache: Cache,
  identity: SceneFileIdentity,
  build: () => Promise<PackedScenes>,
  { onNotice, signal }: Reporting,
): Promise<PackedScenes> {
  signal?.throwIfAborted();
  const path = join(cache.folder, "datasets", `${identity.content}.safetensors`);
  if (await exists(path)) {
    try {
      return await readSceneFile(path, identity);
    } catch (cause) {
      if (!(cause instanceof DataError || cause instanceof FileError || cause instanceof SafetensorsError)) throw cause;
      onNotice?.(`${cause.message}; building it again`);
    }
  }
  const scenes = await build();
  if (cache.writable) {
    try {
      await writeSceneFile(path, scenes, identity);
    } catch (cause) {
      if (!(cause instanceof FileError)) throw cause;
      onNotice?.(`${cause.message}; going on without keeping the data`);
    }
  }
  return scenes;
}

/** Calls `use` with a folder for downloads: the cache, or a temporary folder if the cache cannot be written to. */
export async function withDownloadFolder<T>(
  { folder, writable }: Cache,
  use: (cacheDir: string) => Promise<T>,
): Promise<T> {
  if (writable) return use(folder);
  const temporary = await mkdtemp(join(tmpdir(), "air-onnx-"));
  try {
    return await use(temporary);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
