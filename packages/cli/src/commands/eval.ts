/** `air-onnx eval`: measures a run's newest checkpoint, or an exported model, on held-out images. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DatasetChoices, DatasetName, Evaluation, SceneSet } from "@air-onnx/train";
import { Command, Option } from "commander";
import { deviceChoices, type heldOutSplitChoices } from "../choices.js";
import {
  addHeldOutOptions,
  choicesOf,
  type DataPlaces,
  datasetNamed,
  type HeldOutFlags,
  heldOutChoices,
  loadHeldOut,
  sideOf,
} from "../dataset-options.js";
import { UsageError } from "../failures.js";
import { duration } from "../format.js";
import { integer } from "../option-values.js";
import { notice, print, printJson } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";

interface EvalFlags extends DataPlaces, HeldOutFlags {
  readonly dataset?: string;
  readonly split: (typeof heldOutSplitChoices)[number];
  readonly images?: number;
  readonly device: (typeof deviceChoices)[number];
  readonly picture?: string;
  readonly json?: true;
}

/** What was measured, on what. */
interface Measured {
  /** Such as `Run runs/a at step 3000`. */
  readonly what: string;
  readonly dataset: string;
  readonly evaluation: Evaluation;
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("measure a run or an exported model on held-out images")
    .description(
      "Measures the newest checkpoint of a run folder, or an exported model as its users run it, on held-out images.",
    )
    .argument("<path>", "run folder, or folder of an exported model")
    .addOption(new Option("--images <n>", "only the first so many").argParser(integer(1)))
    .addOption(new Option("--device <name>", "of an exported model").choices(deviceChoices).default("cpu"))
    .option("--picture <file>", "write the first images as the model explains them as PNG")
    .option("--json", "print JSON");
  return addHeldOutOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx eval runs/multi-strokes-seed0
  $ air-onnx eval runs/mnist --split fresh
  $ air-onnx eval models/multi-strokes --picture scenes.png --json`,
    )
    .action(async (path: string, flags: EvalFlags) => {
      using stopping = listenForStop();
      const began = performance.now();
      const { what, dataset, evaluation } = isModelFolder(path)
        ? await measureExported(path, flags, stopping.signal)
        : await measureRun(path, flags, stopping.signal);
      const seconds = (performance.now() - began) / 1000;
      if (flags.json) return printJson({ path, what, dataset, split: flags.split, ...evaluation, seconds });
      const { evaluationLines } = await import("../evaluation-table.js");
      print(`${what}, dataset ${dataset}, ${flags.split} images, measured in ${duration(seconds)}`);
      print(evaluationLines(evaluation));
      if (flags.picture !== undefined) print(`Picture: ${flags.picture}`);
    });
}

/** Both kinds of folder have a `config.json`; that of a model says so. */
function isModelFolder(path: string): boolean {
  try {
    const config: unknown = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
    return typeof config === "object" && config !== null && "format" in config && config.format === "air-onnx";
  } catch {
    // What is wrong with it is told by those who open it as a run.
    return false;
  }
}

async function measureRun(path: string, flags: EvalFlags, signal: AbortSignal): Promise<Measured> {
  if (flags.device !== "cpu") throw new UsageError("--device is for exported models: a run is measured on the cpu");
  const { boxFromZWhere } = await import("@air-onnx/core");
  const { Evaluator } = await import("@air-onnx/train");
  const { openTrainedRun } = await import("../trained-run.js");
  const { folder, checkpoint, parameters } = await openTrainedRun(path);
  const name = flags.dataset === undefined ? folder.config.dataset : datasetNamed(flags.dataset, "--dataset");
  const own =
    name === folder.config.dataset ? heldOutChoices(folder.config) : sideOf(name, folder.config.model.imageSize);
  const scenes = await loadScenes(name, own, flags, signal);
  await using evaluator = await Evaluator.create(folder.config.model);
  const evaluation = await evaluator.evaluate(parameters, scenes, {
    signal,
    ...(flags.images !== undefined && { images: flags.images }),
  });
  if (flags.picture !== undefined) {
    const { explanationSheet, SHEET, writePicture } = await import("../scene-sheets.js");
    const explained = await evaluator.explain(parameters, scenes, 0, Math.min(SHEET.images, evaluation.images));
    const shown = explained.map(({ zWhere, ...rest }) => ({
      ...rest,
      boxes: zWhere.map((each) => boxFromZWhere(each, scenes.imageSize)),
    }));
    await writePicture(flags.picture, explanationSheet(scenes, shown));
  }
  return { what: `Run ${path} at step ${checkpoint.step}`, dataset: name, evaluation };
}

async function measureExported(path: string, flags: EvalFlags, signal: AbortSignal): Promise<Measured> {
  const { AirModel } = await import("@air-onnx/runtime-node");
  const { measureModel } = await import("../measure-model.js");
  await using model = await AirModel.fromPretrained(path, { device: flags.device, onNotice: notice, signal });
  const name = datasetNamed(flags.dataset ?? model.manifest.training.dataset, path);
  const scenes = await loadScenes(name, sideOf(name, model.config.imageSize), flags, signal);
  using progress = await showProgress({ label: "eval", quiet: flags.json === true });
  const evaluation = await measureModel(model, scenes, {
    images: flags.images,
    signal,
    onProgress: (done, total) => progress.update(done, total, `${done} of ${total} images`),
  });
  if (flags.picture !== undefined) {
    const { drawModelScenes } = await import("../model-scenes.js");
    await drawModelScenes(model, scenes, flags.picture, signal);
  }
  return { what: `Model ${model.manifest.name} on ${model.device}`, dataset: name, evaluation };
}

/** @param own choices, below those of the flags */
function loadScenes(name: DatasetName, own: DatasetChoices, flags: EvalFlags, signal: AbortSignal): Promise<SceneSet> {
  const { split, json } = flags;
  return loadHeldOut(name, { ...own, ...choicesOf(flags) }, flags, { split, signal, quiet: json === true });
}
