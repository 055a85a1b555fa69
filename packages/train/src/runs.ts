/** Runs and sweeps on disk: configurations, metrics, checkpoints. This entry point loads no TensorFlow.js. */

export { alertThresholds, collapseAlerts } from "./alerts.js";
export {
  type Architecture,
  type ArchitectureName,
  type ArchitectureTraining,
  architectureNames,
  architectures,
} from "./architectures.js";
export {
  describeConfigDifference,
  parseTrainConfig,
  type TrainConfig,
  type TrainConfigInput,
} from "./config.js";
export * from "./errors.js";
export * from "./run/index.js";
export { defaultSettings, type Setting, settingsOf } from "./settings.js";
export { isSweep, openSweep, SweepFolder } from "./sweep/sweep-folder.js";
export type { FinishedSeed, SeedRecord, SeedStatus, SweepPlan, SweepSession } from "./sweep/sweep-record.js";
