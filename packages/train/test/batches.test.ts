import { describe, expect, it } from "vitest";
import { Batches } from "../src/batches.js";
import { parseTrainConfig } from "../src/config.js";

const SIDE = 8;
const images = Uint8Array.from({ length: 10 * SIDE * SIDE }, (_, i) => (i * 7 + 13 * Math.floor(i / SIDE ** 2)) % 256);
const source = { imageSize: SIDE, channels: 1, size: 10, images };
const configOf = (given: object = {}) =>
  parseTrainConfig({
    dataset: "npz",
    path: "x.npz",
    batchSize: 4,
    architecture: "reference",
    model: { imageSize: SIDE, objectSize: 4 },
    ...given,
  });

describe("the images of a batch", () => {
  const augmented = configOf({ augmentation: { shift: 1 } });

  it("are augmented by step and position alone, however the steps are divided into calls", () => {
    const whole = new Batches(augmented, source).next(0, 6).images;
    const resumed = new Batches(augmented, source);
    expect([...resumed.next(2, 4).images]).toEqual([...whole.subarray(2 * 4 * SIDE * SIDE)]);
    expect([...resumed.next(0, 2).images]).toEqual([...whole.subarray(0, 2 * 4 * SIDE * SIDE)]);
  });

  it("differ from epoch to epoch and from seed to seed with augmentation, and not without", () => {
    // Ten images and twenty positions: each image is used twice.
    const used = (config: ReturnType<typeof configOf>): Set<string> => {
      const batch = new Batches(config, source).next(0, 5).images;
      return new Set(
        Array.from({ length: 20 }, (_, i) => batch.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE).join()),
      );
    };
    expect(used(configOf()).size).toBe(10);
    expect(used(augmented).size).toBe(20);
    expect(used(augmented)).not.toEqual(used({ ...augmented, seed: 1 }));
    expect(configOf().augmentation).toBeNull();
  });
});
