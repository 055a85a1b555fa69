/** `air-onnx quickstart`: the whole pipeline in minutes, on images that need no download. */
import { existsSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { count, duration } from "@air-onnx/measure/format";
import type { DataPlaces } from "@air-onnx/scenes";
import type { Setting, TrainConfig } from "@air-onnx/train/runs";
import { Command, Option } from "commander";
import { addPlaceOptions } from "../dataset-options.js";
import { CommandError } from "../failures.js";
import { commandHere } from "../invocation.js";
import { integerFrom } from "../option-values.js";
import { notice, print } from "../output.js";
import { listenForStop } from "../stop-signal.js";
import { configFrom } from "../train-settings.js";
import { exportAndShow, exportFlagDefaults } from "./export.js";
import { writeRunReport } from "./report.js";
import { showRun, stoppedTraining } from "./train.js";

/** The settings of a short run on multi-strokes, which counts about 99 % of the images right: docs/ablation.md, "The count from the evidence". */
const preset: readonly Setting[] = [
  { key: "dataset", value: "multi-strokes" },
  { key: "steps", value: 1000 },
  { key: "evaluateEvery", value: 250 },
  { key: "evaluateImages", value: 500 },
  // A higher rate than the default's pays in a short run.
  { key: "optimizer.learningRate", value: 0.003 },
  // Narrow layers cost no counts in so few steps, and take less time.
  { key: "model.encoderSize", value: 200 },
  { key: "model.decoderSize", value: 200 },
  { key: "model.embeddingSize", value: 128 },
  { key: "model.lstmInput.convolution.channels", value: [32, 16] },
];

/** Held-out images on which the export is compared with the trained model: half as many as by default, to save time. */
const PARITY_IMAGES = 500;
/** Name of the file that marks a quickstart's folder, which the next quickstart may replace, unlike the user's runs. */
const MARKER = "quickstart.json";

interface QuickstartFlags extends DataPlaces {
  readonly out: string;
  readonly seed: number;
  readonly threads: number;
}

export function quickstartCommand(): Command {
  const command = new Command("quickstart")
    .description(
      "Trains on images that need no download, exports the model to ONNX, checks the export, and finds objects in new images.",
    )
    .option("--out <folder>", "folder of the run; an earlier quickstart in it is replaced", "runs/quickstart")
    .addOption(new Option("--seed <n>", "seed of the training").argParser(integerFrom(0)).default(0))
    .addOption(
      new Option("--threads <n>", "number of threads of the training; 0 lets the backend choose")
        .argParser(integerFrom(0))
        .default(0),
    );
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx quickstart`,
    )
    .action(async (flags: QuickstartFlags) => {
      using stopping = listenForStop();
      await quickstart(flags, stopping.signal);
    });
}

async function quickstart({ out, seed, threads, ...places }: QuickstartFlags, signal: AbortSignal): Promise<void> {
  const { startRun } = await import("@air-onnx/train");
  const stage = stages(4);
  const config = await configFrom([...preset, { key: "seed", value: seed }, { key: "threads", value: threads }]);
  await removeEarlier(out, config);

  stage(
    `Drawing images of 0 to 2 stroke digits (${config.dataset}), and training without labels: ${config.steps} steps`,
  );
  const result = await showRun(places, signal, (options) =>
    startRun(out, config, {
      ...options,
      onFolder: () => writeFileSync(join(out, MARKER), `${JSON.stringify({ startedAt: new Date().toISOString() })}\n`),
    }),
  );
  if (!result.finished) throw stoppedTraining(out, result.step, signal);

  stage("Exporting to ONNX, and comparing the export with the trained model");
  const directory = join(out, "model");
  const { heldOut } = await exportAndShow(
    out,
    { ...exportFlagDefaults, images: PARITY_IMAGES, ...places, out: directory, name: "quickstart" },
    signal,
  );

  stage("Finding objects in held-out images with the exported model");
  const { AirModel } = await import("@air-onnx/runtime-node");
  const { measureModel, measureOf, written } = await import("@air-onnx/measure");
  const { evaluationLines } = await import("../measurement-table.js");
  const { drawModelScenes } = await import("@air-onnx/report");
  await using model = await AirModel.fromPretrained(directory, { signal });
  const measurement = await measureModel(model, heldOut, { signal });
  const picture = join(out, "scenes.png");
  await drawModelScenes(model, heldOut, picture, signal);
  print(evaluationLines(measurement));

  stage("Writing a report of the run");
  const report = await writeRunReport(out, places, signal);
  // The counts of drawn images are all known.
  const accuracy = written(measureOf("countAccuracyMap"), measurement.countAccuracyMap!);

  const command = commandHere();
  print(`
Count accuracy of the exported model in Node on ${count(measurement.images)} held-out images: ${accuracy}
Picture: ${picture}
Report: ${report}
Time: ${duration(stage.seconds())}

Next:
  ${command} sample ${directory} --count 2 --out ${join(out, "samples.png")}
  ${command} eval ${directory}
  ${command} train FOLDER_OF_YOUR_IMAGES
  ${command} train --dataset multi-mnist --steps 5000`);
}

async function removeEarlier(out: string, config: TrainConfig): Promise<void> {
  if (!existsSync(out)) return;
  const { checkpointSteps, describeConfigDifference, isFreeForRun, openRunFolder, resumeRunFolder } = await import(
    "@air-onnx/train"
  );
  const hasMarker = existsSync(join(out, MARKER));
  const hasRun = existsSync(join(out, "config.json"));
  if (hasMarker && !hasRun) {
    // The removing of it was killed.
    await rm(out, { recursive: true, force: true });
    return;
  }
  // One that was killed before it had its marker has this configuration, but for the seed and the threads, and no checkpoint.
  const isYoung = async (): Promise<boolean> => {
    const run = openRunFolder(out);
    const { seed, threads } = config;
    if (describeConfigDifference({ ...run.config, seed, threads }, config).length > 0) return false;
    return existsSync(run.checkpoints) && (await checkpointSteps(run)).length === 0;
  };
  if (hasMarker || (hasRun && (await isYoung()))) {
    // The folder of a quickstart that is still training is locked, which fails here.
    const { lock } = await resumeRunFolder(out, notice);
    await rm(out, { recursive: true, force: true });
    lock.release();
    return;
  }
  if (!hasRun && (await isFreeForRun(out))) return;
  throw new CommandError(`${out} is not a quickstart's folder: move it away, or choose another by --out`);
}

/** Announces each stage with its number and the time since the start. */
function stages(total: number): { (title: string): void; seconds(): number } {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  let current = 0;
  const announce = (title: string): void => {
    current++;
    print(`\n[${current}/${total}, ${duration(seconds())}] ${title}`);
  };
  return Object.assign(announce, { seconds });
}
