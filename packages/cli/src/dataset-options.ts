/** The flags that say which data set and where it is kept, and loading it with progress. */
import type { DataProgress, Dataset, DatasetName, TrainConfig } from "@air-onnx/train";
import { type Command, Option } from "commander";
import { datasetChoices } from "./choices.js";
import { UsageError } from "./failures.js";
import { count, duration } from "./format.js";
import { integer } from "./option-values.js";
import { notice } from "./output.js";
import { showProgress } from "./progress.js";

/** Where data come from and are kept. */
export interface DataPlaces {
  readonly mnistDir?: string;
  readonly cacheDir?: string;
}

/** Which images of a data set. */
export interface DataSizes {
  readonly trainSize?: number;
  readonly testSize?: number;
  readonly dataSeed?: number;
}

export function addPlaceOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--mnist-dir <folder>", "folder with the MNIST files; without it they are downloaded").env(
        "AIR_ONNX_MNIST_DIR",
      ),
    )
    .addOption(
      new Option("--cache-dir <folder>", "folder where data sets are kept (default: ~/.cache/air-onnx)").env(
        "AIR_ONNX_CACHE",
      ),
    );
}

/** Of a command that measures on held-out images of a data set that its input names. */
export function addHeldOutOptions(command: Command): Command {
  return addPlaceOptions(
    command
      .addOption(new Option("--dataset <name>", "another data set than the model's own").choices(datasetChoices))
      .addOption(testSizeOption())
      .addOption(dataSeedOption()),
  );
}

export function trainSizeOption(): Option {
  return new Option("--train-size <n>", "images to train on").argParser(integer(1));
}

export function testSizeOption(): Option {
  return new Option("--test-size <n>", "images held out for evaluation").argParser(integer(1));
}

export function dataSeedOption(): Option {
  return new Option("--data-seed <n>", "which images of multi-strokes are drawn").argParser(integer(0));
}

/** The images that `config` trains and evaluates on. */
export function sizesOf(config: TrainConfig): DataSizes {
  const { trainSize, testSize } = config;
  return { trainSize, testSize, ...("dataSeed" in config && { dataSeed: config.dataSeed }) };
}

/** `name` as one of the data sets there are. */
export function datasetNamed(name: string, source: string): DatasetName {
  const found = datasetChoices.find((choice) => choice === name);
  if (found) return found;
  throw new UsageError(
    `${source} names the dataset "${name}": choose one of ${datasetChoices.join(", ")} by --dataset`,
  );
}

/** Loads a data set, showing progress, and downloading or building what is not in the cache. */
export async function loadData(
  name: DatasetName,
  { dataSeed, trainSize, testSize }: DataSizes,
  { mnistDir, cacheDir }: DataPlaces,
  { signal, quiet = false }: { readonly signal: AbortSignal; readonly quiet?: boolean },
): Promise<Dataset> {
  const { loadDataset } = await import("@air-onnx/train");
  using progress = await showProgress({ label: name, quiet });
  return await loadDataset(name, {
    seed: dataSeed,
    trainSize,
    testSize,
    // Set but empty, as a shell script may leave them, is not set.
    mnistDir: mnistDir || undefined,
    cacheDir: cacheDir || undefined,
    signal,
    onNotice: notice,
    onProgress: (report) => progress.update(...describe(report)),
  });
}

/** Only the images held out for evaluation: the smallest training split stands in for the other. */
export async function loadHeldOut(
  name: DatasetName,
  sizes: Omit<DataSizes, "trainSize">,
  places: DataPlaces,
  options: { readonly signal: AbortSignal; readonly quiet?: boolean },
): Promise<Dataset["test"]> {
  return (await loadData(name, { ...sizes, trainSize: 1 }, places, options)).test;
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

/** `20,000 training and 2,000 test images`, after `seconds`. */
export function loadedLine({ name, train, test }: Dataset, seconds: number): string {
  return `${name}: ${count(train.size)} images to train on, ${count(test.size)} held out, ready in ${duration(seconds)}`;
}
