/** `air-onnx data`: builds a data set, or loads it from the cache, and describes it. */

import { count } from "@air-onnx/measure/format";
import type { DataPlaces, ImageSource, LabelledImages, TrainingData } from "@air-onnx/scenes";
import { Argument, Command } from "commander";
import { datasetChoices } from "../choices.js";
import {
  addPlaceOptions,
  datasetNamed,
  type ImageFlags,
  imageOptions,
  loadData,
  loadedLine,
  sizeInWords,
} from "../dataset-options.js";
import { CommandError } from "../failures.js";
import { print } from "../output.js";
import { listenForStop } from "../stop-signal.js";
import { table } from "../table.js";

interface DataFlags extends DataPlaces, ImageFlags {
  readonly picture?: string;
  readonly npz?: string;
}

export function dataCommand(): Command {
  const command = new Command("data")
    .description(
      "Builds a data set, or loads it from the cache, and prints its sizes and how many images have how many objects.",
    )
    .addArgument(new Argument("<dataset>", "name of the data set").choices(datasetChoices))
    .option("--picture <file>", "PNG file to write the first held-out images to, with their true boxes")
    .option("--npz <file>", "NPZ file to write all images and counts to, the held-out ones last");
  for (const option of Object.values(imageOptions)) command.addOption(option());
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx data multi-strokes --picture strokes.png
  $ air-onnx data multi-mnist --mnist-dir ~/mnist
  $ air-onnx data multi-dsprites-64 --max-count 3 --npz sprites.npz
  $ air-onnx data npz --data sprites.npz --test-fraction 0.2`,
    )
    .action(async (name: string, options: DataFlags) => {
      using stopping = listenForStop();
      const began = performance.now();
      const dataset = await loadData(datasetNamed(name, "The command"), options, options, stopping);
      print(loadedLine(dataset, (performance.now() - began) / 1000));
      print(describe(dataset));
      if (options.picture !== undefined) {
        await drawTruth(dataset.test, options.picture);
        print(`Picture: ${options.picture}`);
      }
      if (options.npz !== undefined) {
        await writeAll(dataset, options.npz);
        print(`NPZ: ${options.npz}`);
      }
    });
}

function describe({ train, test }: TrainingData): string {
  const { imageSize, channels } = train;
  const counts = Array.from({ length: test.maxObjects + 1 }, (_, n) => n);
  const row = (label: string, set: ImageSource): string[] => [
    label,
    sizeInWords(set.size),
    ...counts.map((n) =>
      hasCounts(set) ? count(set.counts.reduce((sum, each) => sum + (each === n ? 1 : 0), 0)) : "?",
    ),
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

/** Tells whether the counts of all images are known. Streams and some images of users have none. */
function hasCounts(set: ImageSource): set is LabelledImages {
  return "counts" in set;
}

async function writeAll({ name, train, test }: TrainingData, path: string): Promise<void> {
  if (!hasCounts(train)) {
    const reason = train.size === Number.POSITIVE_INFINITY ? "a stream has no end" : "the counts of some are not known";
    throw new CommandError(`The images of ${name} cannot be written to ${path}: ${reason}`);
  }
  const { emptyScenes, unpackScenes, writeNpz } = await import("@air-onnx/scenes");
  const { imageSize, channels, maxObjects } = train;
  // Both splits belong to one set, so their images have the same form.
  const all = emptyScenes(train.size + test.size, imageSize, channels, maxObjects);
  const [first, last] = [unpackScenes(train), unpackScenes(test)];
  for (const key of ["images", "counts", "boxes"] as const) {
    all[key].set(first[key]);
    all[key].set(last[key], first[key].length);
  }
  await writeNpz(path, all);
}

async function drawTruth(scenes: LabelledImages, path: string): Promise<void> {
  const { trueBoxes } = await import("@air-onnx/scenes");
  const { contactSheet, firstImages, SHEET, writePicture } = await import("@air-onnx/scenes");
  const exhibits = firstImages(scenes, SHEET.images).map((image, i) => {
    return { image, boxes: trueBoxes(scenes, i), label: String(scenes.counts[i]) };
  });
  await writePicture(path, contactSheet(exhibits, scenes));
}
