/**
 * The state of training at one step, as two files in a run's `checkpoints` folder: the tensors (safetensors) and, written
 * last, a JSON file with their hash. Without its JSON a checkpoint does not exist, so a kill leaves none that is half there.
 *
 * Random numbers are a function of (seed, stream, step), so the seed and the step are all of the generator's state.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseJson, parseWith } from "@air-onnx/core";
import {
  decodeSafetensors,
  FileError,
  readWholeFile,
  reasonInWords,
  type SafetensorsTensor,
  safetensorsChunks,
  writeFileAtomic,
} from "@air-onnx/scenes";
import { eachPart, type StatePart, stateParts, type TrainingState } from "@air-onnx/trainer";
import { z } from "zod";
import { describeConfigDifference, parseTrainConfig, type TrainConfig } from "../config.js";
import { CheckpointError, CorruptCheckpointError, OtherConfigurationError } from "../errors.js";
import type { OnNotice } from "./lock.js";
import { type RunFolder, stepName } from "./run-folder.js";

/** Raised when a reader of the old version could misread the new one. */
const FORMAT_VERSION = 1;
/** Most bytes of a header, which has about 3,000, and of the tensors. */
const MAX_HEADER_BYTES = 2 ** 20;
const MAX_TENSOR_BYTES = 2 ** 31;

/** The state that a checkpoint keeps. */
export interface StateAtStep extends TrainingState {
  /** Training steps done. */
  readonly step: number;
}

/** A checkpoint that was read. */
export interface Checkpoint extends StateAtStep {
  /** The JSON file it was read from. */
  readonly file: string;
  /** Configuration that it was trained with. */
  readonly config: TrainConfig;
  /** Time of writing, ISO 8601. */
  readonly createdAt: string;
}

/** Returns the shapes of all parameters of the model of a configuration. */
export type ParameterShapes = (config: TrainConfig) => Readonly<Record<string, readonly number[]>>;

/** Where each part of the state is among the tensors of the file. */
const prefixes: Readonly<Record<StatePart, string>> = {
  parameters: "parameters/",
  firstMoment: "adam.m/",
  secondMoment: "adam.v/",
};

const versionSchema = z.looseObject({ format: z.literal("air-onnx-checkpoint"), formatVersion: z.int() });
const headerSchema = z.strictObject({
  format: z.literal("air-onnx-checkpoint"),
  formatVersion: z.literal(FORMAT_VERSION),
  step: z.int().nonnegative(),
  config: z.unknown(),
  random: z.strictObject({ generator: z.literal("philox4x32-10"), seed: z.int().nonnegative() }),
  sha256: z.string(),
  size: z.int().positive(),
  createdAt: z.string(),
  /** Hash of the other fields as JSON without white space, which shows edits. Checkpoints of older versions have none. */
  headerSha256: z.string().optional(),
});
type Header = z.output<typeof headerSchema>;

/**
 * Writes a checkpoint of `state`, whose arrays must not change meanwhile, and reads it back to be sure of it.
 *
 * @returns the path of its JSON file
 * @throws {CheckpointError} if a number is not finite (named by tensor and index), or the file does not read back.
 * @throws {FileError} if it cannot be written.
 */
export async function saveCheckpoint(folder: RunFolder, state: StateAtStep): Promise<string> {
  refuseNonFinite(state);
  const { headerFile, tensorFile } = filesOf(folder, state.step);
  const chunks = safetensorsChunks(
    Object.fromEntries(
      stateParts.flatMap((part) =>
        Object.entries(state[part]).map(([name, { shape, data }]): [string, SafetensorsTensor] => [
          prefixes[part] + name,
          { dtype: "F32", shape, data },
        ]),
      ),
    ),
  );
  const fields: Omit<Header, "headerSha256"> = {
    format: "air-onnx-checkpoint",
    formatVersion: FORMAT_VERSION,
    step: state.step,
    config: folder.config,
    random: { generator: "philox4x32-10", seed: folder.config.seed },
    sha256: sha256(chunks),
    size: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    createdAt: new Date().toISOString(),
  };
  const header: Header = { ...fields, headerSha256: headerDigest(fields) };
  // An earlier checkpoint of this step must not vouch for the new tensors.
  await remove(headerFile);
  await writeFileAtomic(tensorFile, chunks);
  await verifyTensorFile(tensorFile, header);
  await writeFileAtomic(headerFile, `${JSON.stringify(header, null, 2)}\n`);
  return headerFile;
}

/**
 * Reads the checkpoint with the JSON or safetensors file `file`.
 *
 * @throws {CorruptCheckpointError} naming the file, and the size or hash expected and found.
 * @throws {CheckpointError} for another format version, or parameters that are not those of the configuration's model.
 * @throws {FileError} if there is no such checkpoint.
 */
export async function loadCheckpoint(file: string, shapes: ParameterShapes): Promise<Checkpoint> {
  const stem = file.replace(/\.(json|safetensors)$/, "");
  const headerFile = `${stem}.json`;
  const tensorFile = `${stem}.safetensors`;
  const { header, config, isAsWritten } = parseHeader(await readHeader(headerFile), headerFile);
  if (!isAsWritten) {
    throw new CorruptCheckpointError(`Checkpoint ${headerFile} is corrupt: it was changed after it was written.`);
  }
  const bytes = await readTensorFile(tensorFile, header);
  const state = splitTensors(bytes, tensorFile);
  refuseOtherShapes(state, shapes(config), tensorFile);
  return { file: headerFile, step: header.step, config, createdAt: header.createdAt, ...state };
}

/**
 * Reads the newest checkpoint of a run that is whole; `onNotice` is told of each newer one that is not.
 *
 * @returns undefined if the run has no checkpoint yet
 * @throws {OtherConfigurationError} if any, whole or not, was trained with another configuration than `folder` has.
 * @throws {CorruptCheckpointError} if it has some, but none is whole.
 * @throws {CheckpointError} for another format version, or parameters that are not those of the configuration's model.
 */
export async function loadNewestCheckpoint(
  folder: RunFolder,
  shapes: ParameterShapes,
  onNotice: OnNotice,
): Promise<Checkpoint | undefined> {
  const steps = await checkpointSteps(folder);
  for (const step of steps) await refuseOtherConfiguration(filesOf(folder, step).headerFile, folder);
  const failures: string[] = [];
  for (const step of steps.toReversed()) {
    try {
      const checkpoint = await loadCheckpoint(filesOf(folder, step).headerFile, shapes);
      for (const failure of failures) onNotice(`${failure} Using the checkpoint of step ${step} instead.`);
      return checkpoint;
    } catch (cause) {
      if (!(cause instanceof CorruptCheckpointError)) throw cause;
      failures.push(cause.message);
    }
  }
  if (failures.length === 0) return undefined;
  throw new CorruptCheckpointError(`No checkpoint in ${folder.checkpoints} is whole:\n  ${failures.join("\n  ")}`, {
    file: folder.checkpoints,
  });
}

/** The steps of a run's checkpoints, whole or not, oldest first. */
export async function checkpointSteps(folder: RunFolder): Promise<number[]> {
  return stepsOf(await checkpointFiles(folder), "json");
}

/**
 * Deletes all but the newest `count` checkpoints, and tensors whose JSON was never written.
 *
 * @param count at least 1: the newest is always kept
 * @throws {RangeError} for a smaller count
 */
export async function keepNewestCheckpoints(folder: RunFolder, count: number): Promise<void> {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`At least 1 checkpoint must be kept, got ${count}`);
  }
  const names = await checkpointFiles(folder);
  const kept = stepsOf(names, "json").slice(-count);
  for (const step of new Set([...stepsOf(names, "json"), ...stepsOf(names, "safetensors")])) {
    if (kept.includes(step)) continue;
    const { headerFile, tensorFile } = filesOf(folder, step);
    await remove(headerFile);
    await remove(tensorFile);
  }
}

function filesOf(folder: RunFolder, step: number): { headerFile: string; tensorFile: string } {
  const stem = join(folder.checkpoints, stepName(step));
  return { headerFile: `${stem}.json`, tensorFile: `${stem}.safetensors` };
}

async function remove(file: string): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (cause) {
    throw new FileError(`Cannot delete ${file}: ${reasonInWords(cause)}`, file, { cause });
  }
}

async function checkpointFiles(folder: RunFolder): Promise<string[]> {
  try {
    return await readdir(folder.checkpoints);
  } catch (cause) {
    throw new FileError(`Cannot list ${folder.checkpoints}: ${reasonInWords(cause)}`, folder.checkpoints, { cause });
  }
}

function stepsOf(names: readonly string[], extension: "json" | "safetensors"): number[] {
  return names
    .flatMap((name) => {
      const match = /^step-(\d{8,})\.(json|safetensors)$/.exec(name);
      return match?.[2] === extension ? [Number(match[1])] : [];
    })
    .sort((a, b) => a - b);
}

function sha256(chunks: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

async function readHeader(file: string): Promise<string> {
  const bytes = await readWholeFile(file, { maxBytes: MAX_HEADER_BYTES, what: `checkpoint ${file}` });
  return bytes.toString("utf8");
}

/** A header that is damaged is for {@link loadCheckpoint} to complain of. */
async function refuseOtherConfiguration(file: string, folder: RunFolder): Promise<void> {
  let config: TrainConfig;
  try {
    config = parseHeader(await readHeader(file), file).config;
  } catch (cause) {
    if (cause instanceof CorruptCheckpointError) return;
    throw cause;
  }
  // Where the user's own images are is no part of what was trained: they may have been moved.
  const moved = "path" in config && "path" in folder.config ? { ...config, path: folder.config.path } : config;
  const differences = describeConfigDifference(asExtended(moved, folder.config), folder.config);
  if (differences.length > 0) throw new OtherConfigurationError(file, folder.configFile, differences);
}

/** The configuration of a checkpoint of a run that has been extended since, as it would be in the extended run. */
function asExtended(config: TrainConfig, { steps, extendedAt }: TrainConfig): TrainConfig {
  const earlier = config.extendedAt.length;
  const isEarlier = extendedAt[earlier] === config.steps && config.extendedAt.every((end, i) => end === extendedAt[i]);
  return isEarlier ? { ...config, steps, extendedAt } : config;
}

function headerDigest(fields: Omit<Header, "headerSha256">): string {
  return createHash("sha256").update(JSON.stringify(fields)).digest("hex");
}

/** `isAsWritten`: false if it was edited since. */
function parseHeader(
  text: string,
  file: string,
): { readonly header: Header; readonly config: TrainConfig; readonly isAsWritten: boolean } {
  try {
    const json = parseJson(text, "it");
    const { formatVersion } = parseWith(versionSchema, json, `checkpoint ${file}`);
    if (formatVersion !== FORMAT_VERSION) {
      throw new CheckpointError(
        `Checkpoint ${file} has format version ${formatVersion}, but this program reads version ${FORMAT_VERSION}.`,
        { file },
      );
    }
    const header = parseWith(headerSchema, json, `checkpoint ${file}`);
    // In the order of the file, which a parsed header need not have.
    const { headerSha256, ...fields } = json as Header;
    return {
      header,
      config: parseTrainConfig(header.config),
      isAsWritten: headerSha256 === undefined || headerDigest(fields) === headerSha256,
    };
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CorruptCheckpointError(`Checkpoint ${file} is corrupt: ${reasonInWords(cause)}.`, { file, cause });
  }
}

type Digest = Pick<Header, "size" | "sha256">;

/** The bytes of the tensors, if they are those that `header` was written for. */
async function readTensorFile(file: string, header: Digest): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readWholeFile(file, { maxBytes: MAX_TENSOR_BYTES });
  } catch (cause) {
    throw unreadable(file, cause instanceof FileError ? cause.cause : cause);
  }
  refuseOtherBytes(file, { size: bytes.length, sha256: sha256([bytes]) }, header);
  return bytes;
}

/** As {@link readTensorFile}, but a piece at a time: the state is in memory already. */
async function verifyTensorFile(file: string, header: Digest): Promise<void> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
  refuseOtherBytes(file, { size, sha256: hash.digest("hex") }, header);
}

function unreadable(file: string, cause: unknown): CorruptCheckpointError {
  return new CorruptCheckpointError(`Cannot read checkpoint ${file}: ${reasonInWords(cause)}.`, { file, cause });
}

function refuseOtherBytes(file: string, found: Digest, expected: Digest): void {
  if (found.size !== expected.size) {
    throw new CorruptCheckpointError(
      `Checkpoint ${file} is corrupt: expected ${expected.size} bytes, found ${found.size}.`,
      { file },
    );
  }
  if (found.sha256 !== expected.sha256) {
    throw new CorruptCheckpointError(
      `Checkpoint ${file} is corrupt: expected SHA-256 ${expected.sha256}, found ${found.sha256}.`,
      { file },
    );
  }
}

function splitTensors(bytes: Uint8Array, file: string): TrainingState {
  const { tensors } = decodeSafetensors(bytes, file);
  return eachPart((part) =>
    Object.fromEntries(
      Object.entries(tensors).flatMap(([name, { dtype, shape, data }]) => {
        const prefix = prefixes[part];
        if (!name.startsWith(prefix)) return [];
        if (dtype !== "F32")
          throw new CheckpointError(`Checkpoint ${file}: ${name} is ${dtype}, expected F32.`, { file });
        return [[name.slice(prefix.length), { shape, data }]];
      }),
    ),
  );
}

function refuseOtherShapes(
  state: TrainingState,
  expected: Readonly<Record<string, readonly number[]>>,
  file: string,
): void {
  const differences = stateParts.flatMap((part) => {
    const names = new Set([...Object.keys(expected), ...Object.keys(state[part])]);
    return [...names].flatMap((name) => {
      const want = expected[name]?.join(", ");
      const have = state[part][name]?.shape.join(", ");
      if (want === have) return [];
      const wanted = want === undefined ? "no such tensor" : `[${want}]`;
      const found = have === undefined ? "no such tensor" : `[${have}]`;
      return [`  ${prefixes[part]}${name}: expected ${wanted}, found ${found}`];
    });
  });
  if (differences.length > 0) {
    throw new CheckpointError(`Checkpoint ${file} does not fit the model:\n${differences.join("\n")}`, { file });
  }
}

function refuseNonFinite(state: StateAtStep): void {
  for (const part of stateParts) {
    for (const [name, { data }] of Object.entries(state[part])) {
      if (allFinite(data)) continue;
      const index = data.findIndex((value) => !Number.isFinite(value));
      throw new CheckpointError(
        `Not saving step ${state.step}: ${prefixes[part]}${name} is ${data[index]} at index ${index}.`,
        { kind: "not-finite" },
      );
    }
  }
}

/** Zero times a number is zero, unless the number is not finite: several times quicker than asking each of millions. */
function allFinite(data: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += 0 * data[i]!;
  return sum === 0;
}
