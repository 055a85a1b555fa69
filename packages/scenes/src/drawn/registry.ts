/** The drawn data sets by name, and what follows from their list. */
import type { DrawnForm, DrawnSetting, PublishedSet, SeededSet } from "./drawn-set.js";
import * as sets from "./drawn-sets.js";

/** Any of the drawn sets, with its own types. */
export type RegisteredSet = (typeof sets)[keyof typeof sets];
export type DrawnName = RegisteredSet["name"];
/** A setting that one of the sets has of its own. */
export type DrawnSettingKey = { [N in DrawnName]: keyof Extract<RegisteredSet, { name: N }>["settings"] }[DrawnName];

/** Needs no download. */
export const defaultDataset = "multi-strokes" satisfies DrawnName;

export type DrawnSet = (SeededSet | PublishedSet) & { readonly name: DrawnName };

/** All of them: the default first, the others by name. */
export const drawnSets: readonly DrawnSet[] = (Object.values(sets) as DrawnSet[]).toSorted((a, b) =>
  a.name === defaultDataset || (b.name !== defaultDataset && a.name < b.name) ? -1 : 1,
);

/** The set of that name; undefined if no drawn set has it. */
export function drawnSet(name: string): DrawnSet | undefined {
  return drawnSets.find((set) => set.name === name);
}

/** The settings that sets have of their own, each once, with its meaning. */
export const drawnSettings = Object.fromEntries(
  drawnSets.flatMap(({ settings }) => Object.entries(settings)),
) as Readonly<Record<DrawnSettingKey, DrawnSetting>>;

/** The form of images of `set`: what `given` says, and the defaults for the rest. */
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
