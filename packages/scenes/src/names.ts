/**
 * The names of data sets and of their settings, for programs that must answer at once, such as a command line's `--help`.
 * This entry loads no reader of files, no zod, and no other package except core's random numbers.
 */
export type { DrawnSetting, Split } from "./drawn/drawn-set.js";
export { type DrawnSettingKey, defaultDataset, drawnSettings } from "./drawn/registry.js";
export { type BroughtName, type DatasetName, datasetNames, MAX_DATA_SEED, placeVariables } from "./registry.js";
