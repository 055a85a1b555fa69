/** A configuration as a list of settings with dotted keys, such as `optimizer.learningRate`. */
import { type DatasetName, isBrought } from "@air-onnx/scenes";
import { parseTrainConfig } from "./config.js";

/** One setting of a configuration. */
export interface Setting {
  /** Its dotted key, such as `optimizer.learningRate`. */
  readonly key: string;
  /** Its value, plain data. */
  readonly value: unknown;
}

/**
 * Lists the settings of a configuration object.
 *
 * @param path the keys that lead to `value`; none for a whole configuration
 */
export function settingsOf(value: unknown, path: readonly string[] = []): Setting[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ key: path.join("."), value }];
  return Object.entries(value).flatMap(([key, inner]) => settingsOf(inner, [...path, key]));
}

/**
 * Lists the default settings of a run on `dataset`.
 *
 * @param path path of the user's own images, for data sets that are files of theirs
 */
export function defaultSettings(dataset: DatasetName, path = "."): Setting[] {
  return settingsOf(parseTrainConfig(isBrought(dataset) ? { dataset, path } : { dataset }));
}
