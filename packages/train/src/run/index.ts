export * from "./checkpoint.js";
export * from "./cut-outs-file.js";
export type { FileLock, OnNotice } from "./lock.js";
export * from "./metrics-csv.js";
export * from "./metrics-log.js";
export * from "./run-folder.js";
export * from "./tensorboard.js";
export * from "./training-time.js";
