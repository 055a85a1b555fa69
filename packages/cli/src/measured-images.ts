/** Chooses the held-out images that a model is measured on: those of its own evaluation, unless flags choose others. */
import type { DatasetChoices, DatasetName } from "@air-onnx/scenes";
import { isBrought, sideOf } from "@air-onnx/scenes";
import { choicesOf, datasetNamed, type HeldOutFlags } from "./dataset-options.js";

/** The images of a model's own evaluation, in training or at its export. */
export interface EvaluationImages {
  /** Name of the data set. */
  readonly dataset: string;
  /** Options of the data set; undefined if the model does not have them. */
  readonly choices: DatasetChoices | undefined;
  /** Side of the model's images, pixels. */
  readonly imageSize: number;
}

/** The images that a model is to be measured on. */
export interface ImagesToMeasure {
  /** Name of the data set. */
  readonly dataset: DatasetName;
  /** Options of the data set. */
  readonly choices: DatasetChoices;
  /** Sentences on how the images differ from those of the model's own evaluation. */
  readonly differences: readonly string[];
}

/**
 * Chooses the images by the flags, completed by the model's own evaluation.
 *
 * @param source the model's name in errors
 * @throws {UsageError} if there is no such data set
 */
export function imagesToMeasure(
  own: EvaluationImages,
  flags: HeldOutFlags & { readonly dataset?: string },
  source: string,
): ImagesToMeasure {
  const dataset = datasetNamed(flags.dataset ?? own.dataset, flags.dataset === undefined ? source : "--dataset");
  const side = sideOf(dataset, own.imageSize);
  const chosen = choicesOf(flags);
  if (dataset !== own.dataset) {
    const differences = [`Images of ${dataset}; the model's own evaluation is on ${own.dataset}.`];
    return { dataset, choices: { ...side, ...chosen }, differences };
  }
  const choices = { ...side, ...own.choices, ...chosen };
  if (own.choices === undefined) {
    const taken = isBrought(dataset) ? "the flags choose them" : "the flags and the data set's defaults choose them";
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
