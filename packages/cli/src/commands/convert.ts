/** `air-onnx convert`: gives a model folder another form, without the run that it came from. */
import type { Opset, SceneInput, WeightType } from "@air-onnx/export";
import { count } from "@air-onnx/measure/format";
import type { DataPlaces } from "@air-onnx/scenes";
import { Command } from "commander";
import { addHeldOutOptions, type HeldOutFlags, loadHeldOut } from "../dataset-options.js";
import { notice, print } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";
import { formOptions } from "./export.js";

interface ConvertFlags extends DataPlaces, HeldOutFlags {
  readonly out: string;
  readonly overwrite?: true;
  readonly weights?: WeightType;
  readonly opset?: Opset;
  readonly input?: SceneInput;
  readonly license?: string;
  readonly dataset?: string;
  readonly split: "test" | "fresh";
}

export function convertCommand(): Command {
  const command = new Command("convert")
    .description(
      "Writes a model folder in another form: other weights, another opset, another input of onnx/scene.onnx. It needs no run. What is left out stays as it is. onnx/scene.onnx is compared with the runtime on scenes that the model draws itself.",
    )
    .argument("<model folder>", "folder of an exported model")
    .requiredOption("--out <folder>", "model folder to write; the same one with --overwrite")
    .option("--overwrite", "replace an existing model folder")
    .addOption(formOptions.weights())
    .addOption(formOptions.opset())
    .addOption(formOptions.input())
    .addOption(formOptions.license());
  return addHeldOutOptions(command)
    .addHelpText(
      "after",
      `
Weights of less precision change what the model computes. It is then measured on held-out images, and the numbers in
config.json and on the card are the new ones.

Examples:
  $ air-onnx convert models/multi-mnist --out models/multi-mnist-int8 --weights int8
  $ air-onnx convert models/multi-mnist --out /tmp/multi-mnist --opset 17 --weights float32 --input uint8
  $ air-onnx convert models/old --out models/old --overwrite       # an older folder gets onnx/scene.onnx`,
    )
    .action(async (path: string, flags: ConvertFlags) => {
      using stopping = listenForStop();
      await convertAndShow(path, flags, stopping.signal);
    });
}

async function convertAndShow(path: string, flags: ConvertFlags, signal: AbortSignal): Promise<void> {
  const { convertModel, losesPrecision } = await import("@air-onnx/export");
  const { readModelFolder } = await import("@air-onnx/runtime-node/open-graphs");
  const { imagesToMeasure } = await import("../measured-images.js");
  const { out, overwrite, weights, opset, input, license } = flags;
  const { manifest } = await readModelFolder(path, { verify: true, signal });
  const { weights: stored, training, model, metrics } = manifest;
  const load = async () => {
    const own = { dataset: training.dataset, choices: training.heldOut, imageSize: model.imageSize };
    const { dataset, choices, differences } = imagesToMeasure(own, flags, path);
    for (const line of differences) notice(line);
    return await loadHeldOut(dataset, choices, flags, { split: flags.split, signal });
  };
  const heldOut = losesPrecision(stored, weights ?? stored) ? await load() : undefined;
  using progress = await showProgress({ label: "convert" });
  const converted = await convertModel(path, out, {
    overwrite: overwrite === true,
    ...{ license, heldOut, signal },
    ...(weights && { weights }),
    ...(opset && { opset }),
    ...(input && { input }),
    onNotice: notice,
    onMeasured: (done, total) => progress.update(done, total, `${count(done)} of ${count(total)} trajectories`),
  });
  const { files } = converted.manifest;
  const megabytes = (size: number): string => `${(size / 1e6).toFixed(2)} MB`;
  for (const file of Object.values(files)) if (file) print(`${file.path}: ${megabytes(file.size)}`);
  if (converted.compared > 0) {
    print(`onnx/scene.onnx says what the runtime says, on ${count(converted.compared)} scenes that the model drew`);
  }
  const { measurement } = converted;
  if (measurement?.countAccuracyMap !== undefined) {
    const { countAccuracyMap: before } = metrics;
    const share = (value: number): string => `${(100 * value).toFixed(2)} %`;
    const was = before === undefined ? "" : `, ${share(before)} before`;
    print(
      `Counted right: ${share(measurement.countAccuracyMap)} of ${count(measurement.images)} held-out images${was}`,
    );
  }
  print(`Model: ${out}`);
}
