/** `air-onnx data`: builds a data set, or loads it from the cache, and describes it. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { count } from "@air-onnx/measure/format";
import type { DataPlaces, ImageSource, LabelledImages, TrainingData } from "@air-onnx/scenes";
import { Argument, Command, Option } from "commander";
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
import { CommandError, UsageError } from "../failures.js";
import { integerFrom } from "../option-values.js";
import { print } from "../output.js";
import { listenForStop } from "../stop-signal.js";
import { table } from "../table.js";

interface DataFlags extends DataPlaces, ImageFlags {
  readonly picture?: string;
  readonly npz?: string;
  readonly png?: string;
  readonly n?: number;
}

export function dataCommand(): Command {
  const command = new Command("data")
    .description(
      "Builds a data set, or loads it from the cache, and prints its sizes and how many images have how many objects.",
    )
    .addArgument(new Argument("<dataset>", "name of the data set").choices(datasetChoices))
    .option("--picture <file>", "PNG file to write the first held-out images to, with their true boxes")
    .option(
      "--png <folder>",
      "new folder to write the first held-out images to as PNG files, with their counts in counts.csv",
    )
    .addOption(new Option("--n <n>", "number of these PNG files (default: 24)").argParser(integerFrom(1)))
    .option(
      "--npz <file>",
      "NPZ file to write all images and counts to, the held-out ones last, images without a count behind those with one",
    );
  for (const option of Object.values(imageOptions)) command.addOption(option());
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx data multi-strokes --picture strokes.png
  $ air-onnx data multi-mnist --mnist-dir ~/mnist
  $ air-onnx data multi-mnist --png digits --n 8
  $ air-onnx data multi-dsprites-64 --max-count 3 --npz sprites.npz
  $ air-onnx data npz --data sprites.npz --test-fraction 0.2`,
    )
    .action(async (name: string, options: DataFlags) => {
      using stopping = listenForStop();
      if (options.n !== undefined && options.png === undefined) throw new UsageError("--n needs --png");
      const began = performance.now();
      const dataset = await loadData(datasetNamed(name, "The command"), options, options, stopping);
      print(loadedLine(dataset, (performance.now() - began) / 1000));
      print(describe(dataset));
      if (options.picture !== undefined) {
        await drawTruth(dataset.test, options.picture);
        print(`Picture: ${options.picture}`);
      }
      if (options.png !== undefined) {
        const written = await writePngs(dataset.test, options.png, options.n);
        print(`PNG: ${written} images in ${options.png}`);
      }
      if (options.npz !== undefined) {
        await writeAll(dataset, options.npz);
        print(`NPZ: ${options.npz}`);
      }
    });
}

function describe({ train, test }: TrainingData): string {
  const { imageSize, channels } = train;
  const all = [train, test].filter(hasCounts);
  const most = Math.max(...all.map(({ maxObjects }) => maxObjects));
  const counts = all.some((set) => set.counts.length > 0) ? Array.from({ length: most + 1 }, (_, n) => n) : [];
  const isPartial = all.some((set) => set.counts.length < set.size);
  const row = (label: string, set: ImageSource): string[] => [
    label,
    sizeInWords(set.size),
    ...counts.map((n) =>
      hasCounts(set) ? count(set.counts.reduce((sum, each) => sum + (each === n ? 1 : 0), 0)) : "?",
    ),
    ...(isPartial ? [hasCounts(set) ? count(set.size - set.counts.length) : "?"] : []),
  ];
  return table([
    [
      `${imageSize}x${imageSize}, ${channels === 1 ? "grey" : `${channels} channels`}`,
      "images",
      ...counts.map((n) => `with ${n}`),
      ...(isPartial ? ["without a count"] : []),
    ],
    row("train", train),
    row("held out", test),
  ]);
}

/** Tells whether the truth about the images is known, as far as it can be: a stream has none. */
function hasCounts(set: ImageSource): set is LabelledImages {
  return "counts" in set;
}

async function writeAll({ name, train, test }: TrainingData, path: string): Promise<void> {
  if (!hasCounts(train))
    throw new CommandError(`The images of ${name} cannot be written to ${path}: a stream has no end`);
  const { joinScenes, unpackScenes, writeNpz } = await import("@air-onnx/scenes");
  await writeNpz(path, joinScenes(unpackScenes(train), unpackScenes(test)));
}

/** Writes the first images as PNG files, and the counts that are known. */
async function writePngs(scenes: LabelledImages, folder: string, wanted = 24): Promise<number> {
  const { encodePng, firstImages, OutputFolderError, writeInFolder } = await import("@air-onnx/scenes");
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new OutputFolderError(`Cannot write images to ${folder}: the folder is not empty`, folder, {
      kind: "occupied",
      holds: "other",
    });
  }
  const images = firstImages(scenes, wanted);
  const { imageSize, channels } = scenes;
  const name = (i: number): string => `${String(i).padStart(String(images.length - 1).length, "0")}.png`;
  const plane = imageSize ** 2;
  for (const [i, image] of images.entries()) {
    const data = Uint8Array.from({ length: image.length }, (_, at) => {
      return Math.round(255 * image[(at % channels) * plane + Math.floor(at / channels)]!);
    });
    const raster = { width: imageSize, height: imageSize, channels: channels === 3 ? 3 : 1, data } as const;
    await writeInFolder(join(folder, name(i)), encodePng(raster));
  }
  const counts = [...scenes.counts.subarray(0, images.length)].map((each, i) => `${name(i)},${each}\n`);
  if (counts.length > 0) await writeInFolder(join(folder, "counts.csv"), `file,count\n${counts.join("")}`);
  return images.length;
}

async function drawTruth(scenes: LabelledImages, path: string): Promise<void> {
  const { trueBoxes } = await import("@air-onnx/scenes");
  const { contactSheet, firstImages, SHEET, writePicture } = await import("@air-onnx/scenes");
  const exhibits = firstImages(scenes, SHEET.images).map((image, i) => {
    return { image, boxes: trueBoxes(scenes, i), label: String(scenes.counts[i] ?? "") };
  });
  await writePicture(path, contactSheet(exhibits, scenes));
}
