/** `air-onnx eval`: measures a run's newest checkpoint, or an exported model, on held-out images. */
import { join } from "node:path";
import type { Preprocessing } from "@air-onnx/core";
import type { MeasurableModel, MeasuredImage } from "@air-onnx/measure";
import { count, duration } from "@air-onnx/measure/format";
import type { MeasurementRecord } from "@air-onnx/report";
import type { DataPlaces, SceneSet } from "@air-onnx/scenes";
import { Command, Option } from "commander";
import { deviceChoices, type heldOutSplitChoices } from "../choices.js";
import { addHeldOutOptions, type HeldOutFlags, loadHeldOut, loadTruth } from "../dataset-options.js";
import { UsageError } from "../failures.js";
import type { EvaluationImages } from "../measured-images.js";
import { integerFrom } from "../option-values.js";
import { notice, print, printJson } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";

interface EvalFlags extends DataPlaces, HeldOutFlags {
  readonly dataset?: string;
  readonly split: (typeof heldOutSplitChoices)[number];
  readonly images?: number;
  readonly seed: number;
  readonly iwae?: number;
  readonly iwaeImages?: number;
  readonly objects?: true;
  readonly device: (typeof deviceChoices)[number];
  readonly picture?: string;
  readonly out?: string;
  readonly json?: true;
}

/** Files in the folder of `--out`. */
const files = {
  record: "evaluation.json",
  report: "report.md",
  scenes: "scenes.png",
  worst: "worst.png",
  confusion: "confusion.png",
  reliability: "reliability.png",
} as const;

/** Number of images of either kind in the picture of the worst. */
const WORST_IMAGES = 12;

export function evalCommand(): Command {
  const command = new Command("eval")
    .description(
      "Measures the newest checkpoint of a run folder, or an exported model, on held-out images. Both are run by the same exported graphs, so they give the same numbers.",
    )
    .argument("<path>", "run folder, or folder of an exported model")
    .addOption(
      new Option("--images <n>", "number of held-out images, the first ones (default: all)").argParser(integerFrom(1)),
    )
    .addOption(new Option("--seed <n>", "seed of the noise").argParser(integerFrom(0)).default(0))
    .addOption(
      new Option(
        "--iwae <k>",
        "also measure the importance-weighted bound on log p(x) with k draws for each image; 100 draws take about 25 times as long as the rest",
      ).argParser(integerFrom(1)),
    )
    .addOption(
      new Option("--iwae-images <n>", "number of images for that bound, the first ones (default: all)").argParser(
        integerFrom(1),
      ),
    )
    .option(
      "--objects",
      "also measure masks (ARI-FG) and what z_what knows of the kinds of objects; draws the images again for the truth about them",
    )
    .addOption(
      new Option("--device <name>", "device that runs an exported model").choices(deviceChoices).default("cpu"),
    )
    .option("--out <folder>", "folder to write a report with pictures, and all numbers as JSON, to")
    .option("--picture <file>", "PNG file to write the first images to, with found boxes and reconstructions")
    .option("--json", "print all numbers as JSON");
  return addHeldOutOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx eval runs/multi-strokes-seed0
  $ air-onnx eval runs/mnist --split fresh --json
  $ air-onnx eval models/multi-mnist --iwae 100 --iwae-images 1000 --out evaluation`,
    )
    .action(async (path: string, flags: EvalFlags) => {
      if (flags.iwaeImages !== undefined && flags.iwae === undefined) {
        throw new UsageError("--iwae-images needs --iwae");
      }
      using stopping = listenForStop();
      await measureAndReport(path, flags, stopping.signal);
    });
}

async function measureAndReport(path: string, flags: EvalFlags, signal: AbortSignal): Promise<void> {
  const { explanationOf, explanationSheet, makeFolder, SHEET, writePicture } = await import("@air-onnx/scenes");
  const { classicalSentence, measureClassical, measureModel, WorstImages } = await import("@air-onnx/measure");
  const { describeMachine, softwareVersions } = await import("../machine.js");
  const { isExportedModel } = await import("@air-onnx/report");
  await using subject = isExportedModel(path) ? await openExported(path, flags, signal) : await openRun(path, flags);
  const { model, what, own, preprocessing } = subject;
  const { imagesToMeasure } = await import("../measured-images.js");
  const { dataset, choices, differences } = imagesToMeasure(own, flags, path);
  // The folder is made before the work, so that a folder that cannot be made does not waste it.
  if (flags.out !== undefined) await makeFolder(flags.out);
  const { split } = flags;
  const quiet = flags.json === true;
  const scenes = await loadHeldOut(dataset, choices, flags, { split, signal, quiet });
  const truth = flags.objects
    ? await loadTruth(dataset, choices, flags, { split, signal, quiet, images: flags.images })
    : undefined;
  if (flags.objects && !truth) {
    throw new UsageError(
      `--objects needs a drawn data set: of the objects in ${dataset}, nothing but counts and boxes is known`,
    );
  }

  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const first: MeasuredImage[] = [];
  const worst = new WorstImages(WORST_IMAGES);
  const measure = async () => {
    using progress = await showProgress({ label: "eval", quiet });
    return await measureModel(model, scenes, {
      images: flags.images,
      seed: flags.seed,
      truth,
      importanceSamples: flags.iwae,
      importanceImages: flags.iwaeImages,
      signal,
      onImage: (image) => {
        if (first.length < SHEET.images) first.push(image);
        worst.add(image);
      },
      onProgress: (done, total) => {
        const left = duration((seconds() * (total - done)) / done);
        progress.update(done, total, `${count(done)} of ${count(total)} trajectories, ${left} left`);
      },
    });
  };
  const measurement = await measure();
  const classical = measureClassical(scenes, flags.images, preprocessing);
  const record: MeasurementRecord = {
    path,
    what,
    dataset,
    split,
    data: Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined)),
    differences,
    ...measurement,
    ...(classical && { classical }),
    likelihood: model.config.likelihood,
    presencePrior: model.config.prior.presence,
    seconds: seconds(),
    measuredAt: new Date().toISOString(),
    software: softwareVersions(),
    processor: describeMachine().processor,
  };
  const sheet = () =>
    explanationSheet(
      scenes,
      first.map(({ scene }) => explanationOf(scene)),
    );
  if (flags.out !== undefined) {
    await writePicture(join(flags.out, files.scenes), sheet());
    await writeReport(flags.out, record, worst, scenes);
  }
  if (flags.picture !== undefined) await writePicture(flags.picture, sheet());
  if (flags.json) return printJson(record);
  const { measurementLines } = await import("../measurement-table.js");
  print(`${what}, dataset ${dataset}, ${split} images, measured in ${duration(record.seconds)}`);
  for (const line of differences) print(line);
  print(measurementLines(measurement));
  if (classical) print(`\n${classicalSentence(classical, measurement)}`);
  if (flags.picture !== undefined) print(`Picture: ${flags.picture}`);
  if (flags.out !== undefined) print(`Report: ${join(flags.out, files.report)}`);
}

/** Writes the report except the picture of the first images. The numbers come last, so a folder with them is complete. */
async function writeReport(
  folder: string,
  record: MeasurementRecord,
  worst: import("@air-onnx/measure").WorstImages,
  scenes: SceneSet,
): Promise<void> {
  const { confusionPicture, measurementReport, reliabilityPicture, worstSheet } = await import("@air-onnx/report");
  const { writeInFolder, writePicture } = await import("@air-onnx/scenes");
  await writePicture(join(folder, files.worst), worstSheet(worst, scenes));
  if (record.confusion) await writePicture(join(folder, files.confusion), confusionPicture(record.confusion));
  const { score } = record;
  if (score) await writePicture(join(folder, files.reliability), reliabilityPicture(score.reliability));
  await writeInFolder(join(folder, files.report), measurementReport(record, files));
  await writeInFolder(join(folder, files.record), `${JSON.stringify(record, null, 2)}\n`);
}

/** The model that is measured. */
interface Subject extends AsyncDisposable {
  readonly model: MeasurableModel;
  /** Description, such as `Run runs/a at step 3000`. */
  readonly what: string;
  /** Images of its own evaluation. */
  readonly own: EvaluationImages;
  /** Preprocessing of its images, if they have one. */
  readonly preprocessing: Preprocessing | null | undefined;
}

async function openRun(path: string, { device }: EvalFlags): Promise<Subject> {
  if (device !== "cpu") throw new UsageError("--device is for exported models: a run is measured on the cpu");
  const { openCheckpoint } = await import("@air-onnx/export");
  const { heldOutChoices } = await import("@air-onnx/scenes");
  const { openTrainedRun } = await import("@air-onnx/train");
  const run = await openTrainedRun(path, notice);
  const { config } = run.folder;
  const model = await openCheckpoint(run);
  return {
    model,
    what: `Run ${path} at step ${run.checkpoint.step}`,
    own: { dataset: config.dataset, choices: heldOutChoices(config), imageSize: config.model.imageSize },
    preprocessing: config.preprocessing,
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
}

async function openExported(path: string, { device }: EvalFlags, signal: AbortSignal): Promise<Subject> {
  const { AirModel } = await import("@air-onnx/runtime-node");
  const model = await AirModel.fromPretrained(path, { device, probeApart: true, onNotice: notice, signal });
  const { name, training, preprocessing } = model.manifest;
  return {
    model,
    what: `Model ${name} on ${model.device}`,
    own: { dataset: training.dataset, choices: training.heldOut, imageSize: model.config.imageSize },
    preprocessing,
    [Symbol.asyncDispose]: () => model.dispose(),
  };
}
