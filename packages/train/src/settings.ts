/** A configuration as a list of settings with dotted keys, such as `optimizer.learningRate`. */
import { type DatasetName, isBrought } from "@air-onnx/scenes";
import type { ArchitectureName } from "./architectures.js";
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
 * @param choice path of the user's own images, for data sets that are files of theirs, and the architecture, of which the
 *   defaults are; by default that of the data set
 */
export function defaultSettings(
  dataset: DatasetName,
  { path = ".", architecture }: { readonly path?: string | undefined; readonly architecture?: ArchitectureName } = {},
): Setting[] {
  return settingsOf(
    parseTrainConfig({
      dataset,
      ...(isBrought(dataset) && { path }),
      ...(architecture !== undefined && { architecture }),
    }),
  );
}
