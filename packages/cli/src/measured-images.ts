/** Which held-out images a model is measured on: those of its own evaluation, but for what flags say. */
import type { DatasetChoices, DatasetName } from "@air-onnx/scenes";
import { isBrought, sideOf } from "@air-onnx/scenes";
import { choicesOf, datasetNamed, type HeldOutFlags } from "./dataset-options.js";

/** What a model says of its own evaluation. */
export interface OwnImages {
  readonly dataset: string;
  /** Undefined where it does not say. */
  readonly choices: DatasetChoices | undefined;
  readonly imageSize: number;
}

export interface MeasuredImages {
  readonly dataset: DatasetName;
  readonly choices: DatasetChoices;
  /** How they are not the model's own, in sentences. */
  readonly differences: readonly string[];
}

/**
 * @param source names the model in errors
 * @throws {UsageError} if there is no such data set
 */
export function imagesToMeasure(
  own: OwnImages,
  flags: HeldOutFlags & { readonly dataset?: string },
  source: string,
): MeasuredImages {
  const dataset = datasetNamed(flags.dataset ?? own.dataset, flags.dataset === undefined ? source : "--dataset");
  const side = sideOf(dataset, own.imageSize);
  const chosen = choicesOf(flags);
  if (dataset !== own.dataset) {
    const differences = [`Images of ${dataset}; the model's own evaluation is on ${own.dataset}.`];
    return { dataset, choices: { ...side, ...chosen }, differences };
  }
  const choices = { ...side, ...own.choices, ...chosen };
  if (own.choices === undefined) {
    const taken = isBrought(dataset) ? "those of the flags" : "the data set's defaults, below flags";
    return {
      dataset,
      choices,
      differences: [`The model does not say which images of ${dataset} its own evaluation is on: ${taken}.`],
    };
  }
  const before = new Map<string, unknown>(Object.entries(own.choices));
  const differences = Object.entries(chosen).flatMap(([key, value]) =>
    before.has(key) && before.get(key) !== value
      ? [`Images of ${key} ${value}; the model's own evaluation is on ${key} ${before.get(key)}.`]
      : [],
  );
  return { dataset, choices, differences };
}
