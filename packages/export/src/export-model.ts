/**
 * The writing of a model folder: the graphs, the manifest with their sizes and hashes, and the model card.
 */
import { createHash } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type AirConfig,
  MANIFEST_FILE,
  MANIFEST_VERSION,
  type Manifest,
  type ManifestFile,
  manifestSchema,
  type Preprocessing,
  parseWith,
  type ScoreCalibration,
  type TrainedFit,
  type TypicalityLimits,
} from "@air-onnx/core";
import {
  FileError,
  findStaleTemporaries,
  OutputFolderError,
  reasonInWords,
  removeStaleTemporaries,
  syncFolder,
  temporaryPath,
  writeFileAtomic,
} from "@air-onnx/scenes";
import { OPSET } from "@air-onnx/tracer";
import type { NamedTensorData, OnNotice } from "@air-onnx/train";
import type { GraphFiles } from "./graph-words.js";
import { encodeGraphs } from "./graphs.js";
import { type CardDetails, modelCard } from "./model-card.js";
import { type FileForm, modelGraphs } from "./model-graphs.js";

/** A trained model and what is known about it. */
export interface TrainedModel {
  /** Name for users, such as `multi-mnist`. */
  readonly name: string;
  /** Architecture and prior. */
  readonly config: AirConfig;
  /** Parameters of the model, with the names and shapes of `parameterShapes` in @air-onnx/train. */
  readonly parameters: NamedTensorData;
  /** Data set, seed, steps and revision of the training, for the manifest. */
  readonly training: Omit<Manifest["training"], "exportedAt">;
  /** Measures on held-out images, by the keys of the manifest's `metrics`. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Preprocessing that its images need. */
  readonly preprocessing?: Preprocessing | undefined;
  /** How the pictures that it was trained on became its images; undefined if they were images of its size. */
  readonly pictures?: TrainedFit | undefined;
  /** By what the model tells images that are unlike its training data. Without it, the exported model cannot tell. */
  readonly typicality?: TypicalityLimits | undefined;
  /** How the scores of objects follow from what is found. Without it, the scores are the objects' presences. */
  readonly score?: ScoreCalibration | undefined;
}

/** Form of an export's files by default. */
export const defaultForm: FileForm = { weights: "float32", opset: OPSET, input: "float32" };

/**
 * Options of {@link exportModel}. `weights` is the type of the stored weights, `float32` by default, see `roundWeights`; `opset`
 * 21 by default; `input`, the form of the images that `onnx/scene.onnx` takes, `float32` by default.
 */
export interface ExportOptions extends Partial<FileForm>, FolderOptions {
  /** Further facts for the model card. */
  readonly card?: CardDetails;
  /**
   * Verifies the complete export in a temporary folder before the folder is renamed, for example by `checkParity`. If
   * it throws, nothing is exported and an existing model stays as it was. The facts that it returns are added to the
   * model card.
   */
  readonly verify?: (directory: string) => Promise<CardDetails>;
  /** SPDX expression of the model's licence, for the manifest and the metadata of the graphs. */
  readonly license?: string | undefined;
}

/** Options of writing a model folder. */
export interface FolderOptions {
  /** Whether to replace an existing model folder; false by default. */
  readonly overwrite?: boolean;
  /** Is told what an export that was killed had left, and what became of it. */
  readonly onNotice?: OnNotice;
}

/** Name of the model card in a model's folder. */
export const CARD_FILE = "README.md";

/** Divisor from the 8-bit intensities of image files to the intensities in [0, 1] that the graphs take. */
export const PIXEL_SCALE = 255;

/**
 * Exports a model to the folder `directory`. The folder is written under a temporary name and renamed when it is
 * complete.
 *
 * @returns the manifest that was written
 * @throws {FileError} if the folder exists and `overwrite` is false, or cannot be written
 * @throws {RangeError} if a parameter is too large for `weights`
 * @throws the errors of `verify`
 */
export async function exportModel(
  directory: string,
  model: TrainedModel,
  { weights, opset, input, license, card = {}, verify, ...folder }: ExportOptions = {},
): Promise<Manifest> {
  await clearKilledExports(directory, folder.onNotice ?? (() => {}));
  await refuseToReplace(directory, folder.overwrite === true);
  const form = {
    weights: weights ?? defaultForm.weights,
    opset: opset ?? defaultForm.opset,
    input: input ?? defaultForm.input,
  };
  const { name, config, parameters, typicality } = model;
  const facts = {
    ...{ name, config, scale: PIXEL_SCALE, typicality, score: model.score, license },
    isPreprocessed: model.preprocessing !== undefined,
    formatVersion: MANIFEST_VERSION,
  };
  if (facts.isPreprocessed) {
    folder.onNotice?.("There is no onnx/scene.onnx: its images would have to be preprocessed, which no graph does.");
  }
  const files = modelGraphs(encodeGraphs(config, parameters), form, facts);
  const manifest = parseWith(
    manifestSchema,
    {
      format: "air-onnx",
      formatVersion: MANIFEST_VERSION,
      name,
      model: config,
      normalisation: { scale: PIXEL_SCALE },
      ...(model.preprocessing && { preprocessing: model.preprocessing }),
      ...(model.pictures && { pictures: model.pictures }),
      opset: form.opset,
      weights: form.weights,
      ...(license !== undefined && { license }),
      files: fileEntries(files, form),
      training: { ...model.training, exportedAt: new Date().toISOString() },
      metrics: model.metrics,
      ...(typicality && { typicality }),
      ...(model.score && { score: model.score }),
    },
    "manifest",
  );
  const finish = async (partial: string): Promise<FinishedFolder> => {
    const verified = await verify?.(partial);
    return { manifest, card: modelCard(manifest, { ...card, ...verified }) };
  };
  await writeModelFolder(directory, manifest, files, finish, folder);
  return manifest;
}

/** What {@link writeModelFolder} writes last. */
export interface FinishedFolder {
  /** The manifest, which may have more numbers than the one before. */
  readonly manifest: Manifest;
  /** The model card, Markdown. */
  readonly card: string;
}

/**
 * Writes a model folder under a temporary name, and renames it when it is complete.
 *
 * @param files the serialised files that the manifest names
 * @param finish is called when the folder has its graphs and its manifest, under its temporary name; if it throws, nothing is
 *   written
 * @throws {FileError} if the folder exists and `overwrite` is false, or cannot be written
 * @throws the errors of `finish`
 */
export async function writeModelFolder(
  directory: string,
  manifest: Manifest,
  files: GraphFiles,
  finish: (partial: string) => Promise<FinishedFolder>,
  options: FolderOptions,
): Promise<void> {
  await writeFolder(
    directory,
    async (partial, writing) => {
      await writing(async () => {
        await mkdir(join(partial, "onnx"), { recursive: true });
        for (const [name, bytes] of Object.entries(files)) await writeFileAtomic(join(partial, pathOf(name)), bytes);
        await writeFileAtomic(join(partial, MANIFEST_FILE), manifestText(manifest));
      });
      const finished = await finish(partial);
      await writing(async () => {
        if (finished.manifest !== manifest) {
          await writeFileAtomic(join(partial, MANIFEST_FILE), manifestText(finished.manifest));
        }
        await writeFileAtomic(join(partial, CARD_FILE), finished.card);
      });
    },
    options,
  );
}

/** Does something whose errors are all of the file system, and makes them a FileError about the exported folder. */
export type Writing = (write: () => Promise<unknown>) => Promise<void>;

/**
 * Writes a folder under a temporary name, and renames it when it is complete.
 *
 * @param fill fills the folder under its temporary name; if it throws, nothing is written
 * @throws {FileError} if the folder exists and `overwrite` is false, or cannot be written
 * @throws the errors of `fill`
 */
export async function writeFolder(
  directory: string,
  fill: (partial: string, writing: Writing) => Promise<void>,
  { overwrite = false, onNotice = () => {} }: FolderOptions,
): Promise<void> {
  await clearKilledExports(directory, onNotice);
  await refuseToReplace(directory, overwrite);
  const replaces = await exists(directory);
  const partial = temporaryPath(directory);
  const replaced = temporaryPath(replacedName(directory));
  let isMovedAway = false;
  const writing: Writing = async (write) => {
    try {
      await write();
    } catch (cause) {
      // The name of a temporary says nothing to who reads it.
      const reason = cause instanceof FileError && cause.cause !== undefined ? cause.cause : cause;
      throw new FileError(`Cannot export to ${directory}: ${reasonInWords(reason)}`, directory, { cause });
    }
  };
  try {
    await writing(() => mkdir(partial, { recursive: true }));
    await fill(partial, writing);
    await writing(async () => {
      if (replaces) {
        await rename(directory, replaced);
        isMovedAway = true;
      }
      await rename(partial, directory);
    });
  } catch (cause) {
    // The cause is reported also if the cleaning up fails, which is often for the same reason.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    if (isMovedAway) {
      await rename(replaced, directory).catch(() =>
        onNotice(`What was at ${directory} is at ${replaced}: the next export there puts it back`),
      );
    }
    throw cause;
  }
  await syncFolder(dirname(directory));
  // The new folder is in its place, whatever becomes of the old one.
  await rm(replaced, { recursive: true, force: true }).catch((cause: unknown) =>
    onNotice(`Cannot delete ${replaced}, which was replaced: ${reasonInWords(cause)}`),
  );
}

/**
 * Clears what exports to `directory` left that were killed. A model that such a one had moved away to replace it gets its name
 * back if nothing took its place.
 *
 * @throws {FileError} if that cannot be
 */
export async function clearKilledExports(directory: string, onNotice: OnNotice): Promise<void> {
  const parent = dirname(directory);
  const old = basename(replacedName(directory));
  for (const { name, of } of await findStaleTemporaries(parent)) {
    if (of !== old || (await exists(directory))) continue;
    try {
      await rename(join(parent, name), directory);
    } catch (cause) {
      throw new FileError(`Cannot put ${join(parent, name)} back: ${reasonInWords(cause)}`, directory, { cause });
    }
    onNotice(`An export was killed while it replaced ${directory}: the model that was there is back`);
  }
  for (const of of [basename(directory), old]) {
    for (const name of await removeStaleTemporaries(parent, of)) {
      onNotice(`Deleted what an export that was killed had left: ${join(parent, name)}`);
    }
  }
}

/** What a model that is being replaced is called meanwhile, as the target of {@link temporaryPath}. */
function replacedName(directory: string): string {
  return join(dirname(directory), `${basename(directory)}~replaced`);
}

/**
 * Refuses to replace an existing folder.
 *
 * @param overwrite whether it may be replaced; `"never"` if no option allows it
 * @throws {OutputFolderError} if the folder `directory` exists and may not be replaced
 */
export async function refuseToReplace(directory: string, overwrite: boolean | "never"): Promise<void> {
  if (overwrite === true || !(await exists(directory))) return;
  const [remedy, holds] =
    overwrite === "never"
      ? (["choose another folder", "other"] as const)
      : (["set overwrite to replace it, or choose another folder", "model"] as const);
  throw new OutputFolderError(`${directory} exists already: ${remedy}`, directory, { kind: "occupied", holds });
}

/** The manifest's entries for the files of a model. */
export function fileEntries(files: GraphFiles, { input }: FileForm): Manifest["files"] {
  const entry = (name: string, bytes: Uint8Array): ManifestFile => ({
    path: pathOf(name),
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  return {
    encoder: entry("encoder", files.encoder),
    step: entry("step", files.step),
    decoder: entry("decoder", files.decoder),
    ...(files.scene && { scene: { ...entry("scene", files.scene), input } }),
  };
}

function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function pathOf(name: string): string {
  return `onnx/${name}.onnx`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : "";
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    // Anything else is no leave to take its place.
    throw new FileError(`Cannot look at ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
}
