/**
 * The part of a training configuration that says which images: the settings of each data set, what they demand of the
 * model, and the images themselves. All of it follows from the sets' definitions.
 */
import type { AirConfig } from "@air-onnx/core";
import { z } from "zod";
import {
  type DataAccess,
  type DatasetChoices,
  DEFAULT_TEST_FRACTION,
  loadDataset,
  loadOwnImages,
  streamDataset,
} from "./dataset.js";
import type { DrawnSetting } from "./drawn/drawn-set.js";
import { type DrawnName, type DrawnSet, drawnSet, formOf, type RegisteredSet } from "./drawn/registry.js";
import { type BroughtName, type DatasetName, datasetNames, isBrought, MAX_DATA_SEED, sideOf } from "./registry.js";
import type { TrainingData } from "./scene-set.js";

const count = z.int().positive();
/** Of the images themselves, or of which are held out: runs with different `seed` can share them. */
const dataSeed = z.int().nonnegative().max(MAX_DATA_SEED).default(0);

const brought = {
  /** Of the NPZ file, or of the folder of PNG files. */
  path: z.string().min(1),
  /** Share of the images that is held out for evaluation. */
  testFraction: z.number().gt(0).lt(1).default(DEFAULT_TEST_FRACTION),
  dataSeed,
};

interface EveryDrawn {
  /**
   * Trains on new images without end instead of `trainSize` fixed ones: each is a function of the run's `seed` and of how
   * many came before it.
   */
  readonly stream: z.ZodDefault<z.ZodBoolean>;
  /** Images to train on: drawn for it, or the first of a published set. */
  readonly trainSize: z.ZodOptional<z.ZodInt>;
  /** Images held out for evaluation, likewise. */
  readonly testSize: z.ZodDefault<z.ZodInt>;
}

type Drawn<Set extends RegisteredSet> = EveryDrawn &
  (Set extends { readonly published: object } ? unknown : { readonly dataSeed: typeof dataSeed }) & {
    readonly [K in keyof Set["settings"]]: z.ZodDefault<z.ZodInt>;
  };

type Shape<D extends DatasetName> = { readonly dataset: z.ZodLiteral<D> } & (D extends DrawnName
  ? Drawn<Extract<RegisteredSet, { readonly name: D }>>
  : typeof brought);

/** The settings of each data set as the shape of an object. Sides of images are the model's `imageSize`. */
export type DatasetSettings = { readonly [D in DatasetName]: { readonly [K in keyof Shape<D>]: Shape<D>[K] } };

export const datasetSettings = Object.fromEntries(
  datasetNames.map((name) => {
    const set = drawnSet(name);
    return [name, { dataset: z.literal(name), ...(set ? drawnShape(set) : brought) }];
  }),
) as unknown as DatasetSettings;

function drawnShape({ published, sizes, settings }: DrawnSet): z.ZodRawShape {
  return {
    stream: z.boolean().default(false),
    trainSize: (published ? count.max(sizes.train) : count).optional(),
    testSize: (published ? count.max(sizes.test) : count).default(sizes.test),
    ...(!published && { dataSeed }),
    ...Object.fromEntries(
      Object.entries<DrawnSetting>(settings).map(([key, { default: usual, most }]) => [
        key,
        (most === undefined ? count : count.max(most)).default(usual),
      ]),
    ),
  };
}

/** What the settings of a data set are once they are valid. */
export type DatasetConfig = { [D in DatasetName]: z.output<z.ZodObject<DatasetSettings[D]>> }[DatasetName];
type DrawnConfig = Extract<DatasetConfig, { dataset: DrawnName }>;
type BroughtConfig = Extract<DatasetConfig, { dataset: BroughtName }>;

/** Each setting that contradicts another or the model, with what it must be. */
export function datasetConflicts(config: DatasetConfig, model: AirConfig): [key: string, message: string][] {
  // What a user's own images are is known once they are read.
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

/**
 * The images that a run with this configuration trains and evaluates on.
 *
 * @throws as {@link loadDataset}
 */
export async function loadTrainingData(
  config: DatasetConfig & { readonly seed: number; readonly model: AirConfig },
  access: DataAccess = {},
): Promise<TrainingData> {
  const options = { ...access, ...heldOutChoices(config) };
  if (isBroughtConfig(config)) return loadOwnImages(config.dataset, options);
  const { dataset, stream, trainSize, seed } = config;
  return stream
    ? streamDataset(dataset, { ...options, streamSeed: seed })
    : loadDataset(dataset, { ...options, trainSize });
}

/** Which images a run with `config` holds out, for {@link loadSplits}. */
export function heldOutChoices(config: DatasetConfig & { readonly model: AirConfig }): DatasetChoices {
  if (isBroughtConfig(config)) {
    return { path: config.path, testFraction: config.testFraction, seed: config.dataSeed };
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

function isBroughtConfig<C extends DatasetConfig>(config: C): config is C & BroughtConfig {
  return isBrought(config.dataset);
}

function setOf({ dataset }: DrawnConfig): DrawnSet {
  const set = drawnSet(dataset);
  if (!set) throw new Error(`${dataset} is not in the list of drawn sets`);
  return set;
}
