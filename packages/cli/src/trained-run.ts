/** What a run folder has learned so far: its newest checkpoint, ready to be measured or exported. */
import {
  type Arrays,
  type Checkpoint,
  checkpointShapes,
  loadNewestCheckpoint,
  openRunFolder,
  parameterShapes,
  type RunFolder,
  readMetrics,
  type StateTensors,
  trainingSeconds,
} from "@air-onnx/train";
import { CommandError } from "./failures.js";
import { notice } from "./output.js";

export interface TrainedRun {
  readonly folder: RunFolder;
  readonly checkpoint: Checkpoint;
  /** The parameters of the model, without those of the estimator's baseline if it has one. */
  readonly tensors: StateTensors;
  /** `tensors` without their shapes, as evaluation takes them. */
  readonly parameters: Arrays;
}

/** @throws {CommandError} if the run has no checkpoint yet */
export async function openTrainedRun(path: string): Promise<TrainedRun> {
  const folder = openRunFolder(path);
  const checkpoint = await loadNewestCheckpoint(folder, checkpointShapes, notice);
  if (!checkpoint) {
    throw new CommandError(`${path} has no checkpoint yet: train it by air-onnx train --resume ${path}`);
  }
  const names = Object.keys(parameterShapes(folder.config.model));
  const tensors = Object.fromEntries(names.map((name) => [name, checkpoint.parameters[name]!] as const));
  const parameters = Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data] as const));
  return { folder, checkpoint, tensors, parameters };
}

/** Time spent in training steps up to `step`, by the run's log, in minutes; undefined if the log does not tell. */
export async function trainingMinutes({ folder, checkpoint }: TrainedRun): Promise<number | undefined> {
  const records = (await readMetrics(folder.metricsFile, notice)).filter(
    ({ kind, step }) => kind === "train" && step <= checkpoint.step,
  );
  const seconds = records.at(-1)?.step === checkpoint.step ? trainingSeconds(records) : undefined;
  return seconds === undefined ? undefined : seconds / 60;
}
