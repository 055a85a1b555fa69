/** `air-onnx export`: a trained run as ONNX graphs, proven to compute what the run does. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { AirConfig } from "@air-onnx/core";
import type { CardDetails, ParityReport, WeightType } from "@air-onnx/export";
import type { EagerBackend, Evaluation, Measurement, SceneSet, StateTensors } from "@air-onnx/train";
import { Command, Option } from "commander";
import { eagerBackendChoices, weightChoices } from "../choices.js";
import { addPlaceOptions, type DataPlaces, heldOutChoices, loadHeldOut } from "../dataset-options.js";
import { CommandError } from "../failures.js";
import { count, table } from "../format.js";
import { integer, numberAbove } from "../option-values.js";
import { print } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";
import { commandFor } from "../train-settings.js";
import type { TrainedRun } from "../trained-run.js";

export interface ExportFlags extends DataPlaces {
  readonly out?: string;
  readonly name?: string;
  readonly overwrite?: true;
  readonly images: number;
  readonly tolerance: number;
  readonly backend: EagerBackend;
  readonly weights: WeightType;
}

export const exportDefaults = { images: 1000, tolerance: 1e-4, backend: "wasm", weights: "float32" } as const;

export function exportCommand(): Command {
  const command = new Command("export")
    .summary("export a run as ONNX graphs, and prove them right")
    .description(
      "Exports a run's newest checkpoint as a model folder, then compares every output of its graphs with TensorFlow.js on held-out images.",
    )
    .argument("<run folder>", "what was trained")
    .option("--out <folder>", "model folder (default: models/NAME)")
    .option("--name <name>", "what users call the model (default: the data set's name)")
    .option("--overwrite", "replace a model folder that exists")
    .addOption(
      new Option("--weights <type>", "what to store weights as; float16 halves the files")
        .choices(weightChoices)
        .default(exportDefaults.weights),
    )
    .addOption(
      new Option("--images <n>", "held-out images to compare on").argParser(integer(1)).default(exportDefaults.images),
    )
    .addOption(
      new Option("--tolerance <x>", "allowed difference, relative for values above 1")
        .argParser(numberAbove(0))
        .default(exportDefaults.tolerance),
    )
    .addOption(
      new Option("--backend <name>", "TensorFlow.js backend to compare with")
        .choices(eagerBackendChoices)
        .default(exportDefaults.backend),
    );
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Ends with 1, and leaves no model under its name, if a difference is beyond the tolerance.

Examples:
  $ air-onnx export runs/multi-strokes-seed0
  $ air-onnx export runs/mnist --out models/multi-mnist --name multi-mnist --overwrite`,
    )
    .action(async (path: string, flags: ExportFlags) => {
      using stopping = listenForStop();
      const { directory } = await exportAndCheck(path, flags, stopping.signal);
      print(`Model: ${directory}`);
      print(`Next: air-onnx eval ${directory}`);
    });
}

/**
 * Exports the newest checkpoint of the run in `path`, and compares it with what was trained.
 *
 * @throws {CommandError} if it differs by more than the tolerance; nothing is exported then
 */
export async function exportAndCheck(
  path: string,
  flags: ExportFlags,
  signal: AbortSignal,
): Promise<{ readonly directory: string; readonly scenes: SceneSet; readonly evaluation: Evaluation }> {
  const { exportModel, roundWeights } = await import("@air-onnx/export");
  const { openTrainedRun, trainingMinutes } = await import("../trained-run.js");
  const trained = await openTrainedRun(path);
  // The weights as they will be stored: what is measured and compared is what users get.
  const run = { ...trained, tensors: roundWeights(trained.tensors, flags.weights) };
  const { config } = run.folder;
  const name = flags.name ?? config.dataset;
  const directory = flags.out ?? join("models", name);
  const choices = heldOutChoices(config);
  const scenes = await loadHeldOut(config.dataset, choices, flags, { signal });
  // Where a user's own images are is of no use to others.
  const { path: _, ...heldOut } = choices;
  const evaluation = await measure(run, scenes, signal);
  const minutes = await trainingMinutes(run);
  const card = {
    command: await commandFor(config),
    hardware: `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? "an unknown processor"}`,
    ...(minutes !== undefined && { trainingMinutes: minutes }),
    ...(await everySeed(path)),
  };
  const verify = async (partial: string): Promise<CardDetails> => {
    const report = await compare(partial, config.model, run.tensors, scenes, flags, signal);
    print(parityTable(report));
    if (!report.passed) {
      throw new CommandError("The exported graphs differ from what was trained: nothing was exported");
    }
    const parity = paritySentence(report);
    print(parity);
    return { parity };
  };
  await exportModel(
    directory,
    {
      name,
      config: config.model,
      parameters: run.tensors,
      training: {
        dataset: config.dataset,
        heldOut,
        seed: config.seed,
        steps: run.checkpoint.step,
        commit: revision(),
      },
      metrics: metricsOf(evaluation),
    },
    { overwrite: flags.overwrite === true, weights: flags.weights, card, verify },
  );
  return { directory, scenes, evaluation };
}

/** How the seeds went, if the run is one of a sweep's. */
async function everySeed(path: string): Promise<Pick<CardDetails, "everySeed">> {
  const { isSweep, openSweep } = await import("@air-onnx/train");
  const parent = dirname(resolve(path));
  return isSweep(parent) ? { everySeed: openSweep(parent).table() } : {};
}

async function measure(run: TrainedRun, scenes: SceneSet, signal: AbortSignal): Promise<Measurement> {
  const { measureModel } = await import("@air-onnx/train");
  const { openCheckpoint } = await import("../checkpoint-model.js");
  await using model = await openCheckpoint(run);
  using progress = await showProgress({ label: "eval" });
  return await measureModel(model, scenes, {
    signal,
    onProgress: (done, total) => progress.update(done, total, `${count(done)} of ${count(total)} trajectories`),
  });
}

/** The numbers that a model is shipped with. */
function metricsOf({ boxes, pruned, ...measurement }: Measurement): Record<string, number> {
  const { images, elbo, logLikelihood, klWhere, klWhat, klCount } = measurement;
  const { countAccuracyMap, countAccuracySampled, countAccuracyMean, presencePriorFitted } = measurement;
  const iou = boxes?.meanIou ?? undefined;
  return {
    ...{ images, elbo, logLikelihood, klWhere, klWhat, klCount },
    ...{ countAccuracyMap, countAccuracySampled, countAccuracyMean },
    ...(pruned && { countAccuracyPruned: pruned.countAccuracy }),
    presencePriorFitted: presencePriorFitted.presence,
    elboPresencePriorFitted: presencePriorFitted.elbo,
    ...(iou !== undefined && { boxMeanIou: iou }),
  };
}

async function compare(
  directory: string,
  model: AirConfig,
  parameters: StateTensors,
  scenes: SceneSet,
  { images, tolerance, backend }: ExportFlags,
  signal: AbortSignal,
): Promise<ParityReport> {
  const { checkParity } = await import("@air-onnx/export");
  using progress = await showProgress({ label: "parity" });
  return await checkParity(directory, model, parameters, scenes, {
    images,
    tolerance,
    backend,
    signal,
    onProgress: (done, total) => progress.update(done, total, `compared on ${done} of ${total} images`),
  });
}

function parityTable({ rows }: ParityReport): string {
  return table([
    ["graph", "output", "max absolute", "max relative", ""],
    ...rows.map(({ graph, output, maxAbsolute, maxRelative, within }) => [
      graph,
      output,
      maxAbsolute.toExponential(1),
      maxRelative.toExponential(1),
      within ? "ok" : "TOO FAR",
    ]),
  ]);
}

function paritySentence({ images, backend, tolerance, countDisagreements }: ParityReport): string {
  return (
    `Parity on ${count(images)} held-out images: every output of onnxruntime is within ${tolerance} of TensorFlow.js ` +
    `(${backend}), relative for values above 1 and, for log-likelihoods, relative to the terms they sum, of the whole loop within ten times that; ` +
    `${countDisagreements} counts differ.`
  );
}

/** The revision of the checkout that this program runs from; null if it runs from an installed package. */
function revision(): string | null {
  const git = (...args: string[]): string =>
    execFileSync("git", args, {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    // An installed package can lie in a checkout of something else.
    return git("rev-parse", "--show-prefix") === "packages/cli/" ? git("rev-parse", "HEAD") : null;
  } catch {
    return null;
  }
}
