/**
 * The data sets by name: built once, then read from the cache.
 *
 * To add one: its generator in a file of its own, its name and builder here, and its row in the README.
 */
import { access, constants, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { FileError, reasonInWords, removeStaleTemporaries } from "../atomic-file.js";
import { SafetensorsError } from "../safetensors.js";
import { DataError } from "./data-error.js";
import { loadMnistPart } from "./mnist.js";
import { checkOriginalMultiMnist, generateMultiMnist, MULTI_MNIST_VERSION, originalMultiMnist } from "./multi-mnist.js";
import { generateMultiStrokes, MULTI_STROKES_VERSION } from "./multi-strokes.js";
import type { Reporting } from "./reporting.js";
import { readSceneFile, type SceneFileIdentity, writeSceneFile } from "./scene-file.js";
import { type Dataset, type SceneSet, sliceScenes } from "./scene-set.js";

/** The first needs no download, so it is the default. */
export const datasetNames = ["multi-strokes", "multi-mnist"] as const;
export type DatasetName = (typeof datasetNames)[number];

export interface DatasetOptions extends Reporting {
  /** Folder with the MNIST files. Default: the environment's AIR_ONNX_MNIST_DIR, else they are downloaded. */
  readonly mnistDir?: string | undefined;
  /** Default: {@link defaultCacheDir}. */
  readonly cacheDir?: string | undefined;
  /** Training images; by default 20,000 of multi-strokes, all 50,000 of multi-mnist. */
  readonly trainSize?: number | undefined;
  /** Test images; by default 2,000 of multi-strokes, all 10,000 of multi-mnist. */
  readonly testSize?: number | undefined;
  /** Which multi-strokes images, default 0; multi-mnist is one fixed set, and a seed for it an error. */
  readonly seed?: number | undefined;
}

/** AIR_ONNX_CACHE, else `air-onnx` in XDG_CACHE_HOME, else in `~/.cache`. */
export function defaultCacheDir(): string {
  const { AIR_ONNX_CACHE, XDG_CACHE_HOME } = process.env;
  return AIR_ONNX_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "air-onnx");
}

/**
 * Loads a data set, from the cache if it is there and intact, else by building it and putting it there. A cache that
 * cannot be used is a notice, not an error.
 *
 * @throws {DataError} for an unknown name, sizes or a seed that the set cannot have, or data that cannot be had
 * @throws the signal's reason when aborted
 */
export async function loadDataset(name: DatasetName, options: DatasetOptions = {}): Promise<Dataset> {
  for (const [what, size] of Object.entries({ trainSize: options.trainSize, testSize: options.testSize })) {
    if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
      throw new DataError(`${what} must be a positive integer, got ${size}`);
    }
  }
  switch (name) {
    case "multi-strokes":
      return loadMultiStrokes(await openCache(options), options);
    case "multi-mnist":
      return loadMultiMnist(await openCache(options), options);
    default:
      throw new DataError(`There is no dataset "${name satisfies never}", only ${datasetNames.join(", ")}`);
  }
}

async function loadMultiStrokes(cache: Cache, options: DatasetOptions): Promise<Dataset> {
  const { trainSize = 20_000, testSize = 2_000, seed = 0, onProgress, onNotice, signal } = options;
  const load = (generatorSeed: number, size: number) =>
    cached(
      cache,
      { content: `multi-strokes-seed${generatorSeed}-${size}`, version: MULTI_STROKES_VERSION },
      () => generateMultiStrokes({ seed: generatorSeed, size, onProgress, onNotice, signal }),
      options,
    );
  // Even seeds are for training and odd ones for testing, so that no two settings can mix them.
  return {
    name: "multi-strokes",
    train: await load(2 * seed, trainSize),
    test: await load(2 * seed + 1, testSize),
  };
}

async function loadMultiMnist(cache: Cache, options: DatasetOptions): Promise<Dataset> {
  const { size, testSize: mostTest } = originalMultiMnist;
  const mostTrain = size - mostTest;
  const { trainSize = mostTrain, testSize = mostTest, seed, mnistDir, onProgress, onNotice, signal } = options;
  if (seed !== undefined) throw new DataError("multi-mnist is one fixed set: it takes no seed");
  if (trainSize > mostTrain || testSize > mostTest) {
    throw new DataError(
      `multi-mnist has ${mostTrain} training and ${mostTest} test images, not ${trainSize} and ${testSize}`,
    );
  }
  const build = async () => {
    const reporting = { onProgress, onNotice, signal };
    const digits = await withDownloadFolder(cache, (cacheDir) =>
      loadMnistPart("trainImages", {
        mnistDir: mnistDir ?? (process.env.AIR_ONNX_MNIST_DIR || undefined),
        cacheDir,
        ...reporting,
      }),
    );
    const scenes = await generateMultiMnist(digits, reporting);
    checkOriginalMultiMnist(scenes);
    return scenes;
  };
  const scenes = await cached(cache, { content: "multi-mnist", version: MULTI_MNIST_VERSION }, build, options);
  return {
    name: "multi-mnist",
    train: sliceScenes(scenes, 0, trainSize),
    test: sliceScenes(scenes, mostTrain, mostTrain + testSize),
  };
}

interface Cache {
  readonly folder: string;
  /** A cache that is only readable is still read. */
  readonly writable: boolean;
}

async function openCache({ cacheDir = defaultCacheDir(), onNotice }: DatasetOptions): Promise<Cache> {
  const datasets = join(cacheDir, "datasets");
  try {
    await mkdir(datasets, { recursive: true });
    await access(datasets, constants.W_OK);
  } catch (cause) {
    onNotice?.(
      `Cannot write to the cache folder ${cacheDir}: ${reasonInWords(cause)}; going on without keeping the data`,
    );
    return { folder: cacheDir, writable: false };
  }
  await removeStaleTemporaries(datasets);
  return { folder: cacheDir, writable: true };
}

async function cached(
  cache: Cache,
  identity: SceneFileIdentity,
  build: () => Promise<SceneSet>,
  { onNotice, signal }: Reporting,
): Promise<SceneSet> {
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

/** Without a cache to write to, downloads go to a folder that is gone afterwards. */
async function withDownloadFolder<T>({ folder, writable }: Cache, use: (cacheDir: string) => Promise<T>): Promise<T> {
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
