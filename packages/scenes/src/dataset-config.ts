/**
 * The part of a training configuration that says which images: the settings of each data set, what they demand of the
 * model, and the images themselves.
 */
import type { AirConfig } from "@air-onnx/core";
import { z } from "zod";
import {
  type DatasetChoices,
  type DatasetName,
  DEFAULT_TEST_FRACTION,
  datasetSizes,
  loadDataset,
  loadOwnImages,
  streamDataset,
} from "./dataset.js";
import { multiDsprites64Form } from "./drawn/multi-dsprites-64.js";
import { MULTI_MNIST_IMAGE_SIZE } from "./drawn/multi-mnist.js";
import { multiMnist64Form } from "./drawn/multi-mnist-64.js";
import { MULTI_STROKES_MAX_SIDE, multiStrokesForm } from "./drawn/multi-strokes.js";
import { MOST_OBJECTS } from "./drawn/patch-form.js";
import type { Reporting } from "./reporting.js";
import type { TrainingData } from "./scene-set.js";

const count = z.int().positive();
/** Of the images themselves, or of which are held out: runs with different `seed` can share them. */
const dataSeed = z.int().nonnegative().default(0);
const maxCount = count.max(MOST_OBJECTS);

/** Of every set that is drawn. */
const streamable = {
  /**
   * Trains on new images without end instead of `trainSize` fixed ones: each is a function of the run's `seed` and of how
   * many came before it.
   */
  stream: z.boolean().default(false),
};

const own = {
  /** Of the NPZ file, or of the folder of PNG files. */
  path: z.string().min(1),
  /** Share of the images that is held out for evaluation. */
  testFraction: z.number().gt(0).lt(1).default(DEFAULT_TEST_FRACTION),
  dataSeed,
};

const multiMnistSizes = datasetSizes["multi-mnist"];

/** The settings of each data set. Sides of images are the model's `imageSize`. */
export const datasetSettings = {
  "multi-mnist": {
    dataset: z.literal("multi-mnist"),
    ...streamable,
    /** Images to train on, and held out for evaluation: the first of each split of the fixed set. */
    trainSize: count.max(multiMnistSizes.train).optional(),
    testSize: count.max(multiMnistSizes.test).default(multiMnistSizes.test),
  },
  "multi-strokes": {
    dataset: z.literal("multi-strokes"),
    ...streamable,
    /** Images drawn to train on, and held out for evaluation. */
    trainSize: count.optional(),
    testSize: count.default(datasetSizes["multi-strokes"].test),
    dataSeed,
    /** Most digits in an image. */
    maxCount: maxCount.default(multiStrokesForm.maxCount),
  },
  "multi-mnist-64": {
    dataset: z.literal("multi-mnist-64"),
    ...streamable,
    trainSize: count.optional(),
    testSize: count.default(datasetSizes["multi-mnist-64"].test),
    dataSeed,
    maxCount: maxCount.default(multiMnist64Form.maxCount),
    /** Side of the digits, pixels. */
    patchSize: count.default(multiMnist64Form.patchSize),
  },
  "multi-dsprites-64": {
    dataset: z.literal("multi-dsprites-64"),
    ...streamable,
    trainSize: count.optional(),
    testSize: count.default(datasetSizes["multi-dsprites-64"].test),
    dataSeed,
    maxCount: maxCount.default(multiDsprites64Form.maxCount),
    /** Diameter of the largest sprites, pixels. */
    patchSize: count.default(multiDsprites64Form.patchSize),
  },
  npz: { dataset: z.literal("npz"), ...own },
  "png-folder": { dataset: z.literal("png-folder"), ...own },
} as const satisfies { readonly [D in DatasetName]: { readonly dataset: z.ZodLiteral<D> } & z.ZodRawShape };

/** What the settings of a data set are once they are valid. */
export type DatasetConfig = {
  [D in DatasetName]: z.output<z.ZodObject<(typeof datasetSettings)[D]>>;
}[DatasetName];

/** Each setting that contradicts another or the model, with what it must be. */
export function datasetConflicts(config: DatasetConfig, model: AirConfig): [key: string, message: string][] {
  const conflicts: [string, string][] = [];
  const mustBe = (key: "imageSize" | "channels", value: number): void => {
    if (model[key] === value) return;
    const found = model[key];
    conflicts.push([`model.${key}`, `must be ${value}, as in the images of dataset ${config.dataset}; got ${found}`]);
  };
  if ("stream" in config) {
    if (config.stream && config.trainSize !== undefined) {
      conflicts.push(["trainSize", "must be left out, as a stream has no end"]);
    }
    if (!config.stream && config.trainSize === undefined) {
      conflicts.push(["trainSize", "must be given unless the images are streamed"]);
    }
  }
  if ("maxCount" in config && config.maxCount > model.maxSteps) {
    conflicts.push([
      "maxCount",
      `must not exceed model.maxSteps (${model.maxSteps}), the most objects the model can find; got ${config.maxCount}`,
    ]);
  }
  switch (config.dataset) {
    case "multi-mnist":
      mustBe("imageSize", MULTI_MNIST_IMAGE_SIZE);
      mustBe("channels", 1);
      break;
    case "multi-strokes":
      mustBe("channels", 1);
      if (model.imageSize < MULTI_STROKES_MAX_SIDE) {
        conflicts.push([
          "model.imageSize",
          `must be at least ${MULTI_STROKES_MAX_SIDE}, the largest digit of dataset multi-strokes; got ${model.imageSize}`,
        ]);
      }
      break;
    case "multi-mnist-64":
    case "multi-dsprites-64":
      mustBe("channels", config.dataset === "multi-mnist-64" ? 1 : 3);
      if (config.patchSize > model.imageSize) {
        conflicts.push(["patchSize", `must not exceed model.imageSize (${model.imageSize}), got ${config.patchSize}`]);
      }
      break;
    case "npz":
    case "png-folder":
      // What they hold is known once they are read.
      break;
    default:
      config satisfies never;
  }
  return conflicts;
}

/** Where data come from and are kept; see `DatasetOptions`. */
export interface DataPlaces extends Reporting {
  readonly mnistDir?: string | undefined;
  readonly cacheDir?: string | undefined;
}

/**
 * The images that a run with this configuration trains and evaluates on.
 *
 * @throws as {@link loadDataset}
 */
export async function loadTrainingData(
  config: DatasetConfig & { readonly seed: number; readonly model: AirConfig },
  places: DataPlaces = {},
): Promise<TrainingData> {
  const { dataset, model } = config;
  if (dataset === "npz" || dataset === "png-folder") {
    const { path, testFraction, dataSeed } = config;
    return loadOwnImages(dataset, { ...places, path, testFraction, seed: dataSeed });
  }
  const { stream, trainSize, testSize } = config;
  const form =
    dataset === "multi-mnist"
      ? {}
      : {
          seed: config.dataSeed,
          imageSize: model.imageSize,
          maxCount: config.maxCount,
          ...("patchSize" in config && { patchSize: config.patchSize }),
        };
  const options = { ...places, ...form, testSize };
  return stream
    ? streamDataset(dataset, { ...options, streamSeed: config.seed })
    : loadDataset(dataset, { ...options, trainSize });
}

/** Whether the images are the user's own. */
export function isBrought(name: DatasetName): name is "npz" | "png-folder" {
  return name === "npz" || name === "png-folder";
}

/** The side of its images, for a data set that can be drawn in any. */
export function sideOf(name: DatasetName, imageSize: number): Pick<DatasetChoices, "imageSize"> {
  return isBrought(name) || name === "multi-mnist" ? {} : { imageSize };
}

/** Which images a run with `config` holds out, for {@link loadSplits}. */
export function heldOutChoices(config: DatasetConfig & { readonly model: AirConfig }): DatasetChoices {
  switch (config.dataset) {
    case "npz":
    case "png-folder":
      return { path: config.path, testFraction: config.testFraction, seed: config.dataSeed };
    case "multi-mnist":
      return { testSize: config.testSize };
    default:
      return {
        testSize: config.testSize,
        seed: config.dataSeed,
        maxCount: config.maxCount,
        ...sideOf(config.dataset, config.model.imageSize),
        ...("patchSize" in config && { patchSize: config.patchSize }),
      };
  }
}
