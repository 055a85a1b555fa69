import { describe, expect, it } from "vitest";
import * as sets from "../../src/drawn/drawn-sets.js";
import { drawnSet, drawnSets, drawnSettings, formOf } from "../../src/drawn/registry.js";
import { datasetNames } from "../../src/names.js";
import { isBrought, sideOf } from "../../src/registry.js";

/** Three digits of ink, which every set of digits takes. */
const material = { digits: async () => new Uint8Array(3 * 28 * 28).fill(40) };

describe("the list of drawn sets", () => {
  it("makes the names: the default first, the user's own last", () => {
    expect(drawnSets).toHaveLength(Object.keys(sets).length);
    expect(new Set(datasetNames).size).toBe(datasetNames.length);
    expect(datasetNames[0]).toBe("multi-strokes");
    expect(datasetNames.slice(-2)).toEqual(["npz", "png-folder"]);
    expect(datasetNames.filter((name) => !isBrought(name))).toEqual(drawnSets.map(({ name }) => name));
    expect(drawnSet("npz")).toBeUndefined();
  });

  it("gives every setting once", () => {
    for (const { settings } of drawnSets) {
      for (const key of Object.keys(settings)) expect(drawnSettings).toHaveProperty(key);
    }
  });
});

describe.each(drawnSets.map((set) => [set.name, set] as const))("the definition of %s", (name, set) => {
  it("has a definition that agrees with its generator's images", async () => {
    const generator = await set.generator(0, formOf(set, {}), material, "train");
    expect(generator).toMatchObject({ dataset: name, channels: set.channels, imageSize: set.imageSize });
    expect(set.conflicts?.(formOf(set, {})) ?? []).toEqual([]);
    for (const { default: usual, least = 1, most = usual } of Object.values(set.settings)) {
      expect(Number.isInteger(usual) && usual >= least && usual <= most).toBe(true);
    }
  });

  it("draws images of another side exactly if its definition says so", async () => {
    const form = formOf(set, { imageSize: set.imageSize + 7 });
    const side = set.imageSize + (set.anySide ? 7 : 0);
    expect(form.imageSize).toBe(side);
    expect(await set.generator(0, form, material, "test")).toMatchObject({ imageSize: side });
    expect(sideOf(name, 99)).toEqual(set.anySide ? { imageSize: 99 } : {});
  });
});

it.each(drawnSets.filter(({ anySide }) => anySide).map((set) => [set.name, set] as const))(
  "%s finds the conflicts that its generator refuses",
  async (_, set) => {
    const form = formOf(set, { imageSize: 5 });
    expect(set.conflicts?.(form)).toHaveLength(1);
    await expect((async () => set.generator(0, form, material, "train"))()).rejects.toThrow(RangeError);
  },
);
