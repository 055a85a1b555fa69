/** What a run folder has learned so far: its newest checkpoint, ready to be measured or exported. */

import { NoCheckpointError } from "./errors.js";
import { checkpointShapes } from "./initial-state.js";
import { parameterShapes } from "./model/parameters.js";
import { type Checkpoint, loadNewestCheckpoint } from "./run/checkpoint.js";
import type { OnNotice } from "./run/lock.js";
import { readMetrics } from "./run/metrics-log.js";
import { openRunFolder, type RunFolder } from "./run/run-folder.js";
import { trainingSeconds } from "./run/training-time.js";
import type { NamedTensorData } from "./training-state.js";

export interface TrainedRun {
  readonly folder: RunFolder;
  readonly checkpoint: Checkpoint;
  /** The parameters of the model, without those of the estimator's baseline if it has one. */
  readonly parameters: NamedTensorData;
}

/**
 * Opens the newest checkpoint of the run in `path` that can be used.
 *
 * @throws {NoCheckpointError} if the run has none yet
 * @throws {CheckpointError} if none can be used
 * @throws {FileError} if there is no run in `path`
 */
export async function openTrainedRun(path: string, onNotice: OnNotice): Promise<TrainedRun> {
  const folder = openRunFolder(path);
  const checkpoint = await loadNewestCheckpoint(folder, checkpointShapes, onNotice);
  if (!checkpoint) throw new NoCheckpointError(path);
  const names = Object.keys(parameterShapes(folder.config.model));
  const parameters = Object.fromEntries(names.map((name) => [name, checkpoint.parameters[name]!] as const));
  return { folder, checkpoint, parameters };
}

/** Time spent in training steps up to the checkpoint, by the run's log, in minutes; undefined if the log does not tell. */
export async function trainingMinutes(
  { folder, checkpoint }: TrainedRun,
  onNotice: OnNotice,
): Promise<number | undefined> {
  const records = (await readMetrics(folder.metricsFile, onNotice)).filter(
    ({ kind, step }) => kind === "train" && step <= checkpoint.step,
  );
  const seconds = records.at(-1)?.step === checkpoint.step ? trainingSeconds(records) : undefined;
  return seconds === undefined ? undefined : seconds / 60;
}
