/**
 * The conversion of a model folder to another form, without the run that it came from: other weights, another opset, and a
 * scene file for a folder that has none.
 */
import { join } from "node:path";
import { MANIFEST_VERSION, type Manifest, manifestSchema, parseWith } from "@air-onnx/core";
import { type Measurement, manifestMetrics, measureModel } from "@air-onnx/measure";
import { AirModel } from "@air-onnx/runtime-node";
import { readModelFolder } from "@air-onnx/runtime-node/open-graphs";
import { readWholeFile, type SceneSet } from "@air-onnx/scenes";
import { Differences, summedMagnitudes } from "./differences.js";
import { ConversionError } from "./errors.js";
import {
  CARD_FILE,
  clearKilledExports,
  type FinishedFolder,
  type FolderOptions,
  fileEntries,
  refuseToReplace,
  writeModelFolder,
} from "./export-model.js";
import { modelCard, withFilesSection } from "./model-card.js";
import { type FileForm, modelGraphs } from "./model-graphs.js";
import type { Opset } from "./opset.js";
import { SceneFileCheck } from "./scene-parity.js";

/** Options of {@link convertModel}: what is left out stays as it is in the folder. */
export interface ConvertOptions extends Partial<FileForm>, Pick<FolderOptions, "overwrite" | "onNotice"> {
  /** SPDX expression of the model's licence. */
  readonly license?: string | undefined;
  /** Held-out images on which the model is measured anew. Weights of less precision need them. */
  readonly heldOut?: SceneSet | undefined;
  /** Called with the number of measured trajectories, and how many there are in total. */
  readonly onMeasured?: ((done: number, total: number) => void) | undefined;
  /** Stops the conversion; nothing is written then. */
  readonly signal?: AbortSignal | undefined;
}

/** Result of {@link convertModel}. */
export interface ConvertedModel {
  /** The manifest that was written. */
  readonly manifest: Manifest;
  /** Measures of the model as it is stored now; undefined if it was not measured. */
  readonly measurement: Measurement | undefined;
  /** Number of images on which the scene file was compared with the runtime. */
  readonly compared: number;
}

/** Scenes that the model draws itself, on which the scene file is compared with the runtime. */
const DRAWN = { images: 500, seed: 17, presencePrior: 0.6 } as const;
const BATCH_SIZE = 100;
/** Most bytes of a model's card that are read; a larger one is written anew, as one that is not there. */
const MAX_CARD_BYTES = 2 ** 20;
/** Largest difference between the scene file and the runtime; ten times as much over all steps, see `ParityOptions`. */
const TOLERANCE = 1e-4;

/** Precision of the types of weights: a conversion to a lower one changes what the model computes. */
const precision = { float32: 2, float16: 1, int8: 0 } as const;

/** Whether a conversion changes the weights, so that the model must be measured anew. */
export function losesPrecision(from: FileForm["weights"], to: FileForm["weights"]): boolean {
  return precision[to] < precision[from];
}

/**
 * Converts the model folder `source` to the folder `directory`, which may be the same. The scene file is compared with the
 * runtime on 500 scenes that the model draws itself.
 *
 * @throws {ModelFileError} if the source is no whole model folder
 * @throws {ConversionError} if the weights lose precision and there are no images to measure the model on, or the scene file
 *   differs from the runtime; nothing is written then
 * @throws {OpsetError} if the model cannot be written in this opset
 * @throws {FileError} if the folder exists and `overwrite` is false, or cannot be written
 */
export async function convertModel(
  source: string,
  directory: string,
  { weights, opset, input, license, heldOut, onMeasured, signal, ...folder }: ConvertOptions = {},
): Promise<ConvertedModel> {
  await clearKilledExports(directory, folder.onNotice ?? (() => {}));
  await refuseToReplace(directory, folder.overwrite === true);
  const { manifest: before, graphs } = await readModelFolder(source, { verify: true, ...(signal && { signal }) });
  const cardBefore = await readWholeFile(join(source, CARD_FILE), { maxBytes: MAX_CARD_BYTES })
    .then((bytes) => bytes.toString("utf8"))
    .catch(() => undefined);
  const form: FileForm = {
    weights: weights ?? before.weights,
    opset: opset ?? (before.opset as Opset),
    input: input ?? before.files.scene?.input ?? "float32",
  };
  const isLossy = losesPrecision(before.weights, form.weights);
  if (isLossy && !heldOut) {
    throw new ConversionError(
      `Weights stored as ${form.weights} instead of ${before.weights} change what the model computes: give the held-out images to measure it on`,
      { kind: "unmeasured", path: source },
    );
  }
  const facts = {
    name: before.name,
    config: before.model,
    scale: before.normalisation.scale,
    typicality: before.typicality,
    score: before.score,
    isPreprocessed: before.preprocessing !== undefined,
    license: license ?? before.license,
    formatVersion: MANIFEST_VERSION,
  };
  const files = modelGraphs(graphs, form, facts);
  const unmeasured = parseWith(
    manifestSchema,
    {
      ...before,
      opset: form.opset,
      weights: form.weights,
      ...(facts.license !== undefined && { license: facts.license }),
      files: fileEntries(files, form),
    },
    "manifest",
  );
  let measurement: Measurement | undefined;
  let manifest = unmeasured;
  const finish = async (partial: string): Promise<FinishedFolder> => {
    await using model = await AirModel.fromPretrained(partial);
    if (files.scene) await compareSceneFile(partial, model, signal);
    if (heldOut) {
      measurement = await measureModel(model, heldOut, { signal, onProgress: onMeasured });
      manifest = { ...unmeasured, metrics: manifestMetrics(measurement) };
    }
    return { manifest, card: cardOf(manifest, before, measurement ? undefined : cardBefore) };
  };
  await writeModelFolder(directory, unmeasured, files, finish, folder);
  return { manifest, measurement, compared: files.scene ? DRAWN.images : 0 };
}

/** The card of a converted model: the one before with the new files, or a new one with the new numbers. */
function cardOf(manifest: Manifest, before: Manifest, cardBefore: string | undefined): string {
  if (cardBefore !== undefined) return withFilesSection(cardBefore, manifest);
  const { countAccuracyMap: accuracy } = before.metrics;
  const was =
    accuracy === undefined ? "" : `, which counted ${(100 * accuracy).toFixed(2)} % of its held-out images right`;
  return modelCard(manifest, {
    conversion: `Converted from the model with weights stored as ${before.weights}${was}.`,
  });
}

/** @throws {ConversionError} if the scene file of the folder differs from the runtime */
async function compareSceneFile(directory: string, model: AirModel, signal: AbortSignal | undefined): Promise<void> {
  const { channels, imageSize } = model.config;
  const pixels = channels * imageSize ** 2;
  const { images, ...drawing } = DRAWN;
  const drawn = await model.sample(images, drawing);
  const differences = new Differences(TOLERANCE, summedMagnitudes(model.config));
  await using check = (await SceneFileCheck.open(directory, model))!;
  for (let first = 0; first < images; first += BATCH_SIZE) {
    signal?.throwIfAborted();
    const batch = drawn.slice(first, first + BATCH_SIZE);
    const seen = new Float32Array(batch.length * pixels);
    batch.forEach(({ reconstruction }, i) => {
      const intensities = reconstruction.map((value) => Math.min(1, Math.max(0, value)));
      seen.set(intensities, i * pixels);
    });
    await check.compare(seen, differences);
  }
  const apart = differences.rows().filter(({ within }) => !within);
  if (check.isSame && apart.length === 0) return;
  const outputs = apart.map(({ output, maxAbsolute }) => `${output} by ${maxAbsolute.toExponential(1)}`);
  throw new ConversionError(
    `onnx/scene.onnx differs from the runtime: ${check.countDisagreements} of ${images} counts, ` +
      `${check.tightBoxDisagreements} tight boxes${outputs.map((each) => `, ${each}`).join("")}. Nothing was written`,
    { kind: "different", path: directory },
  );
}
