/** All data sets by name: those that are drawn and those that users bring. It loads neither a reader of files nor zod. */
import { type DrawnName, drawnSet, drawnSets } from "./drawn/registry.js";
import { type BroughtSet, npzSet, pngFolderSet } from "./files/brought-sets.js";

const broughtSets = [npzSet, pngFolderSet] as const;

export type BroughtName = (typeof broughtSets)[number]["name"];
export type DatasetName = DrawnName | BroughtName;

/** The default first; those that users bring last. */
export const datasetNames: readonly DatasetName[] = [...drawnSets, ...broughtSets].map(({ name }) => name);

/** The seeds of both splits are made of one: twice it, and one more, must be integers that a double can hold. */
export const MAX_DATA_SEED = 2 ** 52 - 1;

/** The environment's variables that say where data come from and are kept, by the option that each stands for. */
export const placeVariables = { mnistDir: "AIR_ONNX_MNIST_DIR", cacheDir: "AIR_ONNX_CACHE" } as const;

/** The set of that name; undefined if users bring none of that name. */
export function broughtSet(name: string): BroughtSet | undefined {
  return broughtSets.find((set) => set.name === name);
}

/** Whether the images are the user's own. */
export function isBrought(name: DatasetName): name is BroughtName {
  return broughtSet(name) !== undefined;
}

/** The side of its images, for a data set that can be drawn in any. */
export function sideOf(name: DatasetName, imageSize: number): { readonly imageSize?: number } {
  return drawnSet(name)?.anySide ? { imageSize } : {};
}
