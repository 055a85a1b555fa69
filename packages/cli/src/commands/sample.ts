/** `air-onnx sample`: scenes that an exported model imagines. */
import { Command, Option } from "commander";
import { integer } from "../option-values.js";
import { print } from "../output.js";
import { listenForStop } from "../stop-signal.js";

interface SampleFlags {
  readonly n: number;
  readonly count?: number;
  readonly seed: number;
  readonly out: string;
}

export function sampleCommand(): Command {
  return new Command("sample")
    .summary("draw scenes that a model imagines")
    .description("Draws scenes from the prior of an exported model into one picture.")
    .argument("<model folder>", "an exported model")
    .addOption(new Option("--n <n>", "scenes").argParser(integer(1, 10_000)).default(24))
    .addOption(
      new Option("--count <n>", "objects in each scene (default: drawn from the prior, mostly none)").argParser(
        integer(0, 100),
      ),
    )
    .addOption(new Option("--seed <n>", "other scenes for another seed").argParser(integer(0)).default(0))
    .option("--out <file>", "the picture, PNG", "samples.png")
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx sample models/multi-strokes --n 24 --count 2
  $ air-onnx sample models/multi-strokes --n 8 --count 1 --seed 3 --out digits.png`,
    )
    .action(async (path: string, { n, count, seed, out }: SampleFlags) => {
      using stopping = listenForStop();
      const { signal } = stopping;
      const { AirModel } = await import("@air-onnx/runtime-node");
      const { contactSheet, writePicture } = await import("../scene-sheets.js");
      await using model = await AirModel.fromPretrained(path, { signal });
      const scenes = await model.sample(n, { seed, count, signal });
      const exhibits = scenes.map(({ reconstruction, objects }) => ({
        image: reconstruction,
        boxes: objects.map(({ box }) => box),
        label: String(objects.length),
      }));
      await writePicture(out, contactSheet(exhibits, model.config));
      print(`Picture: ${out}`);
    });
}
