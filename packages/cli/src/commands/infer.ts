/** `air-onnx infer`: finds the objects in images, as JSON and as pictures with boxes. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import type { AirConfig, Scene } from "@air-onnx/core";
import type { AirModel } from "@air-onnx/runtime-node";
import { Command, Option } from "commander";
import { deviceChoices, modeChoices } from "../choices.js";
import { CommandError, UsageError } from "../failures.js";
import { integerFrom, numberFrom, numbersFrom } from "../option-values.js";
import { notice, print, printJson } from "../output.js";
import { listenForStop } from "../stop-signal.js";

interface InferFlags {
  readonly device: (typeof deviceChoices)[number];
  readonly mode: (typeof modeChoices)[number];
  readonly seed?: number;
  readonly latents?: true;
  readonly prune: boolean;
  readonly zoom?: "auto" | readonly number[];
  readonly threshold?: number;
  readonly json?: string;
  readonly out?: string;
  readonly stepsPicture?: string;
  readonly windows?: true;
}

/** Most images in one picture of steps. */
const STEPS_PICTURE_IMAGES = 24;

export function inferCommand(): Command {
  return new Command("infer")
    .description(
      "Finds the objects in images by an exported model. Prints JSON with counts and boxes, and can draw pictures.",
    )
    .argument("<model folder>", "folder of an exported model")
    .argument("<images...>", "PNG, JPEG, WebP or TIFF files, or folders of them")
    .option("--out <folder>", "folder to write a PNG file of each image to, with tight boxes and reconstruction")
    .option("--windows", "draw the windows that the model looked through as well, in thin lines, with --out")
    .option(
      "--steps-picture <file>",
      `PNG file to write the glimpse, patch and canvas of each step to, for the first ${STEPS_PICTURE_IMAGES} images`,
    )
    .option("--json <file>", "file to write the JSON to instead of standard output")
    .option("--latents", "include z_what of each object in the JSON")
    .option("--no-prune", "keep objects that explain nothing, such as a window between two objects")
    .addOption(
      new Option(
        "--threshold <score>",
        "leave out objects whose score, the probability that they are really there, is below this number from 0 to 1",
      ).argParser(numberFrom(0, 1)),
    )
    .addOption(
      new Option(
        "--zoom <shares>",
        "infer each image at several shares of its size, such as 1,0.7,0.5, or auto for 1 down to 0.35, and keep the scene that explains it best: finds objects larger than those of training",
      ).argParser((text) => (text === "auto" ? text : numbersFrom(0.1, 1)(text))),
    )
    .addOption(new Option("--device <name>", "device that runs the model").choices(deviceChoices).default("cpu"))
    .addOption(new Option("--mode <name>", "use the posterior means, or samples").choices(modeChoices).default("mean"))
    .addOption(new Option("--seed <n>", "seed of the samples, with --mode sample").argParser(integerFrom(0)))
    .addHelpText(
      "after",
      `
A line names each image that is unlike the training data, and the JSON has its "typical": false: its count is a guess.

Examples:
  $ air-onnx infer models/multi-strokes digits.png
  $ air-onnx infer models/multi-strokes photos/ --out annotated --json scenes.json
  $ air-onnx infer models/multi-strokes digits.png --steps-picture steps.png
  $ air-onnx infer models/multi-mnist large-digit.png --zoom auto`,
    )
    .action(async (path: string, images: string[], flags: InferFlags) => {
      if (flags.windows && flags.out === undefined) throw new UsageError("--windows needs --out");
      if (flags.seed !== undefined && flags.mode !== "sample") throw new UsageError("--seed needs --mode sample");
      if (flags.zoom !== undefined && flags.mode === "sample") throw new UsageError("--zoom needs --mode mean");
      if (flags.zoom !== undefined && flags.stepsPicture !== undefined) {
        throw new UsageError("--steps-picture shows the steps of one zoom: leave out --zoom");
      }
      using stopping = listenForStop();
      const { signal } = stopping;
      const { hasPictureName } = await import("@air-onnx/scenes");
      const files = images.flatMap((path) => pictureFiles(path, hasPictureName));
      const { AirModel } = await import("@air-onnx/runtime-node");
      await using model = await AirModel.fromPretrained(path, {
        device: flags.device,
        probeApart: true,
        onNotice: notice,
        signal,
      });
      const batch = await readImages(files, model);
      const { mode, seed, zoom, threshold } = flags;
      if (zoom !== undefined && model.config.likelihood.type !== "gaussian") {
        throw new UsageError(
          `--zoom is for models with a Gaussian likelihood, ${path} has a ${model.config.likelihood.type} one`,
        );
      }
      const scenes = await model.infer(batch, {
        mode,
        seed,
        zoom,
        threshold,
        signal,
        ...(!flags.prune && { prune: false }),
      });
      sayWhatIsUnlike(files, scenes, model);
      if (threshold !== undefined && !isCalibrated(model, flags)) {
        notice(`--threshold compares the objects' presences, which are not calibrated: ${whyNotCalibrated(flags)}.`);
      }
      if (flags.out !== undefined) await drawScenes(flags.out, files, batch, scenes, model.config, flags);
      if (flags.stepsPicture !== undefined)
        await drawSteps(flags.stepsPicture, batch, files.length, model, flags, signal);
      const described = scenes.map((scene, i) => describe(files[i]!, scene, flags.latents === true));
      if (flags.json === undefined) return printJson(described);
      const { writeInFolder } = await import("@air-onnx/scenes");
      await writeInFolder(flags.json, `${JSON.stringify(described, null, 2)}\n`);
      const pictures = flags.out === undefined ? "" : `, pictures in ${flags.out}`;
      const steps = flags.stepsPicture === undefined ? "" : `, steps in ${flags.stepsPicture}`;
      print(`${files.length} images: ${flags.json}${pictures}${steps}`);
    });
}

/** Returns the file itself, or the images of a folder in the order of their names. */
function pictureFiles(path: string, isPicture: (name: string) => boolean): string[] {
  if (!existsSync(path)) throw new CommandError(`There is no image ${path}`);
  if (!statSync(path).isDirectory()) return [path];
  const files = readdirSync(path)
    .filter((name) => isPicture(name) && !name.startsWith("."))
    .sort()
    .map((name) => join(path, name));
  if (files.length === 0) throw new CommandError(`The folder ${path} has no images (PNG, JPEG, WebP or TIFF files)`);
  return files;
}

/**
 * Reads all images into one batch `[B, C, S, S]`.
 *
 * @throws {CommandError} naming an image that the model cannot take, and the reason
 */
async function readImages(files: readonly string[], { config, manifest }: AirModel): Promise<Float32Array> {
  const { ImageError, writePlanes } = await import("@air-onnx/core");
  const { readPictures } = await import("@air-onnx/scenes");
  const pictures = await readPictures(files, notice);
  const length = config.channels * config.imageSize ** 2;
  const batch = new Float32Array(files.length * length);
  files.forEach((file, i) => {
    try {
      writePlanes(pictures[i]!, config, batch.subarray(i * length, (i + 1) * length), manifest.normalisation);
    } catch (cause) {
      if (!(cause instanceof ImageError)) throw cause;
      throw new CommandError(`${file} ${cause.problem}`, { cause });
    }
  });
  return batch;
}

function isCalibrated({ manifest }: AirModel, { mode }: InferFlags): boolean {
  return manifest.score !== undefined && mode === "mean";
}

function whyNotCalibrated({ mode }: InferFlags): string {
  return mode === "sample" ? "scores are for --mode mean" : "the model's config.json has no score";
}

/** Says which images the model was not made for, or once that it cannot say so. */
function sayWhatIsUnlike(files: readonly string[], scenes: readonly Scene[], { manifest }: AirModel): void {
  if (!manifest.typicality) {
    notice("This model cannot tell images that are unlike its training data: its config.json has no typicality.");
  } else if (scenes.some(({ typical }) => typical === undefined)) {
    notice("Whether the images are like the training data is not judged with --mode sample.");
  }
  scenes.forEach(({ typical, typicality }, i) => {
    if (typical !== false) return;
    const beyond = Object.entries(typicality!)
      .filter(([, { value, limit }]) => value > limit)
      .map(([name, { value, limit }]) => `${name} ${value.toFixed(1)}, typical up to ${limit.toFixed(1)}`);
    notice(`${files[i]} is unlike anything this model was trained on: its count is a guess (${beyond.join("; ")}).`);
  });
}

function describe(
  file: string,
  { count, countProbabilities, objects, elbo, typical, typicality, zoom }: Scene,
  latents: boolean,
): unknown {
  return {
    file,
    count,
    ...(typical !== undefined && { typical, typicality }),
    ...(zoom !== undefined && { zoom }),
    countProbabilities,
    objects: objects.map(({ presence, score, tightBox, box, zWhere, zWhat }) => ({
      score,
      presence,
      tightBox,
      box,
      zWhere,
      ...(latents && { zWhat: Array.from(zWhat) }),
    })),
    elbo,
  };
}

async function drawScenes(
  folder: string,
  files: readonly string[],
  batch: Float32Array,
  scenes: readonly Scene[],
  config: AirConfig,
  { windows }: InferFlags,
): Promise<void> {
  const { sideBySide, writePicture } = await import("@air-onnx/scenes");
  const length = batch.length / files.length;
  const names = uniqueNames(files);
  for (const [i, { reconstruction, objects }] of scenes.entries()) {
    const boxes = objects.map(({ tightBox }) => tightBox);
    const thin = windows ? objects.map(({ box }) => box) : [];
    const image = batch.subarray(i * length, (i + 1) * length);
    await writePicture(join(folder, names[i]!), sideBySide(image, reconstruction, boxes, config, thin));
  }
}

async function drawSteps(
  file: string,
  batch: Float32Array,
  size: number,
  model: AirModel,
  { mode, seed }: InferFlags,
  signal: AbortSignal,
): Promise<void> {
  const { attentionSheet } = await import("@air-onnx/scenes");
  const { attendTo } = await import("@air-onnx/scenes");
  const { writePicture } = await import("@air-onnx/scenes");
  const shown = batch.subarray(0, (batch.length / size) * Math.min(size, STEPS_PICTURE_IMAGES));
  // The samples of an image depend only on the seed and its index, so these scenes equal those of the whole call.
  const attended = await attendTo(model, shown, { mode, seed, signal });
  await writePicture(file, attentionSheet(attended, { ...model.config, scale: 3 }));
  if (size > STEPS_PICTURE_IMAGES) notice(`${file} shows the first ${STEPS_PICTURE_IMAGES} of ${size} images`);
}

/** A file name for each image: its own, with a number if images from different folders share it. */
function uniqueNames(files: readonly string[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const stem = basename(file, extname(file));
    let name = `${stem}.png`;
    for (let n = 2; taken.has(name); n++) name = `${stem}-${n}.png`;
    taken.add(name);
    return name;
  });
}
