import { parseAirConfig } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { guessSettings } from "../../src/blobs/guess-settings.js";
import { cells } from "../../src/drawn/cells.js";
import { generateScenes } from "../../src/drawn/generate.js";
import { multiDiscs } from "../../src/drawn/multi-discs.js";
import { multiDsprites64 } from "../../src/drawn/multi-dsprites-64.js";
import type { ImageSet } from "../../src/scene-set.js";

/** Images without a word about them. */
async function imagesOf(generator: Parameters<typeof generateScenes>[0], size: number): Promise<ImageSet> {
  const { images, imageSize, channels } = await generateScenes(generator, size);
  return { images, imageSize, channels, size };
}

describe("guessSettings", () => {
  it.each([false, true])("finds size and number of cells without labels (dark: %s)", async (dark) => {
    const { settings, objectSize, maxObjects, reasons } = guessSettings(
      await imagesOf(cells(0, { dark, maxCount: 4 }), 150),
    );
    // The truth is 8 to 24 pixels, without soft edges, and 0 to 4 cells.
    expect(objectSize[0]).toBeGreaterThanOrEqual(6);
    expect(objectSize[0]).toBeLessThanOrEqual(11);
    expect(objectSize[1]).toBeGreaterThanOrEqual(20);
    expect(objectSize[1]).toBeLessThanOrEqual(27);
    expect([4, 5]).toContain(maxObjects);
    expect(settings.preprocessing).toMatchObject({ polarity: [dark ? "dark" : "light"] });
    const model = parseAirConfig(settings.model);
    expect(model).toMatchObject({ imageSize: 96, channels: 1, maxSteps: maxObjects + 2, where: { type: "bounded" } });
    expect(settings).toMatchObject({ architecture: "local", composition: { maxObjects } });
    expect(reasons.map(({ about }) => about)).toEqual([
      "preprocessing",
      "preprocessing",
      "preprocessing",
      "objectSize",
      "maxObjects",
      "augmentation",
    ]);
    expect(settings.augmentation).toEqual({ flips: true, turns: true, shift: 4, brightness: 0.1 });
  });

  it("learns from the images alone where they have more objects than composed ones could", async () => {
    const { settings, maxObjects } = guessSettings(await imagesOf(cells(0), 150));
    expect([7, 8, 9]).toContain(maxObjects);
    expect(settings).toMatchObject({
      composition: null,
      trainingMaxSteps: Math.min(8, maxObjects),
      presencePriorSchedule: { to: 0.6 },
      model: { likelihood: { type: "gaussian", std: 0.2 } },
    });
    const few = guessSettings(await imagesOf(cells(0, { maxCount: 2 }), 150)).settings;
    expect(few.trainingMaxSteps).toBeLessThanOrEqual(3);
    expect(parseAirConfig(few.model).likelihood).toEqual({ type: "gaussian", std: 0.3 });
  });

  it("finds the size of objects on black, grey or in colour", async () => {
    const discs = guessSettings(await imagesOf(multiDiscs(0), 100));
    expect(discs.objectSize).toEqual([expect.closeTo(8, -1), 18]);
    expect(discs.settings.preprocessing).toBeUndefined();
    const sprites = guessSettings(await imagesOf(multiDsprites64(0, { maxCount: 2 }), 100));
    expect(parseAirConfig(sprites.settings.model)).toMatchObject({ imageSize: 64, channels: 3, maxSteps: 5 });
    expect(sprites.objectSize[1]).toBeGreaterThan(13);
    expect(sprites.objectSize[1]).toBeLessThan(19);
  });

  it("takes what is known as it is, and gives a reason only for the rest", async () => {
    const known = { objectSize: [5, 12], maxObjects: 7, preprocessing: null } as const;
    const { settings, reasons } = guessSettings(await imagesOf(multiDiscs(1), 20), known);
    expect(reasons.map(({ about }) => about)).toEqual(["augmentation"]);
    expect(settings.preprocessing).toBeUndefined();
    expect(parseAirConfig(settings.model)).toMatchObject({
      maxSteps: 7,
      objectSize: 12,
      where: { type: "bounded", side: [6, 15] },
    });
  });

  it("says what it assumes where nothing is seen", () => {
    const black = { imageSize: 40, channels: 1, size: 2, images: new Uint8Array(3200) };
    const { objectSize, maxObjects, reasons, settings } = guessSettings(black);
    expect([objectSize, maxObjects]).toEqual([[4, 12], 3]);
    expect(reasons.map(({ line }) => line).join("\n")).toMatch(
      /No whole object was seen; objects of 4 to 12 pixels.*\n.*at most 3/,
    );
    expect(() => parseAirConfig(settings.model)).not.toThrow();
  });

  it.each([1, 2, 9, 31, 97])("gives a valid model for images of %i pixels a side", (imageSize) => {
    const images = Uint8Array.from({ length: 3 * imageSize ** 2 }, (_, i) => (i * 37) % 256);
    const { settings } = guessSettings({ imageSize, channels: 1, size: 3, images });
    expect(() => parseAirConfig(settings.model)).not.toThrow();
  });
});
