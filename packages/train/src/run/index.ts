export * from "./checkpoint.js";
export type { FileLock, Notify } from "./lock.js";
export * from "./metrics-log.js";
export * from "./run-folder.js";
