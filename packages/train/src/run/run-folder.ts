/**
 * The folder of one training run:
 *
 *     config.json                            the final configuration
 *     metrics.jsonl                          one line per report, see metrics-log.ts
 *     metrics.csv                            the same numbers as a table, when training ends or is stopped
 *     checkpoints/step-00001000.safetensors  and .json, see checkpoint.ts
 *     pictures/training-images.png           the user's own images as the model sees them, before the first step
 *     pictures/step-00001000.png             reconstructions at each evaluation, and once before the first
 *     cut-outs.safetensors                   what composed images are made of, if the run has any, see cut-outs-file.ts
 *     tensorboard/                           event files, see tensorboard.ts
 *     lock                                   while a process trains
 *
 * Training holds the lock; reading needs none.
 */
import { existsSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { FileError, OutputFolderError, reasonInWords, writeFileAtomic } from "@air-onnx/scenes";
import { parseTrainConfig, type TrainConfig } from "../config.js";
import { refuseIfOccupied, removeLeftTemporaries, whatElseIsIn } from "./half-made.js";
import { readJsonFile } from "./json-file.js";
import { type FileLock, type OnNotice, takeLock } from "./lock.js";

const CONFIG_FILE = "config.json";
const LOCK_FILE = "lock";
/** Most bytes of the configuration, which has about 2,000. */
const MAX_CONFIG_BYTES = 2 ** 20;

/** A run folder: its configuration and the paths of its files, which need not all exist. */
export class RunFolder {
  /** Path of `config.json`. */
  readonly configFile: string;
  /** Path of `metrics.jsonl`. */
  readonly metricsFile: string;
  /** Path of `metrics.csv`. */
  readonly metricsTable: string;
  /** Path of the folder of checkpoints. */
  readonly checkpoints: string;
  /** Path of `cut-outs.safetensors`. */
  readonly cutOutsFile: string;
  /** Path of the folder of pictures. */
  readonly pictures: string;
  /** Path of the picture of training images. */
  readonly trainingImagesFile: string;
  /** Path of the folder of event files. */
  readonly tensorboard: string;
  /** Path of the lock. */
  readonly lockFile: string;

  constructor(
    /** Path of the folder. */
    readonly path: string,
    /** Configuration of the run. */
    readonly config: TrainConfig,
  ) {
    this.configFile = join(path, CONFIG_FILE);
    this.metricsFile = join(path, "metrics.jsonl");
    this.metricsTable = join(path, "metrics.csv");
    this.checkpoints = join(path, "checkpoints");
    this.cutOutsFile = join(path, "cut-outs.safetensors");
    this.pictures = join(path, "pictures");
    this.trainingImagesFile = join(this.pictures, "training-images.png");
    this.tensorboard = join(path, "tensorboard");
    this.lockFile = join(path, LOCK_FILE);
  }

  /** Path of the picture of the evaluation after `step`. */
  pictureFile(step: number): string {
    return join(this.pictures, `${stepName(step)}.png`);
  }
}

/** A run folder that only this process may write to, until the lock is released. */
export interface LockedRun {
  /** The folder. */
  readonly folder: RunFolder;
  /** Its lock. */
  readonly lock: FileLock;
}

/** Name of the files of a step, such as `step-00001000`. Names sort like numbers. */
export function stepName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/**
 * Makes the folder `path`, with the folders above it, for a new run. What a making that was killed left there is no obstacle.
 *
 * @throws {FileError} if it holds anything else, is locked, or cannot be written; what was made is then gone again.
 */
export async function createRunFolder(path: string, config: TrainConfig, onNotice: OnNotice): Promise<LockedRun> {
  const folder = new RunFolder(path, config);
  const cannotCreate = (cause: unknown): FileError => {
    if (cause instanceof FileError) return cause;
    // A file in the folder's place is EEXIST here, which in words would sound like a run.
    const isFile = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const reason = isFile ? "it is a file" : reasonInWords(cause);
    return new OutputFolderError(`Cannot create run folder ${path}: ${reason}`, path, {
      kind: isFile ? "occupied" : "access",
      cause,
    });
  };
  let isNew = false;
  let lock: FileLock | undefined;
  const places = [folder.checkpoints, folder.pictures];
  try {
    isNew = (await mkdir(path, { recursive: true })) !== undefined;
    await refuseUnlessEmpty(path);
    lock = takeLock(folder.lockFile, onNotice);
    // Again, now that no other process can be filling it.
    await refuseUnlessEmpty(path);
    await removeLeftTemporaries([path], onNotice);
    for (const place of places) await mkdir(place, { recursive: true });
    // Last: a folder is a run when it has a configuration.
    await writeFileAtomic(folder.configFile, `${JSON.stringify(config, null, 2)}\n`);
    return { folder, lock };
  } catch (cause) {
    if (lock) {
      // Only what is empty: the reason of the failure matters more than one of the cleaning-up.
      for (const place of places) await rmdir(place).catch(() => {});
      lock.release();
    }
    if (isNew) await rmdir(path).catch(() => {});
    throw cannotCreate(cause);
  }
}

/**
 * Opens a run for reading, such as for evaluation or export. Another process may be training in it.
 *
 * @throws {FileError} if `path` holds no run.
 * @throws {ConfigError} if its configuration is not valid.
 */
export function openRunFolder(path: string): RunFolder {
  const file = join(path, CONFIG_FILE);
  const unreadable = (cause: unknown): FileError => {
    const advice = existsSync(path)
      ? " A run that was killed while its folder was made can be made again in the same folder."
      : "";
    return new FileError(
      `${path} is not a run folder: cannot read ${CONFIG_FILE}: ${reasonInWords(cause)}.${advice}`,
      path,
      { cause },
    );
  };
  const json = readJsonFile(file, { maxBytes: MAX_CONFIG_BYTES, unreadable });
  return new RunFolder(path, parseTrainConfig(json));
}

/**
 * Opens a run to resume it, and deletes what killed processes left half-written.
 *
 * @throws {FileError} if `path` holds no run, or another process is training into it.
 * @throws {ConfigError} if its configuration is not valid.
 */
export async function resumeRunFolder(path: string, onNotice: OnNotice): Promise<LockedRun> {
  const folder = openRunFolder(path);
  const lock = takeLock(folder.lockFile, onNotice);
  try {
    const places = [folder.path, folder.checkpoints, folder.pictures];
    for (const place of places) await mkdir(place, { recursive: true });
    await removeLeftTemporaries(places, onNotice);
  } catch (cause) {
    lock.release();
    if (cause instanceof FileError) throw cause;
    throw new FileError(`Cannot open run folder ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
  return { folder, lock };
}

/**
 * Writes into the configuration of a complete run that it goes on for `steps` more steps.
 *
 * @param locked the run, whose checkpoints are up to its last step
 * @returns the run with its new configuration, under the same lock
 * @throws {ConfigError} if the new configuration is not valid
 * @throws {FileError} if it cannot be written
 */
export async function extendRunFolder({ folder, lock }: LockedRun, steps: number): Promise<LockedRun> {
  const { config } = folder;
  const extended = parseTrainConfig({
    ...config,
    steps: config.steps + steps,
    extendedAt: [...config.extendedAt, config.steps],
  });
  await writeFileAtomic(folder.configFile, `${JSON.stringify(extended, null, 2)}\n`);
  return { folder: new RunFolder(folder.path, extended), lock };
}

/** Whether the folder `path`, which exists, is empty, but for what a making of a run that was killed left. */
export async function isFreeForRun(path: string): Promise<boolean> {
  return (await whatIsNotFree(path)).length === 0;
}

async function whatIsNotFree(path: string): Promise<string[]> {
  const emptyFolders = [join(path, "checkpoints"), join(path, "pictures")];
  return whatElseIsIn(path, { lock: LOCK_FILE, files: [CONFIG_FILE], emptyFolders });
}

async function refuseUnlessEmpty(path: string): Promise<void> {
  refuseIfOccupied(path, "run", { marker: CONFIG_FILE, found: await whatIsNotFree(path) });
}
