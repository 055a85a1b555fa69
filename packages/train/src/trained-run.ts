/** A run's newest checkpoint, ready to be measured or exported. */

import type { NamedTensorData } from "@air-onnx/trainer";
import { NoCheckpointError } from "./errors.js";
import { checkpointShapes } from "./initial-state.js";
import { parameterShapes } from "./model/parameters.js";
import { type Checkpoint, loadNewestCheckpoint } from "./run/checkpoint.js";
import type { OnNotice } from "./run/lock.js";
import { readMetrics } from "./run/metrics-log.js";
import { openRunFolder, type RunFolder } from "./run/run-folder.js";
import { trainingSeconds } from "./run/training-time.js";

/** A run and its newest checkpoint. */
export interface TrainedRun {
  /** The run's folder, with its configuration. */
  readonly folder: RunFolder;
  /** The newest checkpoint that can be used. */
  readonly checkpoint: Checkpoint;
  /** The parameters of the model, without those of the estimator's baseline. */
  readonly parameters: NamedTensorData;
}

/**
 * Opens the newest checkpoint that can be used of the run in `path`.
 *
 * @param onNotice called with a sentence for each newer checkpoint that cannot be used
 * @throws {NoCheckpointError} if the run has none yet
 * @throws {CheckpointError} if none of its checkpoints can be used
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

/**
 * Minutes spent in training steps up to the checkpoint, from the run's metrics; undefined if they do not reach the
 * checkpoint.
 */
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
