/**
 * The writing of a model folder: the three graphs, the manifest with their sizes and hashes, and the model card.
 */
import { createHash } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type AirConfig,
  type GraphName,
  graphNames,
  MANIFEST_FILE,
  MANIFEST_VERSION,
  type Manifest,
  manifestSchema,
  type Preprocessing,
  parseWith,
  type ScoreCalibration,
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
import { OPSET, roundToFloat16, type WeightType } from "@air-onnx/tracer";
import type { NamedTensorData, OnNotice } from "@air-onnx/train";
import { encodeGraphs } from "./graphs.js";
import { type CardDetails, modelCard } from "./model-card.js";

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
  /** By what the model tells images that are unlike its training data. Without it, the exported model cannot tell. */
  readonly typicality?: TypicalityLimits | undefined;
  /** How the scores of objects follow from what is found. Without it, the scores are the objects' presences. */
  readonly score?: ScoreCalibration | undefined;
}

/** Options of {@link exportModel}. */
export interface ExportOptions {
  /** Whether to replace an existing model folder; false by default. */
  readonly overwrite?: boolean;
  /** Type of the stored weights, `float32` by default; see {@link roundWeights}. */
  readonly weights?: WeightType;
  /** Further facts for the model card. */
  readonly card?: CardDetails;
  /**
   * Verifies the complete export in a temporary folder before the folder is renamed, for example by `checkParity`. If
   * it throws, nothing is exported and an existing model stays as it was. The facts that it returns are added to the
   * model card.
   */
  readonly verify?: (directory: string) => Promise<CardDetails>;
  /** Is told what an export that was killed had left, and what became of it. */
  readonly onNotice?: OnNotice;
}

/** Divisor from the 8-bit intensities of image files to the intensities in [0, 1] that the graphs take. */
const PIXEL_SCALE = 255;

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
  { overwrite = false, weights = "float32", card = {}, verify, onNotice = () => {} }: ExportOptions = {},
): Promise<Manifest> {
  await clearKilledExports(directory, onNotice);
  await refuseToReplace(directory, overwrite);
  const replaces = await exists(directory);
  const graphs = encodeGraphs(model.config, model.parameters, weights);
  const manifest = parseWith(
    manifestSchema,
    {
      format: "air-onnx",
      formatVersion: MANIFEST_VERSION,
      name: model.name,
      model: model.config,
      normalisation: { scale: PIXEL_SCALE },
      ...(model.preprocessing && { preprocessing: model.preprocessing }),
      opset: OPSET,
      weights,
      files: Object.fromEntries(graphNames.map((name) => [name, fileEntry(name, graphs[name])])),
      training: { ...model.training, exportedAt: new Date().toISOString() },
      metrics: model.metrics,
      ...(model.typicality && { typicality: model.typicality }),
      ...(model.score && { score: model.score }),
    },
    "manifest",
  );
  const partial = temporaryPath(directory);
  const replaced = temporaryPath(replacedName(directory));
  let isMovedAway = false;
  // Only errors of the file system become a FileError: errors of `verify` pass as they are.
  const writing = async (write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
    } catch (cause) {
      // The name of a temporary says nothing to who reads it.
      const reason = cause instanceof FileError && cause.cause !== undefined ? cause.cause : cause;
      throw new FileError(`Cannot export to ${directory}: ${reasonInWords(reason)}`, directory, { cause });
    }
  };
  try {
    await writing(async () => {
      await mkdir(dirname(directory), { recursive: true });
      await mkdir(join(partial, "onnx"), { recursive: true });
      for (const name of graphNames) await writeFileAtomic(join(partial, manifest.files[name].path), graphs[name]);
      await writeFileAtomic(join(partial, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    });
    const verified = await verify?.(partial);
    await writing(async () => {
      await writeFileAtomic(join(partial, "README.md"), modelCard(manifest, { ...card, ...verified }));
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
        onNotice(`The model that was at ${directory} is at ${replaced}: the next export there puts it back`),
      );
    }
    throw cause;
  }
  await syncFolder(dirname(directory));
  // The new model is in its place, whatever becomes of the old one.
  await rm(replaced, { recursive: true, force: true }).catch((cause: unknown) =>
    onNotice(`Cannot delete ${replaced}, the model that was replaced: ${reasonInWords(cause)}`),
  );
  return manifest;
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
 * @throws {OutputFolderError} if the folder `directory` exists and `overwrite` is false
 */
export async function refuseToReplace(directory: string, overwrite: boolean): Promise<void> {
  if (overwrite || !(await exists(directory))) return;
  throw new OutputFolderError(
    `${directory} exists already: set overwrite to replace it, or choose another folder`,
    directory,
    {
      kind: "occupied",
      holds: "model",
    },
  );
}

/**
 * The parameters as an export with `weights` stores them. Measure and compare an export with these.
 *
 * @returns for `float32` the parameters themselves, for `float16` new ones rounded to the nearest float16
 * @throws {RangeError} if a parameter is too large for `weights`
 */
export function roundWeights(parameters: NamedTensorData, weights: WeightType): NamedTensorData {
  if (weights === "float32") return parameters;
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { shape, data }]) => [name, { shape, data: roundToFloat16(data) }]),
  );
}

function fileEntry(name: GraphName, bytes: Uint8Array): Manifest["files"][GraphName] {
  return {
    path: `onnx/${name}.onnx`,
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
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
