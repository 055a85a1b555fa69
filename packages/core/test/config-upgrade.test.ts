import { describe, expect, it } from "vitest";
import { defaultAirConfig, parseAirConfig } from "../src/config.js";
import { currentKey, upgradeAirConfig } from "../src/config-upgrade.js";
import { ConfigError } from "../src/errors.js";

const convolution = { kernel: 3, stride: 1, channels: [8] };
const imageWith = (convolution: object | null) => ({ type: "image", convolution });
const bothWith = (convolution: object | null) => ({ type: "image-and-remainder", convolution });
const needsNoConvolution = "convolution: must be null if recurrentInput is remainder";
const needsBounded = "windowSide: must be given if whereParameterisation is bounded, and only then";

/** A configuration of the first form, and the union that it is now, or the error. */
type Case = [first: object, current: object | string];

const inputs: Case[] = [
  [{}, imageWith(null)],
  [{ convolution: null }, imageWith(null)],
  [{ convolution }, imageWith(convolution)],
  [{ recurrentInput: "image" }, imageWith(null)],
  [{ recurrentInput: "image", convolution: null }, imageWith(null)],
  [{ recurrentInput: "image", convolution }, imageWith(convolution)],
  [{ recurrentInput: "remainder" }, { type: "remainder" }],
  [{ recurrentInput: "remainder", convolution: null }, { type: "remainder" }],
  [{ recurrentInput: "remainder", convolution }, needsNoConvolution],
  [{ recurrentInput: "image-and-remainder" }, bothWith(null)],
  [{ recurrentInput: "image-and-remainder", convolution: null }, bothWith(null)],
  [{ recurrentInput: "image-and-remainder", convolution }, bothWith(convolution)],
  [{ recurrentInput: "canvas" }, "lstmInput.type: must have type image"],
  [{ recurrentInput: null }, "lstmInput.type: must have type image"],
  [{ convolution: { ...convolution, kernel: 51 } }, "lstmInput.convolution: kernel must not exceed the side"],
  [{ convolution: { kernel: 3 } }, "lstmInput.convolution.stride"],
];

const wheres: Case[] = [
  [{}, { type: "prior-offset" }],
  [{ windowSide: [8, 20] }, needsBounded],
  [{ whereParameterisation: "prior-offset" }, { type: "prior-offset" }],
  [{ whereParameterisation: "prior-offset", windowSide: [8, 20] }, needsBounded],
  [{ whereParameterisation: "absolute" }, { type: "absolute" }],
  [{ whereParameterisation: "absolute", windowSide: [8, 20] }, needsBounded],
  [{ whereParameterisation: "bounded" }, needsBounded],
  [
    { whereParameterisation: "bounded", windowSide: [8, 20] },
    { type: "bounded", side: [8, 20], spacing: "linear", centre: "squashed" },
  ],
  [{ whereParameterisation: "bounded", windowSide: [20, 8] }, "where.side: must be two sides, the smaller first"],
  [{ whereParameterisation: "bounded", windowSide: null }, "where.side: must be two sides, the smaller first"],
  [{ whereParameterisation: "free", windowSide: [8, 20] }, "where.type: must have type prior-offset"],
  [{ whereParameterisation: null }, "where.type: must have type prior-offset"],
];

describe.each([
  ["lstmInput" as const, inputs],
  ["where" as const, wheres],
])("%s", (key, cases) => {
  it.each(cases)("%j of the first form is %j", (first, current) => {
    const read = () => parseAirConfig({ imageSize: 50, ...first });
    if (typeof current === "string") {
      expect(read).toThrow(ConfigError);
      expect(read).toThrow(`\n  ${current}`);
    } else {
      expect(read()).toEqual({ ...defaultAirConfig(), [key]: current });
    }
  });
});

describe("upgradeAirConfig", () => {
  const upgraded = (input: unknown, base: unknown = defaultAirConfig()) => upgradeAirConfig(input, base, "settings");

  it("returns what has nothing of the first form as it is, valid or not", () => {
    for (const input of [undefined, null, 3, "text", [], {}, { lstmInput: "image", where: 3, other: {} }]) {
      expect(upgraded(input)).toEqual(input);
    }
    expect(upgraded(defaultAirConfig())).toEqual(defaultAirConfig());
  });

  it("takes what the first form leaves out from the base", () => {
    const seen = { ...defaultAirConfig(), lstmInput: imageWith(convolution) };
    expect(upgraded({ recurrentInput: "image-and-remainder" }, seen)).toEqual({ lstmInput: bothWith(convolution) });
    expect(upgraded({ convolution: { kernel: 5 } }, seen)).toEqual({
      lstmInput: imageWith({ ...convolution, kernel: 5 }),
    });
    expect(() => upgraded({ recurrentInput: "remainder" }, seen)).toThrow(needsNoConvolution);
    const base = { lstmInput: { type: "remainder" }, where: { type: "bounded", side: [14, 18] } };
    expect(upgraded({ convolution: null }, base)).toEqual({ lstmInput: { type: "remainder" } });
    expect(upgraded({ recurrentInput: "image" }, base)).toEqual({ lstmInput: imageWith(null) });
    expect(() => upgraded({ convolution }, base)).toThrow(needsNoConvolution);
    expect(upgraded({ windowSide: [8, 20] }, base)).toEqual({ where: { type: "bounded", side: [8, 20] } });
    expect(() => upgraded({ whereParameterisation: "absolute" }, base)).toThrow(needsBounded);
  });

  it("lets the first form win over today's beside it", () => {
    const current = { lstmInput: { type: "remainder" }, where: { type: "bounded", side: [14, 18] } };
    expect(upgraded({ ...current, recurrentInput: "image", windowSide: [8, 20] })).toEqual({
      lstmInput: imageWith(null),
      where: { type: "bounded", side: [8, 20] },
    });
  });

  it("names all that must not stand together, and where", () => {
    const input = { recurrentInput: "remainder", convolution, windowSide: [8, 20] };
    expect(() => upgradeAirConfig(input, defaultAirConfig(), "manifest x", "model.")).toThrow(
      new RegExp(`^Invalid manifest x:\n  model\\.${needsNoConvolution}.*\n  model\\.${needsBounded}.*$`),
    );
  });

  it("leaves its input alone", () => {
    const input = { recurrentInput: "image", convolution, lstmInput: { type: "remainder" } };
    const copy = structuredClone(input);
    upgraded(input);
    expect(input).toEqual(copy);
  });
});

it.each([
  ["recurrentInput", "lstmInput.type"],
  ["convolution", "lstmInput.convolution"],
  ["convolution.kernel", "lstmInput.convolution.kernel"],
  ["whereParameterisation", "where.type"],
  ["windowSide", "where.side"],
  ["windowSides", "windowSides"],
  ["lstmInput.type", "lstmInput.type"],
  ["prior.windowSide", "prior.windowSide"],
])("the setting %s stands at %s now", (key, expected) => {
  expect(currentKey(key)).toBe(expected);
});
