/**
 * Loads data sets by name: drawn once and then read from the cache, drawn without end, or read from the user's own files.
 *
 * To add a drawn data set, write its generator and definition in a file of its own and add a line to drawn/drawn-sets.ts.
 */
import { holdOut } from "./brought-images.js";
import type { DrawnForm, DrawnMaterial, PublishedSet, PublishedWhole, SeededSet, Split } from "./drawn/drawn-set.js";
import { drawTruth, generatePacked, type ObjectTruth, streamScenes } from "./drawn/generate.js";
import { type DrawnSet, type DrawnSettingKey, drawnSet, drawnSettings, formOf } from "./drawn/registry.js";
import { DataError } from "./errors.js";
import type { BroughtSet } from "./files/brought-sets.js";
import { type Cache, cached, openCache, withDownloadFolder } from "./files/cache.js";
import { defaultCacheDir, environmentMnistDir } from "./files/environment.js";
import type { FolderFit } from "./files/fit-images.js";
import { loadMnistPart } from "./files/mnist.js";
import type { NpzKeys } from "./files/npz.js";
import { readingFile } from "./files/read-file.js";
import { broughtSet, type DatasetName, datasetNames, MAX_DATA_SEED } from "./registry.js";
import type { Reporting } from "./reporting.js";
import {
  type Dataset,
  type LabelledImages,
  type PackedScenes,
  type SceneSet,
  sliceScenes,
  type TrainingData,
  unpackScenes,
} from "./scene-set.js";

/**
 * The choice of images. A data set refuses options that it does not take. Beside the members below, each drawn set takes
 * its own settings, such as `maxCount`.
 */
export interface DatasetChoices
  extends NpzKeys,
    FolderFit,
    Readonly<Partial<Record<DrawnSettingKey, number | undefined>>> {
  /** Number of images to train on. */
  readonly trainSize?: number | undefined;
  /** Number of images held out for evaluation; also the size of the fresh split. */
  readonly testSize?: number | undefined;
  /** Seed of the drawn images, or of the choice of the user's images to hold out. Default 0. */
  readonly seed?: number | undefined;
  /** Side of the drawn images, pixels. */
  readonly imageSize?: number | undefined;
  /** Path of the user's NPZ file or folder of images. */
  readonly path?: string | undefined;
  /** Share of the user's images that is held out for evaluation, default 0.1. */
  readonly testFraction?: number | undefined;
}

/** The folders that data come from and are kept in. */
export interface DataPlaces {
  /** Folder with the MNIST files. Default: the environment's AIR_ONNX_MNIST_DIR; without it they are downloaded. */
  readonly mnistDir?: string | undefined;
  /** Folder where built and downloaded data sets are kept. Default: {@link defaultCacheDir}. */
  readonly cacheDir?: string | undefined;
}

/** The folders of the data, and the listeners to the work on them. */
export interface DataAccess extends DataPlaces, Reporting {}

/** The choice of images, the folders of the data, and the listeners to the work on them. */
export interface DatasetOptions extends DatasetChoices, DataAccess {}

/** The options of {@link streamDataset}. `seed` is the seed of the held-out images. */
export interface StreamOptions extends Omit<DatasetOptions, "trainSize"> {
  /** Seed of the endless sequence of training images. Default 0. */
  readonly streamSeed?: number | undefined;
}

/** Share of a user's images that is held out by default. */
export const DEFAULT_TEST_FRACTION = 0.1;

/** The options, completed from the environment, with the cache (opened at its first use) and the MNIST digits. */
interface Job extends DatasetOptions, DrawnMaterial {
  cache(): Promise<Cache>;
}

function begin(options: DatasetOptions): Job {
  let opened: Promise<Cache> | undefined;
  const cache = () => {
    opened ??= openCache(options.cacheDir ?? defaultCacheDir(), options);
    return opened;
  };
  const digits = async (part: "train" | "test") =>
    withDownloadFolder(await cache(), (cacheDir) => loadMnistPart(`${part}Images`, { ...placesOf(options), cacheDir }));
  return { ...options, cache, digits };
}

function placesOf({ mnistDir = environmentMnistDir(), onProgress, onNotice, signal }: DatasetOptions) {
  return { mnistDir, onProgress, onNotice, signal };
}

/**
 * Loads a data set. It is read from the cache if it is there and intact, else built and put there. A cache that cannot be
 * used is a notice, not an error.
 *
 * @throws {DataError} for an unknown name, an option that the set does not take or that is out of range, or data that
 *   cannot be read, downloaded or drawn
 * @throws {FileError} if one of the user's files cannot be read
 * @throws the signal's reason when aborted
 */
export async function loadDataset(name: DatasetName, options: DatasetOptions = {}): Promise<Dataset> {
  return { name, ...(await loadSplits(name, ["train", "test"], options)) };
}

/**
 * Loads only some parts of a data set, the same images as {@link loadDataset}.
 *
 * @throws as {@link loadDataset}; and {DataError} if the data set has no such part
 */
export async function loadSplits<S extends Split>(
  name: DatasetName,
  splits: readonly S[],
  options: DatasetOptions = {},
): Promise<Record<S, SceneSet>> {
  const loaded = await splitsOf(setNamed(name, options), splits, begin(options));
  return Object.fromEntries(splits.map((split) => [split, unpackScenes(loaded[split])])) as Record<S, SceneSet>;
}

/**
 * Loads the images of a drawn data set for training, packed: without their black areas they take a tenth of the memory.
 *
 * @throws as {@link loadDataset}
 */
export async function loadPacked(name: DatasetName, options: DatasetOptions = {}): Promise<TrainingData> {
  return { name, ...(await splitsOf(setNamed(name, options), ["train", "test"], begin(options))) };
}

async function splitsOf<S extends Split>(
  set: DrawnSet | BroughtSet,
  splits: readonly S[],
  job: Job,
): Promise<Record<S, LabelledImages>> {
  const loaded = await load(set, splits, job);
  for (const split of splits) {
    if (!loaded[split]) throw noSplit(set.name, split);
  }
  return loaded as Record<S, LabelledImages>;
}

function noSplit(name: string, split: Split): DataError {
  return new DataError(`${name} has no ${split} images: its test images are fresh already`, { kind: "missing" });
}

/**
 * Loads a data set whose training images never repeat: each is drawn when it is asked for. The held-out images are those
 * of the fixed set. The stream of multi-mnist draws images by the recipe of the published set, but not its images.
 *
 * @throws as {@link loadDataset}; and {DataError} if the data set cannot be drawn
 */
export async function streamDataset(name: DatasetName, options: StreamOptions = {}): Promise<TrainingData> {
  const { streamSeed = 0, ...others } = options;
  const set = setNamed(name, others);
  checkSeed("streamSeed", streamSeed);
  if ("read" in set)
    throw new DataError(`${name} cannot be streamed: its images are files`, { kind: "option", key: "stream" });
  const job = begin(others);
  const { test } = await splitsOf(set, ["test"], job);
  // The seeds of training images are even, as in `loadSeeded`.
  return {
    name,
    train: streamScenes(await set.generator(2 * streamSeed, formOf(set, { ...job }), job, "train")),
    test,
  };
}

/**
 * Draws the images of a split again for the truth about their objects: which pixels each inks, and of what kind it is.
 *
 * @param images number of images, the first ones of the split; all by default
 * @returns undefined for a user's own images, of whose objects nothing else is known
 * @throws as {@link loadSplits}
 */
export async function loadObjectTruth(
  name: DatasetName,
  split: Split,
  { images, ...options }: DatasetOptions & { readonly images?: number | undefined } = {},
): Promise<ObjectTruth | undefined> {
  const set = setNamed(name, options);
  if ("read" in set) return undefined;
  const job = begin(options);
  const labels = async (part: "train" | "test") =>
    withDownloadFolder(await job.cache(), (cacheDir) =>
      loadMnistPart(`${part}Labels`, { ...placesOf(options), cacheDir }),
    );
  const material = { digits: job.digits, labels };
  const { seed = 0, trainSize = set.sizes.train, testSize = set.sizes.test } = job;
  const whole = split === "train" ? trainSize : testSize;
  const size = Math.min(images ?? whole, whole);
  if (set.published) {
    const part = set.published[split];
    if (!part) throw noSplit(name, split);
    const range = { start: part.start, end: part.start + size, inOrder: true };
    return drawTruth(await part.whole.generator(material), range, job);
  }
  if (split === "fresh") throw noSplit(name, split);
  const generatorSeed = split === "train" ? 2 * seed : 2 * seed + 1;
  const generator = await set.generator(generatorSeed, formOf(set, { ...job }), material, split);
  return drawTruth(generator, { start: 0, end: size, inOrder: false }, job);
}

/** The data set called `name`, once all of `options` are found to be valid for it. */
function setNamed(name: string, options: DatasetOptions): DrawnSet | BroughtSet {
  const set = drawnSet(name) ?? broughtSet(name);
  if (!set) {
    throw new DataError(`There is no dataset "${name}", only ${datasetNames.join(", ")}`, {
      kind: "missing",
      key: "dataset",
    });
  }
  const fail = (key: string, reason: string): never => {
    throw new DataError(reason, { kind: "option", key });
  };
  const takes = choicesTaken(set);
  for (const choice of allChoices) {
    if (options[choice] !== undefined && !takes.includes(choice)) {
      fail(choice, `${name} takes no ${choice}, only ${takes.join(", ")}`);
    }
  }
  const { trainSize, testSize } = options;
  for (const [what, size] of Object.entries({ trainSize, testSize })) {
    if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
      fail(what, `${what} must be a positive integer, got ${size}`);
    }
  }
  checkSeed("seed", options.seed);
  if ("read" in set) return set;
  for (const [key, reason] of set.conflicts?.(formOf(set, { ...options })) ?? []) fail(key, `${key} ${reason}`);
  if (set.published) {
    for (const [part, size] of Object.entries({ train: trainSize, test: testSize })) {
      const { train, test } = set.sizes;
      const given = `${trainSize ?? train} and ${testSize ?? test}`;
      if (size !== undefined && size > set.sizes[part as "train" | "test"]) {
        fail(`${part}Size`, `${name} has ${train} training and ${test} test images, not ${given}`);
      }
    }
  }
  return set;
}

function checkSeed(key: string, seed = 0): void {
  if (Number.isInteger(seed) && seed >= 0 && seed <= MAX_DATA_SEED) return;
  throw new DataError(`${key} must be an integer from 0 to ${MAX_DATA_SEED} (2^52 - 1), got ${seed}`, {
    kind: "option",
    key,
  });
}

type Choice = keyof DatasetChoices;

const settingKeys = Object.keys(drawnSettings) as DrawnSettingKey[];
const allChoices: readonly Choice[] = Object.keys({
  trainSize: true,
  testSize: true,
  seed: true,
  imageSize: true,
  ...(Object.fromEntries(settingKeys.map((key) => [key, true])) as Record<DrawnSettingKey, true>),
  path: true,
  testFraction: true,
  imagesKey: true,
  countsKey: true,
  fit: true,
  fitSize: true,
  fitScale: true,
} satisfies Record<Choice, true>) as Choice[];

function choicesTaken(set: DrawnSet | BroughtSet): readonly string[] {
  if ("read" in set) return ["path", "testFraction", "seed", ...set.options];
  return ["trainSize", "testSize", ...(set.published ? [] : ["seed"]), ...formKeys(set)];
}

/** The settings that decide the form of the set's images. */
function formKeys(set: DrawnSet): string[] {
  return [...(set.anySide ? ["imageSize"] : []), ...Object.keys(set.settings)];
}

/** Loads the wanted splits, and perhaps others. */
function load(
  set: DrawnSet | BroughtSet,
  wanted: readonly Split[],
  job: Job,
): Promise<Partial<Record<Split, LabelledImages>>> {
  if ("read" in set) return loadBrought(set, job);
  return set.published ? loadPublished(set, wanted, job) : loadSeeded(set, wanted, job);
}

async function loadSeeded(
  set: SeededSet & DrawnSet,
  wanted: readonly Split[],
  job: Job,
): Promise<Partial<Record<Split, PackedScenes>>> {
  const { name, version, sizes } = set;
  const { seed = 0, trainSize = sizes.train, testSize = sizes.test } = job;
  const [form, usual] = [formOf(set, { ...job }), formOf(set, {})];
  const variant = variantOf(formKeys(set), form, usual);
  const loadSplit = async (split: "train" | "test", generatorSeed: number, size: number) => {
    const build = async () => generatePacked(await set.generator(generatorSeed, form, job, split), size, job);
    if (version === undefined) return build();
    return cached(
      await job.cache(),
      { content: `${name}${variant}-seed${generatorSeed}-${size}`, version },
      build,
      job,
    );
  };
  // Even seeds are for training and odd ones for testing, so that no two settings can mix them.
  return {
    ...(wanted.includes("train") && { train: await loadSplit("train", 2 * seed, trainSize) }),
    ...(wanted.includes("test") && { test: await loadSplit("test", 2 * seed + 1, testSize) }),
  };
}

/** The settings of a form that differ from the defaults, as a part of the name of its file in the cache. */
function variantOf(keys: readonly string[], form: DrawnForm, usual: DrawnForm): string {
  return keys
    .filter((key) => form[key] !== usual[key])
    .map((key) => `-${key}${form[key]}`)
    .join("");
}

async function loadPublished(
  { sizes, version, published }: PublishedSet,
  wanted: readonly Split[],
  job: Job,
): Promise<Partial<Record<Split, PackedScenes>>> {
  const { trainSize = sizes.train, testSize = sizes.test } = job;
  const cache = await job.cache();
  const wholes = new Map<PublishedWhole, PackedScenes>();
  const splits: Partial<Record<Split, PackedScenes>> = {};
  for (const split of wanted) {
    const part = published[split];
    if (!part) continue;
    const { whole, start } = part;
    const { content } = whole;
    const scenes = wholes.get(whole) ?? (await cached(cache, { content, version }, () => whole.draw(job, job), job));
    wholes.set(whole, scenes);
    splits[split] = sliceScenes(scenes, start, start + (split === "train" ? trainSize : testSize));
  }
  return splits;
}

/** Reads the user's own images and splits them. */
async function loadBrought(
  { name, place, read }: BroughtSet,
  options: DatasetOptions,
): Promise<Record<"train" | "test", SceneSet>> {
  const { path, testFraction = DEFAULT_TEST_FRACTION, seed = 0 } = options;
  if (path === undefined) throw new DataError(`${name} needs the path of ${place}`, { kind: "option", key: "path" });
  const images = await readingFile(path, () => read(path, options));
  return holdOut(images, { testFraction, seed }, path);
}
