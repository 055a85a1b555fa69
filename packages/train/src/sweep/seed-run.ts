/** One seed of a sweep as its run folder tells it: whatever the sweep remembers, this is how far the training has come. */
import { existsSync } from "node:fs";
import { parseWith } from "@air-onnx/core";
import { FileError } from "@air-onnx/scenes";
import { describeConfigDifference } from "../config.js";
import { checkpointSteps } from "../run/checkpoint.js";
import { type OnNotice, takeLock } from "../run/lock.js";
import { readMetrics } from "../run/metrics-log.js";
import { openRunFolder, type RunFolder } from "../run/run-folder.js";
import { trainingSeconds } from "../run/training-time.js";
import { evaluationSchema, type FinishedSeed } from "./sweep-record.js";

export type SeedRun =
  /** There is nothing to go on with. */
  | { readonly state: "absent" }
  | { readonly state: "started"; readonly step: number }
  | ({ readonly state: "finished" } & Pick<FinishedSeed, "step" | "evaluation" | "trainingMinutes">);

/**
 * How far `run`, which has the configuration it ought to have, is in truth. It is finished when its last step has both a
 * checkpoint and an evaluation.
 *
 * @throws {FileError} if it cannot be read, or was trained with another configuration
 * @throws {ConfigError} if its configuration or last evaluation is not valid
 */
export async function readSeedRun({ path, config, configFile }: RunFolder): Promise<SeedRun> {
  if (!existsSync(configFile)) return { state: "absent" };
  const folder = openRunFolder(path);
  const differences = describeConfigDifference(config, folder.config);
  if (differences.length > 0) {
    throw new FileError(`${path} was trained with other settings than its sweep's: ${differences.join(", ")}`, path, {
      kind: "content",
    });
  }
  const records = await readMetrics(folder.metricsFile, () => {});
  const last = records.findLast(({ kind, step }) => kind === "evaluation" && step === config.steps);
  if (!last || !(await checkpointSteps(folder)).includes(config.steps)) {
    return { state: "started", step: records.at(-1)?.step ?? 0 };
  }
  // Its training seconds are those of the last call alone: too few after a stop.
  const { step, kind: _kind, trainingSeconds: _seconds, ...numbers } = last;
  const evaluation = parseWith(evaluationSchema, numbers, `evaluation in ${folder.metricsFile}`);
  const seconds = trainingSeconds(records);
  if (seconds === undefined) {
    throw new FileError(`${folder.metricsFile} does not say how long its steps took`, path, { kind: "content" });
  }
  return { state: "finished", step, evaluation, trainingMinutes: seconds / 60 };
}

/**
 * Waits until no process trains in `run` any more, such as one that a killed sweep left.
 *
 * @param patience milliseconds after which the waiting is over
 * @returns whether the folder is free
 */
export async function waitUntilSeedRunIsFree(
  { lockFile }: RunFolder,
  {
    onNotice,
    signal,
    patience,
  }: { readonly onNotice: OnNotice; readonly signal: AbortSignal; readonly patience: number },
): Promise<boolean> {
  const deadline = Date.now() + patience;
  let isWaiting = false;
  while (existsSync(lockFile)) {
    try {
      takeLock(lockFile, onNotice).release();
    } catch (cause) {
      if (!(cause instanceof FileError)) throw cause;
      if (signal.aborted || Date.now() > deadline) return false;
      if (!isWaiting) onNotice(`Waiting for it to be freed: ${cause.message}`);
      isWaiting = true;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return true;
}
