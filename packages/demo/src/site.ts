/** Reads the files beside the page, with errors that say what is missing. */
import type { ModelEntry } from "./model-list.js";
import { readSampleSet, type SampleSet } from "./sample-set.js";

export function siteUrl(path: string): URL {
  return new URL(path, document.baseURI);
}

/** @throws {Error} with a message for the user if the list is missing, broken or empty */
export async function fetchModelList(): Promise<readonly ModelEntry[]> {
  const text = await fetchText("models.json", "The list of models");
  const models = JSON.parse(text) as readonly ModelEntry[];
  if (models.length === 0) throw new Error("This copy of the page has no models: build it where models/ has one.");
  return models;
}

/** @throws {Error} with a message for the user */
export async function fetchSamples(path: string): Promise<SampleSet> {
  return readSampleSet(await fetchText(path, "The example images"));
}

async function fetchText(path: string, what: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(siteUrl(path));
  } catch (cause) {
    throw new Error(`${what} (${path}) could not be fetched: is the network down?`, { cause });
  }
  if (!response.ok) throw new Error(`${what} (${path}) could not be fetched: the server says ${response.status}.`);
  return response.text();
}
