/** `air-onnx sample`: draws scenes that an exported model imagines. */
import type { Manifest } from "@air-onnx/core";
import { Command, Option } from "commander";
import { CommandError } from "../failures.js";
import { integerFrom, numberAbove } from "../option-values.js";
import { print } from "../output.js";
import { listenForStop } from "../stop-signal.js";

interface SampleFlags {
  readonly n: number;
  readonly count?: number;
  readonly presencePrior?: number | "fitted";
  readonly seed: number;
  readonly out: string;
}

export function sampleCommand(): Command {
  return new Command("sample")
    .description("Draws scenes from the prior of an exported model, in one picture.")
    .argument("<model folder>", "folder of an exported model")
    .addOption(new Option("--n <n>", "number of scenes").argParser(integerFrom(1, 10_000)).default(24))
    .addOption(
      new Option("--count <n>", "number of objects in each scene (default: drawn from the prior)").argParser(
        integerFrom(0, 100),
      ),
    )
    .addOption(
      new Option(
        "--presence-prior <p>",
        "prior probability of one more object; `fitted` takes the value that fits held-out images best (default: fitted where the model has it, else the prior of training)",
      ).argParser((text) => (text === "fitted" ? text : numberAbove(0, 1)(text))),
    )
    .addOption(new Option("--seed <n>", "seed of the scenes").argParser(integerFrom(0)).default(0))
    .option("--out <file>", "PNG file to write", "samples.png")
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx sample models/multi-mnist
  $ air-onnx sample models/multi-mnist --presence-prior 0.01
  $ air-onnx sample models/multi-strokes --n 24 --count 2
  $ air-onnx sample models/multi-strokes --n 8 --count 1 --seed 3 --out digits.png`,
    )
    .action(async (path: string, { n, count, presencePrior, seed, out }: SampleFlags) => {
      using stopping = listenForStop();
      const { signal } = stopping;
      const { AirModel } = await import("@air-onnx/runtime-node");
      const { contactSheet, writePicture } = await import("@air-onnx/scenes");
      await using model = await AirModel.fromPretrained(path, { signal });
      const { presencePriorFitted } = model.manifest.metrics;
      const isOpen = presencePrior === undefined && count === undefined;
      const prior =
        presencePrior === "fitted"
          ? fittedPrior(path, model.manifest)
          : isOpen && presencePriorFitted !== undefined
            ? presencePriorFitted
            : presencePrior;
      if (isOpen && prior !== undefined) {
        print(
          `Presence prior ${prior.toFixed(3)}, fitted to held-out images; that of training is ${model.config.prior.presence}`,
        );
      }
      const scenes = await model.sample(n, { seed, count, presencePrior: prior, signal });
      const exhibits = scenes.map(({ reconstruction, objects }) => ({
        image: reconstruction,
        boxes: objects.map(({ tightBox }) => tightBox),
        label: String(objects.length),
      }));
      await writePicture(out, contactSheet(exhibits, model.config));
      print(`Picture: ${out}`);
    });
}

/**
 * The presence prior that was fitted to held-out images at the model's export.
 *
 * @throws {CommandError} if the export did not measure it
 */
function fittedPrior(path: string, { metrics }: Manifest): number {
  const { presencePriorFitted } = metrics;
  if (presencePriorFitted !== undefined) return presencePriorFitted;
  throw new CommandError(
    `${path} has no fitted presence prior: export it again, or give --presence-prior the number that air-onnx eval finds`,
  );
}
