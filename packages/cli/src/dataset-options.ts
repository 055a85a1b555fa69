/** The flags that choose a data set, its images and its folders; and functions that load it and show progress. */

import type { PictureFit } from "@air-onnx/core";
import { count, duration } from "@air-onnx/measure/format";
import type {
  DataAccess,
  DataPlaces,
  DataProgress,
  DatasetChoices,
  LabelledImages,
  ObjectTruth,
  SceneSet,
  TrainingData,
} from "@air-onnx/scenes";
import {
  type DatasetName,
  type DrawnSettingKey,
  drawnSettings,
  MAX_DATA_SEED,
  placeVariables,
} from "@air-onnx/scenes/names";
import type { TrainConfig } from "@air-onnx/train";
import { type Command, Option } from "commander";
import { datasetChoices, fitChoices, heldOutSplitChoices } from "./choices.js";
import { UsageError } from "./failures.js";
import { fitScale, flagOfChoice, integerFrom, numberAbove } from "./option-values.js";
import { noticeOnce } from "./output.js";
import { type Progress, showProgress } from "./progress.js";

/** The flags that choose held-out images. A data set refuses flags that it does not take. */
export interface HeldOutFlags extends Readonly<Partial<Record<DrawnSettingKey, number>>> {
  readonly testSize?: number;
  readonly dataSeed?: number;
  readonly data?: string;
  readonly testFraction?: number;
  readonly imagesKey?: string;
  readonly countsKey?: string;
  readonly fit?: PictureFit;
  readonly fitSize?: number;
  readonly fitScale?: number;
}

/** The flags that choose training images and held-out images. */
export interface ImageFlags extends HeldOutFlags {
  readonly trainSize?: number;
  readonly stream?: true;
}

/** The keys of the settings that drawn sets have of their own. Each is a flag. */
export const settingKeys = Object.keys(drawnSettings) as DrawnSettingKey[];

const settingOptions = Object.fromEntries(
  settingKeys.map((key) => [
    key,
    () =>
      new Option(`${flagOfChoice(key)} <n>`, drawnSettings[key].meaning).argParser(
        integerFrom(drawnSettings[key].least ?? 1),
      ),
  ]),
) as Record<DrawnSettingKey, () => Option>;

/** The options of {@link ImageFlags}, by name. */
export const imageOptions = {
  stream: () => new Option("--stream", "train on an endless stream of new images instead of a fixed set"),
  trainSize: () => new Option("--train-size <n>", "number of images to train on").argParser(integerFrom(1)),
  testSize: () => new Option("--test-size <n>", "number of images held out for evaluation").argParser(integerFrom(1)),
  dataSeed: () =>
    new Option("--data-seed <n>", "seed of the drawn images, or of the choice of held-out ones").argParser(
      integerFrom(0, MAX_DATA_SEED),
    ),
  ...settingOptions,
  data: () => new Option("--data <path>", "your own images: an NPZ file, or a folder of PNG, JPEG, WebP or TIFF files"),
  testFraction: () =>
    new Option("--test-fraction <x>", "share of your own images that is held out for evaluation").argParser(
      numberAbove(0, 1),
    ),
  imagesKey: () => new Option("--images-key <name>", "name of the array of images in your NPZ file (default: x)"),
  countsKey: () =>
    new Option(
      "--counts-key <name>",
      "name of the array of counts in your NPZ file, or NAME.ENTRY of a dictionary (default: n_obj)",
    ),
  fit: () =>
    new Option(
      "--fit <how>",
      "how images of your folder become images of one size: auto halves large ones until their objects are at most 32 pixels long, and fits them by tiles; tiles: at their own scale, a larger one in tiles, a smaller one with ground around it; scale: the longer side becomes the images'; exact: other sizes are refused (default: auto)",
    ).choices(fitChoices),
  fitSize: () =>
    new Option("--fit-size <n>", "side of these images, pixels (default: as they are up to 128, else 96)").argParser(
      integerFrom(8, 512),
    ),
  fitScale: () =>
    new Option(
      "--fit-scale <x>",
      "pixels of these images for one pixel of a file, with --fit auto or tiles: below 1 for large objects, above for small ones (default: auto decides, 1 with tiles)",
    ).argParser(fitScale),
} as const satisfies Record<keyof ImageFlags, () => Option>;

/** Adds the flags that name the folders of the data. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option(
      "--mnist-dir <folder>",
      `folder with the MNIST files; without it they are downloaded (env: ${placeVariables.mnistDir})`,
    )
    .option(
      "--cache-dir <folder>",
      `folder where data sets are kept (default: ~/.cache/air-onnx, env: ${placeVariables.cacheDir})`,
    );
}

/** Adds the flags of a command that measures on the held-out images of a data set. */
export function addHeldOutOptions(command: Command): Command {
  addHeldOutSet(command).addOption(
    new Option("--split <name>", "held-out images; fresh, of multi-mnist, shows only digits that training never saw")
      .choices(heldOutSplitChoices)
      .default("test"),
  );
  return addPlaceOptions(command);
}

/** Adds the flags of {@link HeldOutFlags}, and the data set's name. */
export function addHeldOutSet(command: Command): Command {
  const { stream: _, trainSize: __, ...heldOut } = imageOptions;
  command.addOption(
    new Option("--dataset <name>", "data set to measure on (default: the model's own)").choices(datasetChoices),
  );
  for (const option of Object.values(heldOut)) command.addOption(option());
  return command;
}

/** The choice of images that the flags make, as options of the data sets. */
export function choicesOf(flags: ImageFlags): DatasetChoices {
  const { trainSize, testSize, dataSeed, data, testFraction, imagesKey, countsKey, fit, fitSize, fitScale } = flags;
  const settings = Object.fromEntries(settingKeys.map((key) => [key, flags[key]]));
  const choices = {
    trainSize,
    testSize,
    seed: dataSeed,
    ...settings,
    path: data,
    testFraction,
    imagesKey,
    countsKey,
    fit,
    fitSize,
    fitScale,
  };
  // Options that are not given are absent rather than undefined, so that they override none when spread over others.
  return Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined)) as DatasetChoices;
}

/**
 * Checks that `name` is the name of a data set.
 *
 * @param source where the name comes from, for the error
 * @throws {UsageError} if there is no such data set
 */
export function datasetNamed(name: string, source: string): DatasetName {
  const found = datasetChoices.find((choice) => choice === name);
  if (found) return found;
  throw new UsageError(
    `${source} names the dataset "${name}": choose one of ${datasetChoices.join(", ")} by --dataset`,
  );
}

interface LoadOptions {
  readonly signal: AbortSignal;
  readonly quiet?: boolean;
}

/** Loads training and held-out images, and shows progress. Images that are not in the cache are downloaded or built. */
export async function loadData(
  name: DatasetName,
  flags: ImageFlags,
  places: DataPlaces,
  options: LoadOptions,
): Promise<TrainingData> {
  if (flags.stream && flags.trainSize !== undefined) {
    throw new UsageError("--stream and --train-size exclude each other: a stream has no end");
  }
  const { loadDataset, streamDataset } = await import("@air-onnx/scenes");
  const choices = choicesOf(flags);
  return reporting(name, places, options, (context) =>
    flags.stream ? streamDataset(name, { ...choices, ...context }) : loadDataset(name, { ...choices, ...context }),
  );
}

/** Loads the images that a run with `config` trains and evaluates on, and shows progress. */
export async function loadRunData(
  config: TrainConfig,
  places: DataPlaces,
  options: LoadOptions,
): Promise<TrainingData> {
  const { loadTrainingData } = await import("@air-onnx/scenes");
  return reporting(config.dataset, places, options, (context) => loadTrainingData(config, context));
}

/** Loads only held-out images, and shows progress. */
export async function loadHeldOut(
  name: DatasetName,
  choices: DatasetChoices,
  places: DataPlaces,
  { split = "test", ...options }: LoadOptions & { readonly split?: (typeof heldOutSplitChoices)[number] },
): Promise<SceneSet> {
  const { isBrought, loadSplits } = await import("@air-onnx/scenes");
  if (isBrought(name) && choices.path === undefined) {
    throw new UsageError(`The images of dataset ${name} are your own: say where they are by --data`);
  }
  return reporting(name, places, options, async (context) => {
    return (await loadSplits(name, [split], { ...choices, ...context }))[split];
  });
}

/** Draws held-out images again for the truth about their objects, and shows progress; undefined for the user's own images. */
export async function loadTruth(
  name: DatasetName,
  choices: DatasetChoices,
  places: DataPlaces,
  {
    split = "test",
    images,
    ...options
  }: LoadOptions & { readonly split?: (typeof heldOutSplitChoices)[number]; readonly images?: number | undefined },
): Promise<ObjectTruth | undefined> {
  const { loadObjectTruth } = await import("@air-onnx/scenes");
  return reporting(name, places, options, (context) =>
    loadObjectTruth(name, split, { ...choices, images, ...context }),
  );
}

async function reporting<Loaded>(
  label: string,
  places: DataPlaces,
  { signal, quiet = false }: LoadOptions,
  load: (access: DataAccess) => Promise<Loaded>,
): Promise<Loaded> {
  using progress = await showProgress({ label, quiet });
  return await load({ ...dataAccess(places, progress), signal });
}

/** The folders of the data, with listeners that show loading through `progress`. */
export function dataAccess({ mnistDir, cacheDir }: DataPlaces, progress: Progress): DataAccess {
  return {
    // An empty flag, as a shell script may leave it, counts as not given.
    mnistDir: mnistDir || undefined,
    cacheDir: cacheDir || undefined,
    onNotice: (line) => noticeOnce(line.replace("[fit, fitScale, fitSize]", "[--fit, --fit-scale, --fit-size]")),
    onProgress: (report: DataProgress) => progress.update(...describe(report)),
  };
}

function describe(progress: DataProgress): [done: number, total: number | undefined, detail: string] {
  if (progress.phase === "generate") {
    return [progress.done, progress.total, `drew ${count(progress.done)} of ${count(progress.total)} images`];
  }
  const { receivedBytes, totalBytes, file } = progress;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const total = totalBytes === undefined ? "" : ` of ${megabytes(totalBytes)}`;
  return [receivedBytes, totalBytes, `downloaded ${megabytes(receivedBytes)}${total} MB of ${file}`];
}

/** The line about loaded data: `multi-strokes: 20,000 images to train on, 2,000 held out, ready in 3 s`. */
export function loadedLine({ name, train, test }: TrainingData, seconds: number): string {
  return `${name}: ${sizeInWords(train.size)} images to train on, ${count(test.size)} held out${knownCounts(test)}, ready in ${duration(seconds)}`;
}

/** What cannot be measured on the held-out images, in words; empty if all their counts are known. */
function knownCounts({ counts: { length: known }, size }: LabelledImages): string {
  if (known === size) return "";
  return known === 0
    ? " without counts (evaluations are the bound, reconstructions and pictures)"
    : ` (counts are measured on the ${count(known)} whose count is known)`;
}

/** The number of images of a set in words; `endless` for a stream. */
export function sizeInWords(size: number): string {
  return size === Number.POSITIVE_INFINITY ? "endless" : count(size);
}
