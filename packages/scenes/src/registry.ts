/** All data sets by name: the drawn ones and the user's own. This module loads neither a reader of files nor zod. */
import { type DrawnName, drawnSet, drawnSets } from "./drawn/registry.js";
import { type BroughtSet, npzSet, pngFolderSet } from "./files/brought-sets.js";

const broughtSets = [npzSet, pngFolderSet] as const;

/** The name of a data set that reads the user's own files. */
export type BroughtName = "npz" | "png-folder";
/** The name of a data set. */
export type DatasetName = DrawnName | BroughtName;

/** The names of all data sets: the default first, those of the user's own files last. */
export const datasetNames: readonly DatasetName[] = [...drawnSets, ...broughtSets].map(({ name }) => name);

/** Largest seed of a data set. The splits are drawn from the seeds 2 · seed and 2 · seed + 1, which a double must hold. */
export const MAX_DATA_SEED = 2 ** 52 - 1;

/** Environment variables that name the folders of the data, by the option that each replaces. */
export const placeVariables = { mnistDir: "AIR_ONNX_MNIST_DIR", cacheDir: "AIR_ONNX_CACHE" } as const;

/** Finds the set of the user's own files called `name`; undefined if there is none. */
export function broughtSet(name: string): BroughtSet | undefined {
  return broughtSets.find((set) => set.name === name);
}

/** Tells whether the images of a data set are the user's own. */
export function isBrought(name: DatasetName): name is BroughtName {
  return broughtSet(name) !== undefined;
}

/** The option `imageSize` for a data set that can be drawn with any side; no option for the others. */
export function sideOf(name: DatasetName, imageSize: number): { readonly imageSize?: number } {
  return drawnSet(name)?.anySide ? { imageSize } : {};
}
