/** A whole run by one call: its folder, its images, its training. */
import { rm } from "node:fs/promises";
import { type DataAccess, loadTrainingData, type TrainingData } from "@air-onnx/scenes";
import type { TrainConfig } from "./config.js";
import { requireBackend } from "./engine/backends.js";
import { createRunFolder, type LockedRun, resumeRunFolder } from "./run/index.js";
import { type TrainOptions, type TrainResult, train } from "./train.js";

export interface RunOptions extends Omit<TrainOptions, "resume"> {
  /** Where data come from and are kept, and who is told of loading them. */
  readonly places?: DataAccess;
  /** Is told when the folder is there. */
  readonly onFolder?: (path: string) => void;
  /** Is told when the images are there, and how long that took. */
  readonly onImages?: (images: TrainingData, seconds: number) => void;
}

/**
 * Trains a new run in the folder `path`. If its images cannot be had, the folder is gone again.
 *
 * @throws {FileError} if the folder holds anything already, or cannot be written
 * @throws {BackendUnavailableError} if the configured backend cannot run here
 * @throws {DataError} if the images cannot be had
 * @throws {DivergedError} at the first loss that is not finite
 */
export async function startRun(path: string, config: TrainConfig, options: RunOptions = {}): Promise<TrainResult> {
  // Before there is a folder, which would be in the way of the next try.
  await requireBackend(config.backend);
  const run = await createRunFolder(path, config, options.onNotice ?? (() => {}));
  options.onFolder?.(path);
  let images: TrainingData;
  try {
    images = await load(config, options);
  } catch (cause) {
    // Nothing was trained: the folder would only be in the way of the next try.
    await rm(path, { recursive: true, force: true }).catch(() => run.lock.release());
    throw cause;
  }
  return trainLocked(run, images, { ...options, resume: false });
}

/**
 * Goes on with the run in the folder `path` as if it had never stopped.
 *
 * @throws as {@link startRun}; and {CheckpointError} if its checkpoint cannot be used
 */
export async function resumeRun(path: string, options: RunOptions = {}): Promise<TrainResult> {
  const run = await resumeRunFolder(path, options.onNotice ?? (() => {}));
  let images: TrainingData;
  try {
    images = await load(run.folder.config, options);
  } catch (cause) {
    run.lock.release();
    throw cause;
  }
  return trainLocked(run, images, { ...options, resume: true });
}

async function load(config: TrainConfig, { places, signal, onImages }: RunOptions): Promise<TrainingData> {
  const began = performance.now();
  const images = await loadTrainingData(config, { ...places, ...(signal && { signal }) });
  onImages?.(images, (performance.now() - began) / 1000);
  return images;
}

async function trainLocked(
  { folder, lock }: LockedRun,
  images: TrainingData,
  options: TrainOptions,
): Promise<TrainResult> {
  try {
    return await train(folder, images, options);
  } finally {
    lock.release();
  }
}
