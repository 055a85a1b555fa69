/** `air-onnx export`: exports a trained run as ONNX graphs, and checks that they compute the same as the run. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type {
  ExportedRun,
  ExportRunOptions,
  exportDefaults,
  Opset,
  ParityReport,
  SceneInput,
  WeightType,
} from "@air-onnx/export";
import { count } from "@air-onnx/measure/format";
import type { DataPlaces } from "@air-onnx/scenes";
import type { EagerBackend } from "@air-onnx/train";
import { Command, Option } from "commander";
import { eagerBackendChoices, opsetChoices, sceneInputChoices, weightChoices } from "../choices.js";
import { addHeldOutSet, addPlaceOptions, choicesOf, dataAccess, type HeldOutFlags } from "../dataset-options.js";
import { commandHere, shellWord } from "../invocation.js";
import { integerFrom, numberAbove } from "../option-values.js";
import { notice, print } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";
import { table } from "../table.js";

export interface ExportFlags extends DataPlaces, HeldOutFlags {
  readonly dataset?: string;
  readonly maxSteps?: number;
  readonly imageSize?: number;
  readonly out?: string;
  readonly name?: string;
  readonly overwrite?: true;
  readonly force?: true;
  readonly images: number;
  readonly tolerance: number;
  readonly backend: EagerBackend;
  readonly weights: WeightType;
  readonly opset: Opset;
  readonly input: SceneInput;
  readonly license?: string;
  readonly training?: true;
}

/** The defaults of the flags, copied from `exportDefaults` of the export package, which takes a second to load. */
export const exportFlagDefaults: typeof exportDefaults = {
  images: 1000,
  tolerance: 1e-4,
  backend: "wasm",
  weights: "float32",
  opset: 21,
  input: "float32",
};

/** The options on the form of a model's files. */
export const formOptions = {
  weights: () =>
    new Option("--weights <type>", "type of the stored weights; float16 halves the files, int8 quarters them").choices(
      weightChoices,
    ),
  opset: () =>
    new Option("--opset <n>", "ONNX opset of the graphs, for engines that do not know the newest").argParser(
      integerFrom(opsetChoices[0], opsetChoices.at(-1)),
    ),
  input: () =>
    new Option(
      "--input <type>",
      "images that onnx/scene.onnx takes: float32 [batch, C, S, S] in [0, 1], or uint8 [batch, S, S, C]",
    ).choices(sceneInputChoices),
  license: () => new Option("--license <id>", "SPDX expression of the model's licence, such as CC-BY-4.0"),
};

/** The options that `--training` takes; all others are of models. */
const ofTraining: ReadonlySet<string> = new Set(["out", "overwrite"]);

export function exportCommand(): Command {
  const command = new Command("export")
    .description(
      "Exports a run's newest checkpoint as a model folder, then compares every output of its graphs with TensorFlow.js on held-out images.",
    )
    .argument("<run folder>", "folder of the trained run")
    .option("--out <folder>", "model folder (default: models/NAME)")
    .option(
      "--name <name>",
      "name of the model (default: the name of the data set, or of the file or folder of your own images)",
    )
    .option("--overwrite", "replace an existing model folder")
    .option("--force", "export a run even if its last evaluation shows that it does not count")
    .addOption(
      new Option("--max-steps <n>", "most objects that the model looks for (default: as in training)").argParser(
        integerFrom(1),
      ),
    )
    .addOption(
      new Option(
        "--image-size <n>",
        "side of the model's images, pixels (default: as in training); only models of the architecture local allow another",
      ).argParser(integerFrom(1)),
    )
    .addOption(formOptions.weights().default(exportFlagDefaults.weights))
    .addOption(formOptions.opset().default(exportFlagDefaults.opset))
    .addOption(formOptions.input().default(exportFlagDefaults.input))
    .addOption(formOptions.license())
    .addOption(
      new Option("--images <n>", "number of held-out images to compare and measure on")
        .argParser(integerFrom(1))
        .default(exportFlagDefaults.images),
    )
    .addOption(
      new Option("--tolerance <x>", "largest allowed difference, relative for values above 1")
        .argParser(numberAbove(0))
        .default(exportFlagDefaults.tolerance),
    )
    .addOption(
      new Option("--backend <name>", "TensorFlow.js backend to compare the graphs with")
        .choices(eagerBackendChoices)
        .default(exportFlagDefaults.backend),
    );
  addPlaceOptions(addHeldOutSet(command));
  const ofModels = command.options.map((option) => option.attributeName()).filter((name) => !ofTraining.has(name));
  return command
    .addOption(
      new Option(
        "--training",
        "write, instead of the model, the files with which another program repeats the training by an ONNX runtime alone",
      ).conflicts(ofModels),
    )
    .addHelpText(
      "after",
      `
If a difference exceeds the tolerance, or the run's last evaluation shows that it does not count, the command ends with exit
code 1 and exports nothing.

Examples:
  $ air-onnx export runs/multi-strokes-seed0
  $ air-onnx export runs/mnist --out models/multi-mnist --name multi-mnist --overwrite
  $ air-onnx export runs/local --image-size 128 --max-steps 12 --dataset multi-mnist-open --max-count 9
  $ air-onnx export runs/mnist --opset 17 --weights int8 --input uint8
  $ air-onnx export runs/mnist --training --out training/mnist

A model folder without its run gets another form by air-onnx convert.`,
    )
    .action(async (path: string, flags: ExportFlags) => {
      if (flags.training) {
        await exportTrainingAndShow(path, flags);
        return;
      }
      using stopping = listenForStop();
      const { directory } = await exportAndShow(path, flags, stopping.signal);
      print(`Model: ${directory}`);
      for (const line of await nextLines(path, directory)) print(line);
    });
}

async function exportTrainingAndShow(path: string, { out, overwrite }: ExportFlags): Promise<void> {
  const { exportRunTraining } = await import("@air-onnx/export");
  const { directory, manifest, files } = await exportRunTraining(path, {
    out,
    overwrite: overwrite === true,
    onNotice: notice,
  });
  print(
    table([
      ["file", "bytes", ""],
      ...manifest.stages.map(({ file: { path, size }, begin, end, maxSteps }) => [
        path,
        count(size),
        `steps ${count(begin + 1)} to ${count(end)}, up to ${maxSteps} objects`,
      ]),
      [manifest.evaluation.path, count(manifest.evaluation.size), "bounds, counts, windows and canvases"],
      ...Object.values(manifest.graphs).map(({ file: { path, size } }) => [path, count(size), "without weights"]),
    ]),
  );
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  print(`Training files: ${directory}, ${count(bytes)} bytes of graphs for ${count(manifest.steps)} steps`);
  print("Next: train by @air-onnx/trainer, in Node.js or in a page");
}

/** Lines with the commands that follow an export. A model does not know where the user's own images are. */
async function nextLines(path: string, directory: string): Promise<string[]> {
  const { openRunFolder } = await import("@air-onnx/train/runs");
  const { config } = openRunFolder(path);
  const [command, model] = [commandHere(), shellWord(directory)];
  if (!("path" in config)) return [`Next: ${command} eval ${model}`];
  const data = shellWord(config.path);
  const measure = `${command} eval ${model} --data ${data}`;
  if (config.dataset === "npz") return [`Next: ${measure}`];
  return [`Next: ${command} infer ${model} ${data} --out found`, `To measure it: ${measure}`];
}

/**
 * Exports the run in `path` as the flags say, and shows progress and results.
 *
 * @throws {ParityError} if the graphs differ from the trained model; nothing is exported then
 */
export async function exportAndShow(path: string, flags: ExportFlags, signal: AbortSignal): Promise<ExportedRun> {
  const { exportRun, paritySentence } = await import("@air-onnx/export");
  const { commandWriter } = await import("../train-settings.js");
  const { out, name, overwrite, force, maxSteps, imageSize, weights, opset, input, license } = flags;
  const { images, tolerance, backend } = flags;
  const heldOut = await heldOutOf(path, flags);
  using progress = await showProgress({ label: "export" });
  return await exportRun(path, {
    ...{ out, name, overwrite, force, maxSteps, imageSize, heldOut, weights, opset, input, license },
    ...{ images, tolerance, backend, signal },
    places: dataAccess(flags, progress),
    commandFor: await commandWriter(),
    hardware: `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? "an unknown processor"}`,
    commit: revision(),
    onNotice: notice,
    onMeasured: (done, total) => progress.update(done, total, `${count(done)} of ${count(total)} trajectories`),
    onCompared: (done, total) => progress.update(done, total, `compared on ${done} of ${total} images`),
    onParity: (report) => {
      progress.line(parityTable(report));
      if (report.passed) progress.line(paritySentence(report));
    },
  });
}

/** The held-out images that the flags choose; undefined if they leave the choice to the run. */
async function heldOutOf(path: string, flags: ExportFlags): Promise<ExportRunOptions["heldOut"]> {
  if (flags.dataset === undefined && Object.keys(choicesOf(flags)).length === 0) return undefined;
  const { heldOutChoices } = await import("@air-onnx/scenes");
  const { openRunFolder } = await import("@air-onnx/train/runs");
  const { imagesToMeasure } = await import("../measured-images.js");
  const { config } = openRunFolder(path);
  const model = { ...config.model, imageSize: flags.imageSize ?? config.model.imageSize };
  const own = { dataset: config.dataset, choices: heldOutChoices({ ...config, model }), imageSize: model.imageSize };
  const { dataset, choices, differences } = imagesToMeasure(own, flags, path);
  for (const line of differences) notice(line);
  return { dataset, choices };
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

/** The git commit of the checkout that this program runs from; null if it runs from an installed package. */
function revision(): string | null {
  const git = (...args: string[]): string =>
    execFileSync("git", args, {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    // An installed package can be inside the checkout of another project.
    return git("rev-parse", "--show-prefix") === "packages/cli/" ? git("rev-parse", "HEAD") : null;
  } catch {
    return null;
  }
}
