/** A whole run in one call: its folder, its images, its training. */
import { rm } from "node:fs/promises";
import { type DataAccess, loadTrainingData, type TrainingData } from "@air-onnx/scenes";
import type { TrainConfig } from "./config.js";
import { requireProbedBackend } from "./engine/backend-status.js";
import { UnfinishedRunError } from "./errors.js";
import { checkpointSteps, createRunFolder, extendRunFolder, type LockedRun, resumeRunFolder } from "./run/index.js";
import { type TrainOptions, type TrainResult, train } from "./train.js";

/** Options of {@link startRun} and {@link resumeRun}. */
export interface RunOptions extends Omit<TrainOptions, "resume"> {
  /** Places of the data, and listeners to loading them. */
  readonly places?: DataAccess;
  /** Called when the folder has been created. */
  readonly onFolder?: (path: string) => void;
  /** Called when the images are loaded, with the seconds that this took. */
  readonly onImages?: (images: TrainingData, seconds: number) => void;
}

/**
 * Trains a new run in the folder `path`. If it cannot be started, as its images cannot be loaded or are not of the model's size, or
 * the backend fails, the folder is deleted again.
 *
 * @throws {FileError} if the folder holds anything already, or cannot be written
 * @throws {BackendUnavailableError} if the configured backend cannot run here
 * @throws {DataError} if the images cannot be loaded
 * @throws {DivergedError} at the first loss that is not finite
 */
export async function startRun(path: string, config: TrainConfig, options: RunOptions = {}): Promise<TrainResult> {
  // Checked before the folder exists: a folder without a run would stop the next try.
  await requireProbedBackend(config.backend);
  const run = await createRunFolder(path, config, options.onNotice ?? (() => {}));
  let isStarted = false;
  const onEvent: TrainOptions["onEvent"] = (event) => {
    if (event.type === "start") isStarted = true;
    options.onEvent?.(event);
  };
  try {
    options.onFolder?.(path);
    const images = await load(config, options);
    return await train(run.folder, images, { ...options, onEvent, resume: false });
  } catch (cause) {
    // Nothing was trained, and the folder would stop the next try.
    if (!isStarted) await rm(path, { recursive: true, force: true }).catch(() => {});
    throw cause;
  } finally {
    run.lock.release();
  }
}

/**
 * Resumes the run in the folder `path`. It ends with the parameters of a run that was never stopped.
 *
 * @throws as {@link startRun}; and {CheckpointError} if its checkpoint cannot be used
 */
export async function resumeRun(path: string, options: RunOptions = {}): Promise<TrainResult> {
  return goOn(await resumeRunFolder(path, options.onNotice ?? (() => {})), options);
}

/**
 * Extends the complete run in the folder `path` by `steps` training steps. Its configuration records that in `extendedAt`, so
 * that {@link resumeRun} goes on with an extension that was stopped. Schedules stay at their ends, but for the learning rate,
 * which rises once more to a half of its peak and falls along half a cosine over the new steps.
 *
 * @throws as {@link resumeRun}; and {UnfinishedRunError} if the run is not complete, and so goes on by {@link resumeRun}
 */
export async function extendRun(path: string, steps: number, options: RunOptions = {}): Promise<TrainResult> {
  const run = await resumeRunFolder(path, options.onNotice ?? (() => {}));
  try {
    const { config } = run.folder;
    const done = (await checkpointSteps(run.folder)).at(-1) ?? 0;
    if (done < config.steps) throw new UnfinishedRunError(path, done, config.steps);
    await requireProbedBackend(config.backend);
    const images = await load(config, options);
    const extended = await extendRunFolder(run, steps);
    return await train(extended.folder, images, { ...options, resume: true });
  } finally {
    run.lock.release();
  }
}

async function goOn(run: LockedRun, options: RunOptions): Promise<TrainResult> {
  let images: TrainingData;
  try {
    await requireProbedBackend(run.folder.config.backend);
    images = await load(run.folder.config, options);
  } catch (cause) {
    run.lock.release();
    throw cause;
  }
  try {
    return await train(run.folder, images, { ...options, resume: true });
  } finally {
    run.lock.release();
  }
}

async function load(config: TrainConfig, { places, signal, onImages }: RunOptions): Promise<TrainingData> {
  const began = performance.now();
  const images = await loadTrainingData(config, { ...places, ...(signal && { signal }) });
  onImages?.(images, (performance.now() - began) / 1000);
  return images;
}
