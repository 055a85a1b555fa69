export * from "./seed-run.js";
export type { Spread, SpreadName, SweepSummary } from "./summary.js";
export * from "./sweep-folder.js";
export type { FinishedSeed, SeedRecord, SeedStatus, SweepPlan, SweepSession } from "./sweep-record.js";
