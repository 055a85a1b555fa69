/** `air-onnx convert`: gives a model folder another form, without the run that it came from. */
import type { Opset, SceneInput, ServingTarget, WeightType } from "@air-onnx/export";
import { count } from "@air-onnx/measure/format";
import type { DataPlaces } from "@air-onnx/scenes";
import { Command, Option } from "commander";
import { servingTargetChoices } from "../choices.js";
import { addHeldOutOptions, type HeldOutFlags, loadHeldOut } from "../dataset-options.js";
import { UsageError } from "../failures.js";
import { integerFrom } from "../option-values.js";
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
  readonly target?: ServingTarget;
  readonly storageUri?: string;
  readonly maxBatchSize?: number;
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
    .addOption(formOptions.license())
    .addOption(
      new Option(
        "--target <server>",
        "write the model as it is for a server instead: triton, a model repository; kserve, one with the manifest of an InferenceService",
      ).choices(servingTargetChoices),
    )
    .option("--storage-uri <uri>", "with --target kserve: where the cluster will find model_repository")
    .addOption(
      new Option(
        "--max-batch-size <n>",
        "with --target: most images that the server puts into a batch (default: 64)",
      ).argParser(integerFrom(1)),
    );
  return addHeldOutOptions(command)
    .addHelpText(
      "after",
      `
Weights of less precision change what the model computes. It is then measured on held-out images, and the numbers in
config.json and on the card are the new ones.

Examples:
  $ air-onnx convert models/multi-mnist --out models/multi-mnist-int8 --weights int8
  $ air-onnx convert models/multi-mnist --out /tmp/multi-mnist --opset 17 --weights float32 --input uint8
  $ air-onnx convert models/old --out models/old --overwrite       # an older folder gets onnx/scene.onnx
  $ air-onnx convert models/multi-mnist --target triton --out model_repository
  $ air-onnx convert models/multi-mnist --target kserve --storage-uri s3://bucket/model_repository --out served`,
    )
    .action(async (path: string, flags: ConvertFlags) => {
      using stopping = listenForStop();
      if (flags.target === undefined) await convertAndShow(path, flags, stopping.signal);
      else await writeForServer(path, flags.target, flags, stopping.signal);
    });
}

async function writeForServer(
  path: string,
  target: ServingTarget,
  flags: ConvertFlags,
  signal: AbortSignal,
): Promise<void> {
  const { out, storageUri, maxBatchSize } = flags;
  const others = (["weights", "opset", "input", "license", "overwrite"] as const).filter(
    (flag) => flags[flag] !== undefined,
  );
  if (others.length > 0) {
    throw new UsageError(
      `--target takes a model folder as it is, without ${others.map((flag) => `--${flag}`).join(", ")}: convert it first, then give the converted folder`,
    );
  }
  if (target === "kserve" && storageUri === undefined) {
    throw new UsageError("--target kserve needs --storage-uri, such as s3://bucket/model_repository");
  }
  const { writeServingFolder } = await import("@air-onnx/export");
  const { name, files } = await writeServingFolder(path, out, { target, storageUri, maxBatchSize, signal });
  for (const file of files) print(`${out}/${file}`);
  print(`Served as: ${name}`);
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
