/**
 * The folder of one training run:
 *
 *     config.json                            the final configuration
 *     metrics.jsonl                          one line per report, see metrics-log.ts
 *     checkpoints/step-00001000.safetensors  and .json, see checkpoint.ts
 *     pictures/step-00001000.png             reconstructions at each evaluation
 *     tensorboard/                           event files, see tensorboard.ts
 *     lock                                   while a process trains
 *
 * Training holds the lock; reading needs none.
 */
import { readFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { FileError, OutputFolderError, reasonInWords, removeStaleTemporaries, writeFileAtomic } from "@air-onnx/scenes";
import { parseTrainConfig, type TrainConfig } from "../config.js";
import { type FileLock, type OnNotice, takeLock } from "./lock.js";

const CONFIG_FILE = "config.json";
const LOCK_FILE = "lock";

/** The names of what is in a run folder; not all of it need exist yet. */
export class RunFolder {
  readonly configFile: string;
  readonly metricsFile: string;
  readonly checkpoints: string;
  readonly pictures: string;
  readonly tensorboard: string;
  readonly lockFile: string;

  constructor(
    readonly path: string,
    readonly config: TrainConfig,
  ) {
    this.configFile = join(path, CONFIG_FILE);
    this.metricsFile = join(path, "metrics.jsonl");
    this.checkpoints = join(path, "checkpoints");
    this.pictures = join(path, "pictures");
    this.tensorboard = join(path, "tensorboard");
    this.lockFile = join(path, LOCK_FILE);
  }

  pictureFile(step: number): string {
    return join(this.pictures, `${stepName(step)}.png`);
  }
}

/** A run folder that this process alone may write to, until the lock is released. */
export interface LockedRun {
  readonly folder: RunFolder;
  readonly lock: FileLock;
}

/** `step-00001000`: sorts by name as by number. */
export function stepName(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}

/**
 * Makes the folder `path`, with the folders above it, for a new run.
 *
 * @throws {FileError} if it holds anything already, is locked, or cannot be written.
 */
export async function createRunFolder(path: string, config: TrainConfig, onNotice: OnNotice): Promise<LockedRun> {
  const folder = new RunFolder(path, config);
  try {
    await mkdir(path, { recursive: true });
    await refuseUnlessEmpty(path);
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    // A file in the folder's place is EEXIST here, which in words would sound like a run.
    const isFile = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const reason = isFile ? "it is a file" : reasonInWords(cause);
    throw new OutputFolderError(`Cannot create run folder ${path}: ${reason}`, path, {
      kind: isFile ? "occupied" : "access",
      cause,
    });
  }
  const lock = takeLock(folder.lockFile, onNotice);
  try {
    // Again, now that no other process can be filling it.
    await refuseUnlessEmpty(path);
    await mkdir(folder.checkpoints);
    await mkdir(folder.pictures);
    // Last: a folder is a run when it has a configuration.
    await writeFileAtomic(folder.configFile, `${JSON.stringify(config, null, 2)}\n`);
  } catch (cause) {
    lock.release();
    throw cause;
  }
  return { folder, lock };
}

/**
 * Opens a run for reading: evaluation, export. Another process may be training into it.
 *
 * @throws {FileError} if `path` holds no run.
 * @throws {ConfigError} if its configuration is not valid.
 */
export function openRunFolder(path: string): RunFolder {
  const file = join(path, CONFIG_FILE);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new FileError(`${path} is not a run folder: cannot read ${CONFIG_FILE}: ${reasonInWords(cause)}`, path, {
      cause,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FileError(`${file} is not JSON: ${reasonInWords(cause)}`, file, { kind: "content", cause });
  }
  return new RunFolder(path, parseTrainConfig(json));
}

/**
 * Opens a run to go on with it, and deletes what killed processes left half-written.
 *
 * @throws {FileError} if `path` holds no run, or another process is training into it.
 * @throws {ConfigError} if its configuration is not valid.
 */
export async function resumeRunFolder(path: string, onNotice: OnNotice): Promise<LockedRun> {
  const folder = openRunFolder(path);
  const lock = takeLock(folder.lockFile, onNotice);
  try {
    for (const place of [folder.path, folder.checkpoints, folder.pictures]) {
      await mkdir(place, { recursive: true });
      for (const name of await removeStaleTemporaries(place)) {
        onNotice(`Deleted a half-written file: ${join(place, name)}`);
      }
    }
  } catch (cause) {
    lock.release();
    throw cause;
  }
  return { folder, lock };
}

async function refuseUnlessEmpty(path: string): Promise<void> {
  const names = (await readdir(path)).filter((name) => name !== LOCK_FILE);
  if (names.includes(CONFIG_FILE)) {
    throw new OutputFolderError(`${path} holds a run already: resume it, or choose another folder`, path, {
      kind: "occupied",
      holds: "run",
    });
  }
  if (names.length > 0) {
    throw new OutputFolderError(
      `${path} is not empty and not a run (it holds ${names[0]}): choose another folder`,
      path,
      { kind: "occupied" },
    );
  }
}
