/** Runs and sweeps as they are on disk: configuration, metrics, checkpoints. It loads no TensorFlow.js. */
export {
  architectures,
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
