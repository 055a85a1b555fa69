/**
 * The data sets by name: drawn once and then read from the cache, drawn without end, or read from the user's own files.
 *
 * To add one that is drawn: its generator and definition in a file of its own, and a line in drawn/drawn-sets.ts.
 */
import { type BroughtImages, holdOut, withoutLabels } from "./brought-images.js";
import type { DrawnForm, DrawnMaterial, PublishedSet, PublishedWhole, SeededSet, Split } from "./drawn/drawn-set.js";
import { generateScenes, streamScenes } from "./drawn/generate.js";
import { type DrawnSet, type DrawnSettingKey, drawnSet, drawnSettings, formOf } from "./drawn/registry.js";
import { DataError } from "./errors.js";
import type { BroughtSet } from "./files/brought-sets.js";
import { type Cache, cached, openCache, withDownloadFolder } from "./files/cache.js";
import { defaultCacheDir, environmentMnistDir } from "./files/environment.js";
import { loadMnistPart } from "./files/mnist.js";
import { readingFile } from "./files/read-file.js";
import { type BroughtName, broughtSet, type DatasetName, datasetNames, MAX_DATA_SEED } from "./registry.js";
import type { Reporting } from "./reporting.js";
import { type Dataset, type SceneSet, sliceScenes, type TrainingData } from "./scene-set.js";

/** Which images; a data set refuses what it does not take. Beside these, each drawn set takes settings of its own. */
export interface DatasetChoices extends Readonly<Partial<Record<DrawnSettingKey, number | undefined>>> {
  /** Images to train on. */
  readonly trainSize?: number | undefined;
  /** Images held out for evaluation; of the fresh split too. */
  readonly testSize?: number | undefined;
  /** Which images are drawn, or which of the user's are held out; default 0. */
  readonly seed?: number | undefined;
  /** Side of the drawn images, pixels. */
  readonly imageSize?: number | undefined;
  /** Of the user's NPZ file or folder of PNG files. */
  readonly path?: string | undefined;
  /** Share of the user's images that is held out for evaluation, default 0.1. */
  readonly testFraction?: number | undefined;
}

/** Where data come from and are kept. */
export interface DataPlaces {
  /** Folder with the MNIST files. Default: the environment's AIR_ONNX_MNIST_DIR, else they are downloaded. */
  readonly mnistDir?: string | undefined;
  /** Default: {@link defaultCacheDir}. */
  readonly cacheDir?: string | undefined;
}

/** Where data come from and are kept, and who is told of loading them. */
export interface DataAccess extends DataPlaces, Reporting {}

export interface DatasetOptions extends DatasetChoices, DataAccess {}

export interface StreamOptions extends Omit<DatasetOptions, "trainSize"> {
  /** Which endless sequence; `seed` is that of the images held out. Default 0. */
  readonly streamSeed?: number | undefined;
}

/** Share of a user's images that is held out by default. */
export const DEFAULT_TEST_FRACTION = 0.1;

/** Options with what the environment says, the cache, which is opened at its first use, and the MNIST digits. */
interface Job extends DatasetOptions, DrawnMaterial {
  cache(): Promise<Cache>;
}

function begin(options: DatasetOptions): Job {
  let opened: Promise<Cache> | undefined;
  const cache = () => {
    opened ??= openCache(options.cacheDir ?? defaultCacheDir(), options);
    return opened;
  };
  const { mnistDir = environmentMnistDir(), onProgress, onNotice, signal } = options;
  const digits = async (part: "train" | "test") =>
    withDownloadFolder(await cache(), (cacheDir) =>
      loadMnistPart(`${part}Images`, { mnistDir, cacheDir, onProgress, onNotice, signal }),
    );
  return { ...options, cache, digits };
}

/**
 * Loads a data set, from the cache if it is there and intact, else by building it and putting it there. A cache that
 * cannot be used is a notice, not an error.
 *
 * @throws {DataError} for an unknown name, options that the set does not take or cannot have, or data that cannot be had
 * @throws {FileError} if a file of the user's cannot be read
 * @throws the signal's reason when aborted
 */
export async function loadDataset(name: DatasetName, options: DatasetOptions = {}): Promise<Dataset> {
  return { name, ...(await loadSplits(name, ["train", "test"], options)) };
}

/**
 * Only some parts of a data set, as {@link loadDataset} has them.
 *
 * @throws as {@link loadDataset}; and {DataError} if the data set has no such part
 */
export async function loadSplits<S extends Split>(
  name: DatasetName,
  splits: readonly S[],
  options: DatasetOptions = {},
): Promise<Record<S, SceneSet>> {
  return splitsOf(setNamed(name, options), splits, begin(options));
}

async function splitsOf<S extends Split>(
  set: DrawnSet | BroughtSet,
  splits: readonly S[],
  job: Job,
): Promise<Record<S, SceneSet>> {
  const loaded = await load(set, splits, job);
  for (const split of splits) {
    if (!loaded[split]) {
      throw new DataError(`${set.name} has no ${split} images: its test images are fresh already`, { kind: "missing" });
    }
  }
  return loaded as Record<S, SceneSet>;
}

/**
 * A data set whose training images never repeat, each drawn when it is asked for; those held out are the fixed set's.
 * Of multi-mnist the stream has the kind, not the images, of the published set.
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
 * The user's own images to train on, labelled or not, with labelled ones held out.
 *
 * @throws as {@link loadDataset}
 */
export async function loadOwnImages(name: BroughtName, options: DatasetOptions): Promise<TrainingData> {
  const set = setNamed(name, options);
  if (!("read" in set)) throw new DataError(`The images of ${name} are no user's own`, { kind: "option" });
  const { train, test } = await readBrought(set, options);
  return { name, train: withoutLabels(train), test };
}

/** The set, if it takes these options. */
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
} satisfies Record<Choice, true>) as Choice[];

function choicesTaken(set: DrawnSet | BroughtSet): readonly string[] {
  if ("read" in set) return ["path", "testFraction", "seed"];
  return ["trainSize", "testSize", ...(set.published ? [] : ["seed"]), ...formKeys(set)];
}

/** What of the form of its images can be chosen. */
function formKeys(set: DrawnSet): string[] {
  return [...(set.anySide ? ["imageSize"] : []), ...Object.keys(set.settings)];
}

/** The splits that are wanted, and perhaps others. */
function load(
  set: DrawnSet | BroughtSet,
  wanted: readonly Split[],
  job: Job,
): Promise<Partial<Record<Split, SceneSet>>> {
  if ("read" in set) return loadBrought(set, wanted, job);
  return set.published ? loadPublished(set, wanted, job) : loadSeeded(set, wanted, job);
}

async function loadSeeded(
  set: SeededSet & DrawnSet,
  wanted: readonly Split[],
  job: Job,
): Promise<Partial<Record<Split, SceneSet>>> {
  const { name, version, sizes } = set;
  const { seed = 0, trainSize = sizes.train, testSize = sizes.test } = job;
  const [form, usual] = [formOf(set, { ...job }), formOf(set, {})];
  const variant = variantOf(formKeys(set), form, usual);
  const loadSplit = async (split: "train" | "test", generatorSeed: number, size: number) => {
    const build = async () => generateScenes(await set.generator(generatorSeed, form, job, split), size, job);
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

/** What of a form is not as usual, for the name of a file in the cache. */
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
): Promise<Partial<Record<Split, SceneSet>>> {
  const { trainSize = sizes.train, testSize = sizes.test } = job;
  const cache = await job.cache();
  const wholes = new Map<PublishedWhole, SceneSet>();
  const splits: Partial<Record<Split, SceneSet>> = {};
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

/** The user's own images, all of them with counts. */
async function loadBrought(
  set: BroughtSet,
  wanted: readonly Split[],
  options: DatasetOptions,
): Promise<Partial<Record<Split, SceneSet>>> {
  const { train, test } = await readBrought(set, options);
  if (wanted.includes("train") && train.unlabelled.size > 0) {
    const { path } = options;
    throw new DataError(`${path}: the number of objects is not known of ${train.unlabelled.size} images`, {
      file: path,
    });
  }
  return { train: train.labelled, test };
}

async function readBrought(
  { name, place, read }: BroughtSet,
  options: DatasetOptions,
): Promise<{ readonly train: BroughtImages; readonly test: SceneSet }> {
  const { path, testFraction = DEFAULT_TEST_FRACTION, seed = 0 } = options;
  if (path === undefined) throw new DataError(`${name} needs the path of ${place}`, { kind: "option", key: "path" });
  const images = await readingFile(path, () => read(path, options));
  return holdOut(images, { testFraction, seed }, path);
}
