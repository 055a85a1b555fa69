/** The drawn data sets by name, and what follows from their list. */
import type { DrawnForm, DrawnSetting, PublishedSet, SeededSet } from "./drawn-set.js";
import * as sets from "./drawn-sets.js";

/** The definitions of all drawn sets, by the names of their constants. */
export const registeredSets = { ...sets };

/** The definition of any one of the drawn sets, with its own name and settings as types. */
export type RegisteredSet = (typeof registeredSets)[keyof typeof registeredSets];
/** The name of a drawn data set. */
export type DrawnName = RegisteredSet["name"];
/** The key of a setting that one of the drawn sets has of its own. */
export type DrawnSettingKey = { [N in DrawnName]: keyof Extract<RegisteredSet, { name: N }>["settings"] }[DrawnName];

/** The data set where none is named. It needs no download. */
export const defaultDataset = "multi-strokes" satisfies DrawnName;

/** The definition of a drawn data set. */
export type DrawnSet = (SeededSet | PublishedSet) & { readonly name: DrawnName };

/** All drawn sets: the default first, the others by name. */
export const drawnSets: readonly DrawnSet[] = (Object.values(registeredSets) as DrawnSet[]).toSorted((a, b) =>
  a.name === defaultDataset || (b.name !== defaultDataset && a.name < b.name) ? -1 : 1,
);

/** Finds the drawn set called `name`; undefined if there is none. */
export function drawnSet(name: string): DrawnSet | undefined {
  return drawnSets.find((set) => set.name === name);
}

/** The settings that drawn sets have of their own, each once, by key. */
export const drawnSettings = Object.fromEntries(
  drawnSets.flatMap(({ settings }) => Object.entries(settings)),
) as Readonly<Record<DrawnSettingKey, DrawnSetting>>;

/** The form of the images of `set`: the values in `given`, and the defaults for the rest. Other keys of `given` are ignored. */
export function formOf(set: DrawnSet, given: Readonly<Record<string, unknown>>): DrawnForm {
  const numberOf = (key: string, otherwise: number): number => {
    const value = given[key];
    return typeof value === "number" ? value : otherwise;
  };
  const settings = Object.entries<DrawnSetting>(set.settings);
  return {
    imageSize: set.anySide ? numberOf("imageSize", set.imageSize) : set.imageSize,
    ...Object.fromEntries(settings.map(([key, setting]) => [key, numberOf(key, setting.default)])),
  };
}
