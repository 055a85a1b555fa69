/** A configuration as a list of settings, each by its place, such as `optimizer.learningRate`. */
import { type DatasetName, isBrought } from "@air-onnx/scenes";
import { parseTrainConfig } from "./config.js";

/** One setting by its place in the configuration. */
export interface Setting {
  readonly key: string;
  readonly value: unknown;
}

/** The settings of a configuration object, which is plain data. */
export function settingsOf(value: unknown, path: readonly string[] = []): Setting[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ key: path.join("."), value }];
  return Object.entries(value).flatMap(([key, inner]) => settingsOf(inner, [...path, key]));
}

/**
 * Every setting of a run on `dataset` of which nothing else is said.
 *
 * @param path where the user's own images are, which has no default
 */
export function defaultSettings(dataset: DatasetName, path = "."): Setting[] {
  return settingsOf(parseTrainConfig(isBrought(dataset) ? { dataset, path } : { dataset }));
}
