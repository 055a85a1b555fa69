/** `air-onnx train`: trains in a run folder, from the start or from the newest checkpoint. */

import type { DataPlaces } from "@air-onnx/scenes";
import type { RunOptions, TrainConfig, TrainResult } from "@air-onnx/train";
import type { Setting } from "@air-onnx/train/runs";
import { Command, Option } from "commander";
import { addPlaceOptions, dataAccess, loadedLine } from "../dataset-options.js";
import { StoppedError, UsageError } from "../failures.js";
import { addGuessOptions, type GuessFlags, withGuesses } from "../guessed-settings.js";
import { shellWord } from "../invocation.js";
import { integerFrom } from "../option-values.js";
import { notice, print } from "../output.js";
import { PATH_IN_WORDS } from "../own-images.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";
import { addSettingOptions, configFrom, fittedConfigFrom, givenSettings, overriding } from "../train-settings.js";

interface TrainFlags extends DataPlaces, GuessFlags {
  readonly out?: string;
  readonly resume?: string;
  readonly extend?: number;
  readonly checkBackends?: true;
  readonly json?: true;
}

export function trainCommand(): Command {
  const command = new Command("train")
    .description(
      "Trains a model. Its configuration, metrics, pictures and checkpoints are written into the run folder.",
    )
    .argument("[images]", `your own images: ${PATH_IN_WORDS}`)
    .option(
      "--out <folder>",
      "new run folder (default: runs/DATASET-seedSEED, where your own images have the name of their file or folder)",
    )
    .option("--resume <folder>", "go on with this run as if it had never stopped")
    .addOption(
      new Option("--extend <n>", "with --resume: train a finished run for so many more steps").argParser(
        integerFrom(1),
      ),
    )
    .option("--check-backends", "compare a few steps on every backend, or on the one of --backend, without training")
    .option("--json", "print the comparison of --check-backends as JSON");
  return addPlaceOptions(addGuessOptions(addSettingOptions(command)))
    .addHelpText(
      "after",
      `
Ctrl-C saves a checkpoint and stops; a second one stops at once.

Examples:
  $ air-onnx train
  $ air-onnx train --dataset multi-mnist --mnist-dir ~/mnist --steps 5000 --out runs/mnist
  $ air-onnx train --dataset multi-dsprites-64 --stream --max-count 3
  $ air-onnx train photos
  $ air-onnx train photos --object-size 10 30 --max-objects 12
  $ air-onnx train images.npz --steps 8000
  $ air-onnx train --set model.likelihood.type=bernoulli --estimator nvil
  $ air-onnx train --config runs/mnist/config.json --seed 1 --set optimizer.clipNorm=5
  $ air-onnx train --backend onnxruntime-webgpu
  $ air-onnx train --check-backends --batch-size 16
  $ air-onnx train --resume runs/mnist
  $ air-onnx train --resume runs/mnist --extend 4000`,
    )
    .action(async (images: string | undefined, flags: TrainFlags) => {
      if (images !== undefined && flags.resume !== undefined) {
        throw new UsageError("A resumed run goes on with its images: leave out the path, or --resume");
      }
      const settings = await givenSettings(
        flags as Readonly<Record<string, unknown>>,
        images,
        flags.resume !== undefined,
      );
      using stopping = listenForStop();
      if (flags.extend !== undefined && flags.resume === undefined) {
        throw new UsageError("--extend needs --resume: say which run is to be trained further");
      }
      if (flags.json && !flags.checkBackends) throw new UsageError("--json needs --check-backends");
      if (flags.checkBackends) {
        const { reportBackendCheck } = await import("../backend-check-report.js");
        return reportBackendCheck(settings, flags, stopping.signal);
      }
      const { result, path } =
        flags.resume === undefined
          ? await start(settings, flags, stopping.signal)
          : await resume(flags.resume, settings, flags, stopping.signal);
      if (!result.finished) throw stoppedTraining(path, result.step, stopping.signal);
      const { collapseAlerts } = await import("@air-onnx/train/runs");
      const { nextLines } = await import("../training-report.js");
      for (const line of nextLines(path, result, collapseAlerts)) print(line);
    });
}

/** Calls `train` and shows the run, from its folder to its result. */
export async function showRun(
  flags: DataPlaces,
  signal: AbortSignal,
  train: (options: RunOptions) => Promise<TrainResult>,
): Promise<TrainResult> {
  const { resultLines, showTraining } = await import("../training-report.js");
  let firstStep = 0;
  using progress = await showProgress({ label: "train", everyDone: 100 });
  const show = showTraining(progress);
  const sayStopping = (): void => progress.line("Stopping after the steps that run now. Ctrl-C again stops at once.");
  const result = await train({
    signal,
    onNotice: notice,
    places: dataAccess(flags, progress),
    onFolder: (path) => progress.line(`Run folder: ${path}`),
    onImages: (images, seconds) => {
      progress.line(loadedLine(images, seconds));
      signal.addEventListener("abort", sayStopping, { once: true });
    },
    onEvent: (event) => {
      if (event.type === "start") firstStep = event.step;
      show(event);
    },
  });
  if (result.finished) for (const line of resultLines(result, firstStep)) progress.line(line);
  return result;
}

/** The error for training that the user stopped, with the command that goes on. */
export function stoppedTraining(path: string, step: number, signal: AbortSignal): StoppedError {
  return new StoppedError(
    signal.reason instanceof StoppedError ? signal.reason.signal : "SIGINT",
    `Stopped at step ${step} with a checkpoint. Go on by: air-onnx train --resume ${shellWord(path)}`,
  );
}

async function start(
  settings: readonly Setting[],
  flags: TrainFlags,
  signal: AbortSignal,
): Promise<{ result: TrainResult; path: string }> {
  const config = await fittedConfigFrom(await withGuesses(settings, flags, signal, print), print);
  const { imagesName } = await import("@air-onnx/scenes");
  const path = flags.out ?? `runs/${imagesName(config)}-seed${config.seed}`;
  const { startRun } = await import("@air-onnx/train");
  return { path, result: await showRun(flags, signal, (options) => startRun(path, config, options)) };
}

async function resume(
  path: string,
  settings: readonly Setting[],
  flags: TrainFlags,
  signal: AbortSignal,
): Promise<{ result: TrainResult; path: string }> {
  const { extendRun, openRunFolder, resumeRun } = await import("@air-onnx/train");
  if (flags.objectSize || flags.maxObjects !== undefined || flags.guess === false)
    throw new UsageError("A resumed run goes on with its settings: nothing is guessed, leave out the flags for that");
  if (flags.out !== undefined)
    throw new UsageError("--out and --resume exclude each other: a run goes on in its folder");
  await refuseOtherSettings(path, openRunFolder(path).config, settings);
  const { extend } = flags;
  const goOn = (options: RunOptions): Promise<TrainResult> =>
    extend === undefined ? resumeRun(path, options) : extendRun(path, extend, options);
  return { path, result: await showRun(flags, signal, goOn) };
}

/**
 * Refuses settings that contradict `saved`, the configuration of the run or sweep in `path`.
 *
 * @throws {UsageError} listing every difference
 */
export async function refuseOtherSettings(
  path: string,
  saved: TrainConfig,
  settings: readonly Setting[],
): Promise<void> {
  const { describeConfigDifference, settingsOf } = await import("@air-onnx/train/runs");
  const dataset = settings.findLast(({ key }) => key === "dataset")?.value ?? saved.dataset;
  const differences =
    dataset === saved.dataset
      ? describeConfigDifference(saved, await configFrom(await overriding(settingsOf(saved), settings)))
      : [`dataset: "${saved.dataset}" → ${JSON.stringify(dataset)}`];
  if (differences.length === 0) return;
  throw new UsageError(
    `${path} goes on with the settings that it was started with; these differ:\n` +
      `${differences.map((line) => `  ${line}`).join("\n")}\nLeave them out, or start another run by --out. A finished run gets more steps by --extend.`,
  );
}
