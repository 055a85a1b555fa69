/** The flags that say which data set, which of its images and where it is kept, and loading it with progress. */

import { count, duration } from "@air-onnx/measure/format";
import type { DataAccess, DataPlaces, DataProgress, DatasetChoices, SceneSet, TrainingData } from "@air-onnx/scenes";
import {
  type DatasetName,
  type DrawnSettingKey,
  drawnSettings,
  MAX_DATA_SEED,
  placeVariables,
} from "@air-onnx/scenes/names";
import type { TrainConfig } from "@air-onnx/train";
import { type Command, Option } from "commander";
import { datasetChoices, heldOutSplitChoices } from "./choices.js";
import { UsageError } from "./failures.js";
import { flagOfChoice, integer, numberAbove } from "./option-values.js";
import { notice } from "./output.js";
import { type Progress, showProgress } from "./progress.js";

/** Which images of a data set are held out, as flags say it; a data set refuses what it does not take. */
export interface HeldOutFlags extends Readonly<Partial<Record<DrawnSettingKey, number>>> {
  readonly testSize?: number;
  readonly dataSeed?: number;
  readonly data?: string;
  readonly testFraction?: number;
}

/** And which are trained on. */
export interface ImageFlags extends HeldOutFlags {
  readonly trainSize?: number;
  readonly stream?: true;
}

/** The keys of the settings that drawn sets have of their own, each of which is a flag. */
export const settingKeys = Object.keys(drawnSettings) as DrawnSettingKey[];

const settingOptions = Object.fromEntries(
  settingKeys.map((key) => [
    key,
    () => new Option(`${flagOfChoice(key)} <n>`, drawnSettings[key].meaning).argParser(integer(1)),
  ]),
) as Record<DrawnSettingKey, () => Option>;

/** The flags of {@link ImageFlags}. */
export const imageOptions = {
  stream: () => new Option("--stream", "train on new images without end instead of a fixed number of them"),
  trainSize: () => new Option("--train-size <n>", "images to train on").argParser(integer(1)),
  testSize: () => new Option("--test-size <n>", "images held out for evaluation").argParser(integer(1)),
  dataSeed: () =>
    new Option("--data-seed <n>", "which images are drawn, or held out").argParser(integer(0, MAX_DATA_SEED)),
  ...settingOptions,
  data: () => new Option("--data <path>", "NPZ file of dataset npz, or folder of dataset png-folder"),
  testFraction: () =>
    new Option("--test-fraction <x>", "share of your own images held out for evaluation").argParser(numberAbove(0, 1)),
} as const satisfies Record<keyof ImageFlags, () => Option>;

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

/** Of a command that measures on held-out images of a data set that its input names. */
export function addHeldOutOptions(command: Command): Command {
  const { stream: _, trainSize: __, ...heldOut } = imageOptions;
  command
    .addOption(new Option("--dataset <name>", "another data set than the model's own").choices(datasetChoices))
    .addOption(
      new Option("--split <name>", "fresh: of multi-mnist, images of digits that training never saw")
        .choices(heldOutSplitChoices)
        .default("test"),
    );
  for (const option of Object.values(heldOut)) command.addOption(option());
  return addPlaceOptions(command);
}

/** What flags choose, in the words of the data sets. */
export function choicesOf(flags: ImageFlags): DatasetChoices {
  const { trainSize, testSize, dataSeed, data, testFraction } = flags;
  const settings = Object.fromEntries(settingKeys.map((key) => [key, flags[key]]));
  const choices = { trainSize, testSize, seed: dataSeed, ...settings, path: data, testFraction };
  // Absent rather than undefined, so that they can be laid over others.
  return Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined)) as DatasetChoices;
}

/** `name` as one of the data sets there are. */
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

/** Everything of a data set, showing progress, and downloading or building what is not in the cache. */
export async function loadData(
  name: DatasetName,
  flags: ImageFlags,
  places: DataPlaces,
  options: LoadOptions,
): Promise<TrainingData> {
  if (flags.stream && flags.trainSize !== undefined) {
    throw new UsageError("--stream and --train-size exclude each other: a stream has no end");
  }
  const { isBrought, loadDataset, loadOwnImages, streamDataset } = await import("@air-onnx/scenes");
  const choices = choicesOf(flags);
  return reporting(name, places, options, (context) => {
    if (flags.stream) return streamDataset(name, { ...choices, ...context });
    // Loaded as for training, as the counts of some may not be known.
    return isBrought(name)
      ? loadOwnImages(name, { ...choices, ...context })
      : loadDataset(name, { ...choices, ...context });
  });
}

/** The images that `config` trains and evaluates on. */
export async function loadRunData(
  config: TrainConfig,
  places: DataPlaces,
  options: LoadOptions,
): Promise<TrainingData> {
  const { loadTrainingData } = await import("@air-onnx/scenes");
  return reporting(config.dataset, places, options, (context) => loadTrainingData(config, context));
}

/** Only images held out for evaluation. */
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

async function reporting<Loaded>(
  label: string,
  places: DataPlaces,
  { signal, quiet = false }: LoadOptions,
  load: (access: DataAccess) => Promise<Loaded>,
): Promise<Loaded> {
  using progress = await showProgress({ label, quiet });
  return await load({ ...dataAccess(places, progress), signal });
}

/** Where data come from, with loading them shown through `progress`. */
export function dataAccess({ mnistDir, cacheDir }: DataPlaces, progress: Progress): DataAccess {
  return {
    // Set but empty, as a shell script may leave them, is not set.
    mnistDir: mnistDir || undefined,
    cacheDir: cacheDir || undefined,
    onNotice: notice,
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

/** `multi-strokes: 20,000 images to train on, 2,000 held out, ready in 3 s`. */
export function loadedLine({ name, train, test }: TrainingData, seconds: number): string {
  return `${name}: ${sizeInWords(train.size)} images to train on, ${count(test.size)} held out, ready in ${duration(seconds)}`;
}

/** The number of images of a set or stream. */
export function sizeInWords(size: number): string {
  return size === Number.POSITIVE_INFINITY ? "endless" : count(size);
}
