/** Finds the runs of a report, and reads how far each has come. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { count } from "@air-onnx/measure";
import { FileError, reasonInWords } from "@air-onnx/scenes";
import {
  type AlertRecord,
  type MetricsRecord,
  openRunFolder,
  type RunFolder,
  readAlerts,
  readMetrics,
  trainingSeconds,
} from "@air-onnx/train/runs";
import { isExportedModel } from "./exported-model.js";

/**
 * Finds the run in `path`, or else the runs in the folders directly below it, by name.
 *
 * @throws {FileError} if there is none, it is an exported model, or the folder or a run cannot be read
 * @throws {ConfigError} if a run's configuration is not valid
 */
export function findRuns(
  path: string,
): { readonly kind: "run"; readonly folder: RunFolder } | { readonly kind: "several"; readonly folders: RunFolder[] } {
  if (existsSync(join(path, "config.json"))) {
    if (isExportedModel(path)) {
      throw new FileError(`${path} is an exported model: a report is of the run folder that it was trained in`, path, {
        kind: "content",
      });
    }
    return { kind: "run", folder: openRunFolder(path) };
  }
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (cause) {
    throw new FileError(`Cannot read ${path}: ${reasonInWords(cause)}`, path, { cause });
  }
  const folders = names
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => join(path, name))
    .filter((folder) => existsSync(join(folder, "config.json")) && !isExportedModel(folder))
    .map(openRunFolder);
  if (folders.length === 0) {
    throw new FileError(
      `${path} is neither a run folder nor a folder of some: no config.json is in it or below it`,
      path,
      { kind: "content" },
    );
  }
  return { kind: "several", folders };
}

/** The state of a run, from its log. */
export interface RunState {
  /** All numbers of the log. */
  readonly records: readonly MetricsRecord[];
  /** All alerts of the log. */
  readonly alerts: readonly AlertRecord[];
  /** Number of steps done, according to the last record. */
  readonly step: number;
  /** Whether all steps are done and evaluated. */
  readonly isFinished: boolean;
  /** State in words, such as `finished after 3,000 steps`. */
  readonly inWords: string;
  /** Record of the last evaluation. */
  readonly lastEvaluation: MetricsRecord | undefined;
  /** Time spent in training steps, seconds; undefined if the log does not have it. */
  readonly seconds: number | undefined;
}

/** Reads the state of a run from its log. */
export async function readRunState(folder: RunFolder, onNotice: (line: string) => void): Promise<RunState> {
  const records = await readMetrics(folder.metricsFile, onNotice);
  const alerts = await readAlerts(folder.metricsFile, () => {});
  const step = records.at(-1)?.step ?? 0;
  const { steps } = folder.config;
  const lastEvaluation = records.findLast(({ kind }) => kind === "evaluation");
  // The evaluation at the last step is the last record of a run.
  const isFinished = lastEvaluation?.step === steps;
  const lock = existsSync(folder.lockFile) ? "; its lock file says that it is training" : "";
  const inWords = isFinished
    ? `finished after ${count(steps)} steps`
    : `unfinished: step ${count(step)} of ${count(steps)}${lock}`;
  return { records, alerts, step, isFinished, inWords, lastEvaluation, seconds: trainingSeconds(records) };
}
