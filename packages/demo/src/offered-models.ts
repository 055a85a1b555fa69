/** The models that the page offers: those beside it, and the one that the visitor trained in this browser. */
import { AirModel, type LoadOptions } from "@air-onnx/runtime-web";
import type { ModelEntry } from "./model-list.js";
import { fetchModelList, siteUrl } from "./site.js";
import { TRAINED_NAME } from "./training-preset.js";
import { kept } from "./training-store.js";

/** @throws {Error} with a message for the user if the list of the models beside the page cannot be had */
export async function listModels(): Promise<readonly ModelEntry[]> {
  const [beside, own] = await Promise.all([fetchModelList(), kept("model")]);
  return own ? [...beside, own.entry] : beside;
}

/** The models beside the page, without the visitor's own. */
export function served(models: readonly ModelEntry[]): readonly ModelEntry[] {
  return models.filter(({ name }) => name !== TRAINED_NAME);
}

/** @throws the errors of `AirModel.fromPretrained` */
export async function openEntry(entry: ModelEntry, options: LoadOptions): Promise<AirModel> {
  const own = entry.name === TRAINED_NAME ? await kept("model") : undefined;
  return own ? AirModel.fromFiles(own.files, options) : AirModel.fromPretrained(siteUrl(entry.url), options);
}
