export * from "./seed-run.js";
export { jobsFor, shareCores } from "./share-cores.js";
export type { Spread, SweepSummary } from "./summary.js";
export * from "./sweep-folder.js";
export {
  type FinishedSeed,
  type SeedRecord,
  type SeedStatus,
  type SweepPlan,
  type SweepSession,
  seedSchema,
  sessionSchema,
} from "./sweep-record.js";
export { collectTasks, type TaskOptions, trainTask } from "./sweep-task.js";
export { type SweepListener, type SweepTrainingOptions, trainSeeds } from "./train-seeds.js";
