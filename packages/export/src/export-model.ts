/**
 * Writes a model folder: the three graphs, the manifest with their sizes and hashes, and the model card.
 */
import { createHash } from "node:crypto";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type AirConfig,
  type GraphName,
  graphNames,
  MANIFEST_FILE,
  MANIFEST_VERSION,
  type Manifest,
  manifestSchema,
  parseWith,
} from "@air-onnx/core";
import { FileError, OutputFolderError, reasonInWords, temporaryPath } from "@air-onnx/scenes";
import { OPSET, roundToFloat16, type WeightType } from "@air-onnx/tracer";
import type { NamedTensorData } from "@air-onnx/train";
import { encodeGraphs } from "./graphs.js";
import { type CardDetails, modelCard } from "./model-card.js";

/** A trained model and what is known about it. */
export interface TrainedModel {
  /** What users will call it, such as `multi-mnist`. */
  readonly name: string;
  readonly config: AirConfig;
  readonly parameters: NamedTensorData;
  readonly training: Omit<Manifest["training"], "exportedAt">;
  /** Numbers measured on held-out images; see {@link Manifest}. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface ExportOptions {
  /** Replace a model that is there already. Default false. */
  readonly overwrite?: boolean;
  /** What the graphs store weights as, `float32` by default; see {@link roundWeights}. */
  readonly weights?: WeightType;
  /** For the model card. */
  readonly card?: CardDetails;
  /**
   * Called with the complete folder before it gets its name, such as with {@link checkParity}. If it throws, nothing was
   * exported, and a model that was to be replaced is still there. What it returns is added to the model card.
   */
  readonly verify?: (directory: string) => Promise<CardDetails>;
}

/** Images are 8-bit integers when they are read, and [0, 1] when they reach a graph. */
const PIXEL_SCALE = 255;

/**
 * Exports to the folder `directory`. It appears under that name only when it is complete.
 *
 * @returns the manifest that was written
 * @throws {FileError} if the folder exists and `overwrite` is false, or cannot be written
 * @throws what `verify` throws
 */
export async function exportModel(
  directory: string,
  model: TrainedModel,
  { overwrite = false, weights = "float32", card = {}, verify }: ExportOptions = {},
): Promise<Manifest> {
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
      opset: OPSET,
      weights,
      files: Object.fromEntries(graphNames.map((name) => [name, fileEntry(name, graphs[name])])),
      training: { ...model.training, exportedAt: new Date().toISOString() },
      metrics: model.metrics,
    },
    "manifest",
  );
  const partial = temporaryPath(directory);
  const replaced = temporaryPath(directory);
  // Only what fails on the disk is told as such: a failed verification has words of its own.
  const writing = async (write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
    } catch (cause) {
      throw new FileError(`Cannot export to ${directory}: ${reasonInWords(cause)}`, directory, { cause });
    }
  };
  try {
    await writing(async () => {
      await mkdir(dirname(directory), { recursive: true });
      await mkdir(join(partial, "onnx"), { recursive: true });
      for (const name of graphNames) await writeFile(join(partial, manifest.files[name].path), graphs[name]);
      await writeFile(join(partial, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    });
    const verified = await verify?.(partial);
    await writing(async () => {
      await writeFile(join(partial, "README.md"), modelCard(manifest, { ...card, ...verified }));
      if (replaces) await rename(directory, replaced);
      await rename(partial, directory);
    });
  } catch (cause) {
    // The cause matters more than a cleaning-up that fails for the same reason.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    if (replaces && !(await exists(directory))) await rename(replaced, directory);
    throw cause;
  }
  await rm(replaced, { recursive: true, force: true });
  return manifest;
}

/** @throws {OutputFolderError} if the folder `directory` exists and may not be replaced */
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
 * What an export with these weights computes with: what is measured of it, and compared with it, should use them.
 *
 * @throws {RangeError} if a parameter is beyond what `weights` can hold
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
  return (await stat(path).catch(() => undefined)) !== undefined;
}
