/** The progress of one seed, read from its run folder, which is right even where `sweep.json` is out of date. */
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

/** The progress of a seed. */
export type SeedRun =
  /** There is no run yet. */
  | { readonly state: "absent" }
  | { readonly state: "started"; readonly step: number }
  | ({ readonly state: "finished" } & Pick<FinishedSeed, "step" | "evaluation" | "trainingMinutes">);

/**
 * Reads the progress of a seed. A seed is finished when its last step has both a checkpoint and an evaluation.
 *
 * @param run the run folder with the configuration that the sweep demands
 * @throws {FileError} if it cannot be read, or was trained with another configuration
 * @throws {ConfigError} if its configuration or last evaluation is not valid
 */
export async function readSeedRun(run: RunFolder): Promise<SeedRun> {
  const { path, config, configFile } = run;
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
  // Its training seconds cover only the last call, so they are too few after a stop.
  const { step, kind: _kind, trainingSeconds: _seconds, ...numbers } = last;
  const evaluation = parseWith(evaluationSchema, numbers, `evaluation in ${folder.metricsFile}`);
  const seconds = trainingSeconds(records);
  if (seconds === undefined) {
    throw new FileError(`${folder.metricsFile} does not say how long its steps took`, path, { kind: "content" });
  }
  return { state: "finished", step, evaluation, trainingMinutes: seconds / 60 };
}

/**
 * Waits until no process trains in `run`. A process can outlive a killed sweep for a moment.
 *
 * @param patience longest wait, milliseconds
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
