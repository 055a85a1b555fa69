/**
 * The names of data sets and of their settings, for a program that must answer at once, such as a command line's `--help`:
 * it loads no reader of files, no zod and no other package but the random numbers.
 */
export type { DrawnSetting, Split } from "./drawn/drawn-set.js";
export { type DrawnSettingKey, defaultDataset, drawnSettings } from "./drawn/registry.js";
export { type BroughtName, type DatasetName, datasetNames, MAX_DATA_SEED, placeVariables } from "./registry.js";
