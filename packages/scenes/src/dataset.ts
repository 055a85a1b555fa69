/**
 * The data sets by name: drawn once and then read from the cache, drawn without end, or read from the user's own files.
 *
 * To add one: its generator in a file of its own, its name and definition here, its settings and preset in the training
 * configuration, and its row in the README.
 */
import { type BroughtImages, holdOut, withoutLabels } from "./brought-images.js";
import { DataError } from "./data-error.js";
import { generateScenes, type SceneGenerator, streamScenes } from "./drawn/generate.js";
import { multiDsprites64, multiDsprites64Form } from "./drawn/multi-dsprites-64.js";
import {
  checkMultiMnist,
  freshMultiMnist,
  generateMultiMnist,
  MULTI_MNIST_VERSION,
  multiMnistKind,
  originalMultiMnist,
} from "./drawn/multi-mnist.js";
import { MULTI_MNIST_64_VERSION, multiMnist64, multiMnist64Form } from "./drawn/multi-mnist-64.js";
import { MULTI_STROKES_VERSION, multiStrokes, multiStrokesForm } from "./drawn/multi-strokes.js";
import { type Cache, cached, defaultCacheDir, openCache, withDownloadFolder } from "./files/cache.js";
import { loadMnistPart, type MnistPart } from "./files/mnist.js";
import { readNpz } from "./files/npz.js";
import { readPngFolder } from "./files/png-folder.js";
import type { SceneFileIdentity } from "./files/scene-file.js";
import type { Reporting } from "./reporting.js";
import { type Dataset, type SceneSet, sliceScenes, type TrainingData } from "./scene-set.js";

/** The first needs no download, so it is the default. */
export const datasetNames = [
  "multi-strokes",
  "multi-mnist",
  "multi-mnist-64",
  "multi-dsprites-64",
  "npz",
  "png-folder",
] as const;
export type DatasetName = (typeof datasetNames)[number];

/**
 * Parts of a data set. `test` is what training evaluates on. `fresh` exists where `test` shares something with `train`:
 * multi-mnist's test images are made of its training digits, the fresh ones are not.
 */
export type Split = "train" | "test" | "fresh";

/** Which images; a data set refuses what it does not take. */
export interface DatasetChoices {
  /** Images to train on. */
  readonly trainSize?: number | undefined;
  /** Images held out for evaluation; of the fresh split too. */
  readonly testSize?: number | undefined;
  /** Which images are drawn, or which of the user's are held out; default 0. */
  readonly seed?: number | undefined;
  /** Side of the drawn images, pixels. */
  readonly imageSize?: number | undefined;
  /** Side of the patch of each object, pixels. */
  readonly patchSize?: number | undefined;
  /** Most objects in a drawn image. */
  readonly maxCount?: number | undefined;
  /** Of the user's NPZ file or folder of PNG files. */
  readonly path?: string | undefined;
  /** Share of the user's images that is held out for evaluation, default 0.1. */
  readonly testFraction?: number | undefined;
}

export interface DatasetOptions extends DatasetChoices, Reporting {
  /** Folder with the MNIST files. Default: the environment's AIR_ONNX_MNIST_DIR, else they are downloaded. */
  readonly mnistDir?: string | undefined;
  /** Default: {@link defaultCacheDir}. */
  readonly cacheDir?: string | undefined;
}

export interface StreamOptions extends Omit<DatasetOptions, "trainSize"> {
  /** Which endless sequence; `seed` is that of the images held out. Default 0. */
  readonly streamSeed?: number | undefined;
}

/** How many images a data set has by default. */
export const datasetSizes = {
  "multi-strokes": { train: 20_000, test: 2_000 },
  "multi-mnist": { train: originalMultiMnist.size - originalMultiMnist.testSize, test: originalMultiMnist.testSize },
  "multi-mnist-64": { train: 50_000, test: 10_000 },
  "multi-dsprites-64": { train: 30_000, test: 5_000 },
} as const;

/** Share of a user's images that is held out by default. */
export const DEFAULT_TEST_FRACTION = 0.1;

type Choice = keyof DatasetChoices;

/** Options with the cache, which is opened at its first use. */
interface Job extends DatasetOptions {
  cache(): Promise<Cache>;
}

function begin(options: DatasetOptions): Job {
  let cache: Promise<Cache> | undefined;
  return {
    ...options,
    cache() {
      cache ??= openCache(options.cacheDir ?? defaultCacheDir(), options);
      return cache;
    },
  };
}

interface Definition {
  readonly takes: readonly Choice[];
  /** The splits that are wanted, and perhaps others. */
  load(wanted: readonly Split[], job: Job): Promise<Partial<Record<Split, SceneSet>>>;
  /** Of training images, for those that can be drawn without end. */
  readonly generator?: (seed: number, job: Job) => Promise<SceneGenerator>;
  /** For the user's own. */
  readonly read?: (path: string, reporting: Reporting) => Promise<BroughtImages>;
}

const definitions: Readonly<Record<DatasetName, Definition>> = {
  "multi-strokes": drawn({
    name: "multi-strokes",
    version: MULTI_STROKES_VERSION,
    form: multiStrokesForm,
    generator: async (seed, options) => multiStrokes(seed, options),
  }),
  "multi-mnist": {
    takes: ["trainSize", "testSize"],
    load: loadMultiMnist,
    generator: async (seed, job) => multiMnistKind(await digits("trainImages", job), seed),
  },
  "multi-mnist-64": drawn({
    name: "multi-mnist-64",
    version: MULTI_MNIST_64_VERSION,
    form: multiMnist64Form,
    generator: async (seed, job, split) =>
      multiMnist64(await digits(split === "train" ? "trainImages" : "testImages", job), seed, job),
  }),
  "multi-dsprites-64": drawn({
    name: "multi-dsprites-64",
    // Not kept: drawn as fast as its 430 MB would be read and checked.
    version: undefined,
    form: multiDsprites64Form,
    generator: async (seed, job) => multiDsprites64(seed, job),
  }),
  npz: brought("npz", readNpz),
  "png-folder": brought("png-folder", readPngFolder),
};

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
  return splitsOf(name, definitionOf(name, options), splits, begin(options));
}

async function splitsOf<S extends Split>(
  name: DatasetName,
  definition: Definition,
  splits: readonly S[],
  job: Job,
): Promise<Record<S, SceneSet>> {
  const loaded = await definition.load(splits, job);
  for (const split of splits) {
    if (!loaded[split]) throw new DataError(`${name} has no ${split} images: its test images are fresh already`);
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
  const definition = definitionOf(name, others);
  if (!definition.generator) throw new DataError(`${name} cannot be streamed: its images are files`);
  const job = begin(others);
  const { test } = await splitsOf(name, definition, ["test"], job);
  // The seeds of training images are even, as in `drawn`.
  return { name, train: streamScenes(await definition.generator(2 * streamSeed, job)), test };
}

/**
 * The user's own images to train on, labelled or not, with labelled ones held out.
 *
 * @throws as {@link loadDataset}
 */
export async function loadOwnImages(name: "npz" | "png-folder", options: DatasetOptions): Promise<TrainingData> {
  const { train, test } = await readBrought(name, definitionOf(name, options).read!, options);
  return { name, train: withoutLabels(train), test };
}

function definitionOf(name: DatasetName, options: DatasetOptions): Definition {
  const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  if (!definition) throw new DataError(`There is no dataset "${name}", only ${datasetNames.join(", ")}`);
  const { takes } = definition;
  for (const choice of allChoices) {
    if (options[choice] !== undefined && !takes.includes(choice)) {
      throw new DataError(`${name} takes no ${choice}, only ${takes.join(", ")}`);
    }
  }
  for (const [what, size] of Object.entries({ trainSize: options.trainSize, testSize: options.testSize })) {
    if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
      throw new DataError(`${what} must be a positive integer, got ${size}`);
    }
  }
  return definition;
}

const allChoices = Object.keys({
  trainSize: true,
  testSize: true,
  seed: true,
  imageSize: true,
  patchSize: true,
  maxCount: true,
  path: true,
  testFraction: true,
} satisfies Record<Choice, true>) as Choice[];

interface DrawnSet {
  readonly name: keyof typeof datasetSizes;
  /** Of the generator; undefined if the images are not kept in the cache. */
  readonly version: number | undefined;
  /** What the options can change, with its defaults. */
  readonly form: Readonly<Partial<Record<"imageSize" | "patchSize" | "maxCount", number>>>;
  generator(seed: number, job: Job, split: "train" | "test"): Promise<SceneGenerator>;
}

/** A set drawn by a generator whose image i is a function of its seed and i. */
function drawn({ name, version, form, generator }: DrawnSet): Definition {
  const keys = Object.keys(form) as (keyof typeof form)[];
  return {
    takes: ["trainSize", "testSize", "seed", ...keys],
    generator: (seed, job) => generator(seed, job, "train"),
    async load(wanted, job) {
      const { seed = 0, trainSize = datasetSizes[name].train, testSize = datasetSizes[name].test } = job;
      const variant = keys
        .filter((key) => (job[key] ?? form[key]) !== form[key])
        .map((key) => `-${key}${job[key]}`)
        .join("");
      const load = async (split: "train" | "test", generatorSeed: number, size: number) => {
        const build = async () => generateScenes(await generator(generatorSeed, job, split), size, job);
        if (version === undefined) return build();
        const content = `${name}${variant}-seed${generatorSeed}-${size}`;
        return cached(await job.cache(), { content, version }, build, job);
      };
      // Even seeds are for training and odd ones for testing, so that no two settings can mix them.
      return {
        ...(wanted.includes("train") && { train: await load("train", 2 * seed, trainSize) }),
        ...(wanted.includes("test") && { test: await load("test", 2 * seed + 1, testSize) }),
      };
    },
  };
}

async function loadMultiMnist(wanted: readonly Split[], job: Job): Promise<Partial<Record<Split, SceneSet>>> {
  const most = datasetSizes["multi-mnist"];
  const { trainSize = most.train, testSize = most.test } = job;
  if (trainSize > most.train || testSize > most.test) {
    throw new DataError(
      `multi-mnist has ${most.train} training and ${most.test} test images, not ${trainSize} and ${testSize}`,
    );
  }
  const cache = await job.cache();
  const load = (
    identity: SceneFileIdentity,
    part: MnistPart,
    expected: typeof originalMultiMnist | typeof freshMultiMnist,
  ) =>
    cached(
      cache,
      identity,
      async () => {
        const { seed, size } = expected;
        const scenes = await generateMultiMnist(await digits(part, job), { ...job, seed, size });
        checkMultiMnist(scenes, expected);
        return scenes;
      },
      job,
    );
  const splits: Partial<Record<Split, SceneSet>> = {};
  if (wanted.includes("train") || wanted.includes("test")) {
    const identity = { content: "multi-mnist", version: MULTI_MNIST_VERSION };
    const scenes = await load(identity, "trainImages", originalMultiMnist);
    splits.train = sliceScenes(scenes, 0, trainSize);
    splits.test = sliceScenes(scenes, most.train, most.train + testSize);
  }
  if (wanted.includes("fresh")) {
    const identity = { content: "multi-mnist-fresh", version: MULTI_MNIST_VERSION };
    splits.fresh = sliceScenes(await load(identity, "testImages", freshMultiMnist), 0, testSize);
  }
  return splits;
}

/** The user's own images, all of them with counts. */
function brought(name: "npz" | "png-folder", read: NonNullable<Definition["read"]>): Definition {
  return {
    takes: ["path", "testFraction", "seed"],
    read,
    async load(wanted, options) {
      const { train, test } = await readBrought(name, read, options);
      if (wanted.includes("train") && train.unlabelled.size > 0) {
        throw new DataError(`${options.path}: the number of objects is not known of ${train.unlabelled.size} images`);
      }
      return { train: train.labelled, test };
    },
  };
}

async function readBrought(name: DatasetName, read: NonNullable<Definition["read"]>, options: DatasetOptions) {
  const { path, testFraction = DEFAULT_TEST_FRACTION, seed = 0 } = options;
  if (path === undefined) throw new DataError(`${name} needs the path of ${name === "npz" ? "a file" : "a folder"}`);
  return holdOut(await read(path, options), { testFraction, seed }, path);
}

/** MNIST digits, `[M, 28, 28]`. */
async function digits(part: MnistPart, job: Job): Promise<Uint8Array> {
  const { mnistDir, onProgress, onNotice, signal } = job;
  return withDownloadFolder(await job.cache(), (cacheDir) =>
    loadMnistPart(part, {
      mnistDir: mnistDir ?? (process.env.AIR_ONNX_MNIST_DIR || undefined),
      cacheDir,
      onProgress,
      onNotice,
      signal,
    }),
  );
}
