/** `air-onnx infer`: finds the objects in images, as JSON, as tables and as pictures with boxes. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PictureFit, PictureScene } from "@air-onnx/core";
import type { AirModel } from "@air-onnx/runtime-node";
import type { Raster } from "@air-onnx/scenes";
import { Command, Option } from "commander";
import { deviceChoices, fitChoices, modeChoices } from "../choices.js";
import { CommandError, StoppedError, UsageError } from "../failures.js";
import type { InferenceFiles } from "../inference-files.js";
import { fitScale, integerFrom, numberFrom, numbersFrom } from "../option-values.js";
import { notice, print } from "../output.js";
import { showProgress } from "../progress.js";
import { listenForStop } from "../stop-signal.js";

interface InferFlags {
  readonly fit: PictureFit;
  readonly fitScale?: number;
  readonly device: (typeof deviceChoices)[number];
  readonly mode: (typeof modeChoices)[number];
  readonly seed?: number;
  readonly latents?: true;
  readonly prune: boolean;
  readonly zoom?: "auto" | readonly number[];
  readonly threshold?: number;
  readonly json?: string;
  readonly csv?: string;
  readonly objectsCsv?: string;
  readonly out?: string;
  readonly stepsPicture?: string;
  readonly windows?: true;
}

/** Most images in one picture of steps. */
const STEPS_PICTURE_IMAGES = 24;
/** Most sizes of images of which a line says how they were fitted. */
const MOST_SIZES = 5;

export function inferCommand(): Command {
  return new Command("infer")
    .description(
      "Finds the objects in images by an exported model. Prints JSON with counts and boxes, or writes it, tables for spreadsheets, and pictures.",
    )
    .argument("<model folder>", "folder of an exported model")
    .argument("<images...>", "PNG, JPEG, WebP or TIFF files of any size, or folders of them")
    .addOption(
      new Option(
        "--fit <how>",
        "how images of any size become the model's: auto: as those of its training did; tiles: at their own scale, a larger one in overlapping tiles, a smaller one with ground around it; scale: the longer side becomes the model's; exact: other sizes are refused",
      )
        .choices(fitChoices)
        .default("auto"),
    )
    .addOption(
      new Option(
        "--fit-scale <x>",
        "pixels of the model's images for one pixel of a file, with --fit auto or tiles: for another magnification than that of training (default: that of training with auto, 1 with tiles)",
      ).argParser(fitScale),
    )
    .option("--csv <file>", "file to write a table to: one row for each image, with its count")
    .option("--objects-csv <file>", "file to write a table to: one row for each object, with its box")
    .option("--json <file>", "file to write the JSON to; without it and a table, it is printed")
    .option("--out <folder>", "folder to write each image with boxes to, as PNG in its own size and colours")
    .option("--windows", "draw the windows that the model looked through as well, in thin lines, with --out")
    .option(
      "--steps-picture <file>",
      `PNG file to write the glimpse, patch and canvas of each step to, for the first ${STEPS_PICTURE_IMAGES} images of the model's size`,
    )
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
A file that cannot be used is named and skipped; the exit code is then 1.

Examples:
  $ air-onnx infer models/multi-strokes digits.png
  $ air-onnx infer models/plates photos/ --csv counts.csv --objects-csv objects.csv --out annotated
  $ air-onnx infer models/multi-strokes digits.png --steps-picture steps.png
  $ air-onnx infer models/multi-mnist large-digit.png --zoom auto`,
    )
    .action(async (path: string, images: string[], flags: InferFlags) => {
      if (flags.windows && flags.out === undefined) throw new UsageError("--windows needs --out");
      if (flags.fitScale !== undefined && flags.fit !== "auto" && flags.fit !== "tiles") {
        throw new UsageError(`--fit-scale is for --fit auto and tiles, not ${flags.fit}`);
      }
      if (flags.seed !== undefined && flags.mode !== "sample") throw new UsageError("--seed needs --mode sample");
      if (flags.zoom !== undefined && flags.mode === "sample") throw new UsageError("--zoom needs --mode mean");
      if (flags.zoom !== undefined && flags.stepsPicture !== undefined) {
        throw new UsageError("--steps-picture shows the steps of one zoom: leave out --zoom");
      }
      using stopping = listenForStop();
      const { hasPictureName } = await import("@air-onnx/scenes");
      const files = images.flatMap((path) => pictureFiles(path, hasPictureName));
      await using model = await openModel(path, flags, stopping.signal);
      if (flags.zoom !== undefined && model.config.likelihood.type !== "gaussian") {
        throw new UsageError(
          `--zoom is for models with a Gaussian likelihood, ${path} has a ${model.config.likelihood.type} one`,
        );
      }
      await inferAndWrite(files, model, flags, stopping.signal);
    });
}

/** Opens a model; of a path that is none, the error says what it is. */
async function openModel(path: string, { device }: InferFlags, signal: AbortSignal): Promise<AirModel> {
  const { AirModel } = await import("@air-onnx/runtime-node");
  try {
    return await AirModel.fromPretrained(path, { device, probeApart: true, onNotice: notice, signal });
  } catch (cause) {
    const { ConfigError, ModelFileError } = await import("@air-onnx/core");
    const { notAModel } = await import("../model-folder-advice.js");
    const isWrongPath =
      cause instanceof ConfigError || (cause instanceof ModelFileError && cause.kind === "unreadable");
    const what = isWrongPath ? notAModel(path) : undefined;
    throw what === undefined ? cause : new CommandError(what, { cause });
  }
}

/** Infers all files and writes what the flags ask for. */
async function inferAndWrite(
  files: readonly string[],
  model: AirModel,
  flags: InferFlags,
  signal: AbortSignal,
): Promise<void> {
  const { InferenceFiles } = await import("../inference-files.js");
  const { inferFiles } = await import("../infer-pictures.js");
  const { fit, fitScale, mode, seed, zoom, threshold, prune } = flags;
  const printsJson = flags.json === undefined && flags.csv === undefined && flags.objectsCsv === undefined;
  const { json, csv, objectsCsv, out, windows = false, latents = false } = flags;
  const written = await InferenceFiles.make(files, { json, printsJson, csv, objectsCsv, out, windows, latents });
  const say = new InferenceNotices(model, flags);
  const firstOwn: Raster[] = [];
  const failed: string[] = [];
  try {
    using progress = await showProgress({ label: "infer", quiet: printsJson });
    const onProgress = (done: number): void =>
      progress.update(done, files.length, `${Math.floor(done)} of ${files.length} images`);
    const options = { fit, fitScale, mode, seed, zoom, threshold, signal, ...(!prune && { prune }) };
    for await (const result of inferFiles(files, { model, options, say: notice, onProgress })) {
      await written.add(result);
      if ("reason" in result) {
        failed.push(result.file);
        notice(`${result.file} is skipped: it ${result.reason}`);
        continue;
      }
      say.about(result.file, result.scene);
      const isOwn = [result.picture.width, result.picture.height].every((side) => side === model.config.imageSize);
      if (flags.stepsPicture !== undefined && isOwn && firstOwn.length < STEPS_PICTURE_IMAGES)
        firstOwn.push(result.picture);
    }
  } catch (cause) {
    throw await keepingWhatIsDone(cause, written, files.length, flags);
  }
  await written.keep();
  if (threshold !== undefined && !isCalibrated(model, flags)) {
    notice(`--threshold compares the objects' presences, which are not calibrated: ${whyNotCalibrated(flags)}.`);
  }
  if (flags.stepsPicture !== undefined)
    await drawSteps(flags.stepsPicture, firstOwn, files.length, model, flags, signal);
  (printsJson ? notice : print)(written.total());
  const places = [...placesOf(flags), ...(flags.stepsPicture === undefined ? [] : [flags.stepsPicture])];
  if (places.length > 0 && !printsJson) print(`Written: ${places.join(", ")}`);
  if (failed.length > 0) {
    throw new CommandError(
      `${failed.length} of ${files.length} files could not be used: ${failed.slice(0, 5).join(", ")}${failed.length > 5 ? ", …" : ""}`,
    );
  }
}

function placesOf({ json, csv, objectsCsv, out }: InferFlags): string[] {
  return [json, csv, objectsCsv, out].filter((place) => place !== undefined);
}

/** After a stop or a fault: keeps the rows of the images that are done, and returns the error that says so. */
async function keepingWhatIsDone(
  cause: unknown,
  written: InferenceFiles,
  total: number,
  flags: InferFlags,
): Promise<unknown> {
  const { answered, failed } = written.done;
  if (answered + failed === 0) {
    await written.discard();
    return cause;
  }
  try {
    await written.keep();
  } catch {
    // What cannot be written is often the fault itself.
    await written.discard();
    return cause;
  }
  const places = placesOf(flags);
  const kept = `${answered + failed} of ${total} images are done${places.length > 0 ? `, and in ${places.join(", ")}` : ""}`;
  if (cause instanceof StoppedError) return new StoppedError(cause.signal, `Stopped: ${kept}.`);
  notice(`${kept}.`);
  return cause;
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

function isCalibrated({ manifest }: AirModel, { mode }: InferFlags): boolean {
  return manifest.score !== undefined && mode === "mean";
}

function whyNotCalibrated({ mode }: InferFlags): string {
  return mode === "sample" ? "scores are for --mode mean" : "the model's config.json has no score";
}

/** The notices about images: how they were fitted, and whether the model was made for them. */
class InferenceNotices {
  readonly #model: AirModel;
  readonly #sizes = new Set<string>();

  constructor(model: AirModel, { mode }: InferFlags) {
    this.#model = model;
    if (!model.manifest.typicality) {
      notice("This model cannot tell images that are unlike its training data: its config.json has no typicality.");
    } else if (mode === "sample") {
      notice("Whether the images are like the training data is not judged with --mode sample.");
    }
  }

  about(file: string, scene: PictureScene): void {
    this.#sayFit(scene);
    const { typical, typicality, unlikeTiles, tiles } = scene;
    if (typical !== false) return;
    const beyond = Object.entries(typicality ?? {})
      .filter(([, { value, limit }]) => value > limit)
      .map(([name, { value, limit }]) => `${name} ${value.toFixed(1)}, typical up to ${limit.toFixed(1)}`);
    const why = typicality ? beyond.join("; ") : `${unlikeTiles} of its ${tiles.length} tiles`;
    notice(`${file} is unlike anything this model was trained on: its count is a guess (${why}).`);
  }

  /** Says once for each size of images what was done to them. */
  #sayFit({ width, height, tiles, scale }: PictureScene): void {
    const { imageSize: side } = this.#model.config;
    const size = `${width}x${height}`;
    if ((size === `${side}x${side}` && scale === 1) || this.#sizes.has(size) || this.#sizes.size > MOST_SIZES) return;
    this.#sizes.add(size);
    if (this.#sizes.size > MOST_SIZES) {
      notice("Images of further sizes are fitted likewise.");
      return;
    }
    const by = `scaled by ${Number(scale.toPrecision(3))}`;
    if (scale !== 1 && Math.round(scale * Math.max(width, height)) === side) {
      notice(`Images of ${size} are ${by} to fit into ${side}x${side}. [--fit, --fit-scale]`);
      return;
    }
    const at = scale === 1 ? "inferred at their own scale" : `${by} and inferred`;
    const how =
      tiles.length > 1
        ? `in ${tiles.length} overlapping tiles of ${side}x${side}`
        : `in the middle of ${side}x${side}; the rest is ground`;
    notice(`Images of ${size} are ${at} ${how}. [--fit, --fit-scale]`);
  }
}

async function drawSteps(
  file: string,
  shown: readonly Raster[],
  size: number,
  model: AirModel,
  { mode, seed }: InferFlags,
  signal: AbortSignal,
): Promise<void> {
  const { config, manifest } = model;
  if (shown.length === 0) {
    throw new CommandError(
      `--steps-picture shows images of the model's size, ${config.imageSize}x${config.imageSize}: there is none`,
    );
  }
  const { toImageBatch } = await import("@air-onnx/core");
  const { attendTo, attentionSheet, writePicture } = await import("@air-onnx/scenes");
  // The samples of an image depend only on the seed and its index, so these scenes equal those of the whole call if all are shown.
  const attended = await attendTo(model, toImageBatch(shown, config, manifest.normalisation), { mode, seed, signal });
  await writePicture(file, attentionSheet(attended, { ...config, scale: 3 }));
  if (size > shown.length) notice(`${file} shows ${shown.length} of ${size} images`);
}
