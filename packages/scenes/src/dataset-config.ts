/**
 * The data set's part of a training configuration: the settings of each data set, their conflicts with the model, and the
 * images they stand for. All of it follows from the definitions of the data sets.
 */
import { basename, resolve } from "node:path";
import type { AirConfig, PictureFit, Preprocessing } from "@air-onnx/core";
import { z } from "zod";
import {
  type DataAccess,
  type DatasetChoices,
  DEFAULT_TEST_FRACTION,
  loadDataset,
  loadPacked,
  streamDataset,
} from "./dataset.js";
import type { DrawnSetting } from "./drawn/drawn-set.js";
import { type DrawnName, type DrawnSet, drawnSet, formOf, type RegisteredSet } from "./drawn/registry.js";
import { preprocessSource } from "./preprocess-scenes.js";
import {
  type BroughtName,
  broughtSet,
  type DatasetName,
  datasetNames,
  isBrought,
  MAX_DATA_SEED,
  sideOf,
} from "./registry.js";
import type { TrainingData } from "./scene-set.js";

const count = z.int().positive();
/** Seed of the drawn images, or of the choice of held-out ones. It is apart from `seed`, so that runs can share images. */
const dataSeed = z.int().nonnegative().max(MAX_DATA_SEED).default(0);

/** The settings of an NPZ file, as zod types. */
export interface NpzShape {
  /** Name of the array of images. */
  readonly imagesKey: z.ZodOptional<z.ZodString>;
  /** Name of the array of counts. */
  readonly countsKey: z.ZodOptional<z.ZodString>;
}

/** The settings of a folder of images, as zod types. */
export interface FolderShape {
  /** How images that are not square, not of one size, or large become images of one size; see `FolderFit`. */
  readonly fit: z.ZodDefault<z.ZodEnum<{ readonly [Fit in PictureFit]: Fit }>>;
  /** Side of the images, pixels; see `FolderFit`. */
  readonly fitSize: z.ZodOptional<z.ZodInt>;
  /** Pixels of the images for one pixel of a picture; see `FolderFit`. */
  readonly fitScale: z.ZodOptional<z.ZodNumber>;
}

/** The settings of the user's own images, as zod types. */
export interface BroughtShape {
  /** Path of the NPZ file, or of the folder of images. */
  readonly path: z.ZodString;
  /** Share of the images that is held out for evaluation. */
  readonly testFraction: z.ZodDefault<z.ZodNumber>;
  /** Seed of the choice of held-out images. */
  readonly dataSeed: z.ZodDefault<z.ZodInt>;
}

const brought: BroughtShape = {
  path: z.string({ error: "must say where your images are" }).min(1),
  testFraction: z.number().gt(0).lt(1).default(DEFAULT_TEST_FRACTION),
  dataSeed,
};

const arrayName = z.string().min(1).optional();
const broughtOptions: NpzShape & FolderShape = {
  imagesKey: arrayName,
  countsKey: arrayName,
  fit: z.enum({ auto: "auto", tiles: "tiles", scale: "scale", exact: "exact" } as const).default("auto"),
  fitSize: z.int().positive().optional(),
  fitScale: z.number().positive().optional(),
};

/** The settings of every drawn data set, as zod types. */
export interface EveryDrawnShape {
  /** Trains on new images without end instead of `trainSize` fixed ones. Image i is a function of the run's `seed` and i. */
  readonly stream: z.ZodDefault<z.ZodBoolean>;
  /** Number of images to train on: drawn for the run, or the first of a published set. */
  readonly trainSize: z.ZodOptional<z.ZodInt>;
  /** Number of images held out for evaluation. */
  readonly testSize: z.ZodDefault<z.ZodInt>;
}

/** The settings of one drawn data set, as zod types. A published set has no `dataSeed`. */
export type DrawnShape<Set extends RegisteredSet> = EveryDrawnShape &
  (Set extends { readonly published: object } ? unknown : { readonly dataSeed: z.ZodDefault<z.ZodInt> }) & {
    readonly [K in keyof Set["settings"]]: z.ZodDefault<z.ZodInt>;
  };

/** The settings of the data set called `D`, as zod types. */
export type DatasetShape<D extends DatasetName> = { readonly dataset: z.ZodLiteral<D> } & (D extends DrawnName
  ? DrawnShape<Extract<RegisteredSet, { readonly name: D }>>
  : BroughtShape & (D extends "npz" ? NpzShape : FolderShape));

/** The settings of every data set, as zod types by the set's name. The side of the images is the model's `imageSize`. */
export type DatasetSettings = {
  readonly [D in DatasetName]: { readonly [K in keyof DatasetShape<D>]: DatasetShape<D>[K] };
};

/** The settings of every data set, from which a training configuration's schema is made. */
export const datasetSettings = Object.fromEntries(
  datasetNames.map((name) => {
    const set = drawnSet(name);
    return [name, { dataset: z.literal(name), ...(set ? drawnShape(set) : broughtShape(name)) }];
  }),
) as unknown as DatasetSettings;

function broughtShape(name: DatasetName): z.ZodRawShape {
  const keys = broughtSet(name)?.options ?? [];
  return { ...brought, ...Object.fromEntries(keys.map((key) => [key, broughtOptions[key]])) };
}

function drawnShape({ published, sizes, settings }: DrawnSet): z.ZodRawShape {
  return {
    stream: z.boolean().default(false),
    trainSize: (published ? count.max(sizes.train) : count).optional(),
    testSize: (published ? count.max(sizes.test) : count).default(sizes.test),
    ...(!published && { dataSeed }),
    ...Object.fromEntries(
      Object.entries<DrawnSetting>(settings).map(([key, { default: usual, least = 1, most }]) => {
        const value = z.int().gte(least);
        return [key, (most === undefined ? value : value.max(most)).default(usual)];
      }),
    ),
  };
}

/** Valid settings of one of the data sets. */
export type DatasetConfig = { [D in DatasetName]: z.output<z.ZodObject<DatasetSettings[D]>> }[DatasetName];
type DrawnConfig = Extract<DatasetConfig, { dataset: DrawnName }>;
type BroughtConfig = Extract<DatasetConfig, { dataset: BroughtName }>;

/** Every setting that contradicts another one or the model, with a message that says what it must be. */
export function datasetConflicts(config: DatasetConfig, model: AirConfig): [key: string, message: string][] {
  // The form of a user's own images is known only once they are read.
  if (isBroughtConfig(config)) return [];
  const conflicts: [string, string][] = [];
  const set = setOf(config);
  if (config.stream && config.trainSize !== undefined) {
    conflicts.push(["trainSize", "must be left out, as a stream has no end"]);
  }
  if (!config.stream && config.trainSize === undefined) {
    conflicts.push(["trainSize", "must be given unless the images are streamed"]);
  }
  if ("maxCount" in config && config.maxCount > model.maxSteps) {
    conflicts.push([
      "maxCount",
      `must not exceed model.maxSteps (${model.maxSteps}), the most objects the model can find; got ${config.maxCount}`,
    ]);
  }
  const mustBe = (key: "imageSize" | "channels"): void => {
    if (model[key] === set[key]) return;
    const reason = `must be ${set[key]}, as in the images of dataset ${set.name}; got ${model[key]}`;
    conflicts.push([`model.${key}`, reason]);
  };
  if (!set.anySide) mustBe("imageSize");
  mustBe("channels");
  for (const [key, message] of set.conflicts?.(formOf(set, { ...config, imageSize: model.imageSize })) ?? []) {
    conflicts.push([key === "imageSize" ? "model.imageSize" : key, message]);
  }
  return conflicts;
}

/** What a run's configuration says about its images. */
export type ImagesConfig = DatasetConfig & {
  readonly seed: number;
  readonly model: AirConfig;
  readonly preprocessing?: Preprocessing | null;
};

/**
 * The images that a run with this configuration trains and evaluates on, preprocessed if it says so. Drawn and preprocessed
 * ones are packed, see {@link PackedScenes}.
 *
 * @throws as {@link loadDataset}
 */
export async function loadTrainingData(config: ImagesConfig, access: DataAccess = {}): Promise<TrainingData> {
  const data = await loadUnprepared(config, access);
  const { preprocessing } = config;
  if (!preprocessing) return data;
  return {
    ...data,
    train: preprocessSource(data.train, preprocessing),
    test: preprocessSource(data.test, preprocessing),
  };
}

async function loadUnprepared(config: ImagesConfig, access: DataAccess): Promise<TrainingData> {
  const options = { ...access, ...heldOutChoices(config) };
  if (isBroughtConfig(config)) return loadDataset(config.dataset, options);
  const { dataset, stream, trainSize, seed } = config;
  return stream
    ? streamDataset(dataset, { ...options, streamSeed: seed })
    : loadPacked(dataset, { ...options, trainSize });
}

/** The options by which {@link loadSplits} loads the held-out images of a run with `config`. */
export function heldOutChoices(config: DatasetConfig & { readonly model: AirConfig }): DatasetChoices {
  if (isBroughtConfig(config)) {
    return {
      path: config.path,
      testFraction: config.testFraction,
      seed: config.dataSeed,
      ...("imagesKey" in config && { imagesKey: config.imagesKey }),
      ...("countsKey" in config && { countsKey: config.countsKey }),
      ...("fit" in config && { fit: config.fit, fitSize: config.fitSize, fitScale: config.fitScale }),
    };
  }
  const { testSize, model } = config;
  const set = setOf(config);
  const { imageSize: _, ...settings } = formOf(set, { ...config });
  return {
    testSize,
    ...("dataSeed" in config && { seed: config.dataSeed }),
    ...settings,
    ...sideOf(set.name, model.imageSize),
  };
}

/**
 * The name of a configuration's images, for runs and models: that of the user's file or folder, else that of the data set. It is of
 * letters, digits, `.`, `-` and `_`.
 */
export function imagesName(config: DatasetConfig): string {
  if (!isBroughtConfig(config)) return config.dataset;
  const name = basename(resolve(config.path)).replace(/\.npz$/i, "");
  return name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-").replaceAll(/^[.-]+|-+$/g, "") || config.dataset;
}

function isBroughtConfig<C extends DatasetConfig>(config: C): config is C & BroughtConfig {
  return isBrought(config.dataset);
}

function setOf({ dataset }: DrawnConfig): DrawnSet {
  const set = drawnSet(dataset);
  if (!set) throw new Error(`${dataset} is not in the list of drawn sets`);
  return set;
}
