/** `air-onnx data`: builds a data set, or loads it from the cache, and says what is in it. */
import type { Dataset, SceneSet } from "@air-onnx/train";
import { Argument, Command } from "commander";
import { datasetChoices } from "../choices.js";
import {
  addPlaceOptions,
  type DataPlaces,
  type DataSizes,
  dataSeedOption,
  datasetNamed,
  loadData,
  loadedLine,
  testSizeOption,
  trainSizeOption,
} from "../dataset-options.js";
import { count, table } from "../format.js";
import { print } from "../output.js";
import { listenForStop } from "../stop-signal.js";

export function dataCommand(): Command {
  const command = new Command("data")
    .summary("build or load a data set")
    .description(
      "Builds a data set, or loads it from the cache, and prints its sizes and how many objects images have.",
    )
    .addArgument(new Argument("<dataset>", "which one").choices(datasetChoices))
    .addOption(trainSizeOption())
    .addOption(testSizeOption())
    .addOption(dataSeedOption())
    .option("--picture <file>", "write the first held-out images with their true boxes as PNG");
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx data multi-strokes --picture strokes.png
  $ air-onnx data multi-mnist --mnist-dir ~/mnist`,
    )
    .action(async (name: string, options: DataPlaces & DataSizes & { readonly picture?: string }) => {
      using stopping = listenForStop();
      const began = performance.now();
      const dataset = await loadData(datasetNamed(name, "The command"), options, options, stopping);
      print(loadedLine(dataset, (performance.now() - began) / 1000));
      print(describe(dataset));
      if (options.picture !== undefined) {
        await drawTruth(dataset.test, options.picture);
        print(`Picture: ${options.picture}`);
      }
    });
}

function describe({ train, test }: Dataset): string {
  const { imageSize, channels } = train;
  const counts = Array.from({ length: train.maxObjects + 1 }, (_, n) => n);
  const row = (label: string, { counts: truth, size }: SceneSet): string[] => [
    label,
    count(size),
    ...counts.map((n) => count(truth.reduce((sum, each) => sum + (each === n ? 1 : 0), 0))),
  ];
  return table([
    [
      `${imageSize}x${imageSize}, ${channels === 1 ? "grey" : `${channels} channels`}`,
      "images",
      ...counts.map((n) => `with ${n}`),
    ],
    row("train", train),
    row("held out", test),
  ]);
}

async function drawTruth(scenes: SceneSet, path: string): Promise<void> {
  const { trueBoxes } = await import("@air-onnx/train");
  const { contactSheet, firstImages, SHEET, writePicture } = await import("../scene-sheets.js");
  const exhibits = firstImages(scenes, SHEET.images).map((image, i) => {
    const boxes = trueBoxes(scenes, i);
    return { image, boxes, label: String(boxes.length) };
  });
  await writePicture(path, contactSheet(exhibits, scenes));
}
