import { RandomStream } from "@air-onnx/core";
import { SHARED_PIXEL } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import { AppearanceTally, foregroundAri, measureModel } from "../src/index.js";
import { box, fakeModel, scenesOf } from "./fake-model.js";

const masks = (...lists: number[][]) => lists.map((list) => ({ mask: Uint8Array.from(list) }));

describe("foregroundAri", () => {
  it("is 1 for the true objects in any order, whatever is found in the background and in overlaps", () => {
    const owners = Uint8Array.from([0, 1, 1, 2, 2, 2, SHARED_PIXEL]);
    expect(foregroundAri(masks([1, 0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0, 1]), owners)).toBe(1);
  });

  it("is what Hubert and Arabie's formula gives", () => {
    // Rows {3, 0}, {1, 2}: pairs together 3 + 0 + 0 + 1 = 4, of rows 3 + 3, of columns 6 + 1, of all 15.
    const owners = Uint8Array.from([1, 1, 1, 2, 2, 2]);
    const expected = (4 - (6 * 7) / 15) / ((6 + 7) / 2 - (6 * 7) / 15);
    expect(foregroundAri(masks([1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]), owners)).toBeCloseTo(expected, 12);
    // The same with a pixel in both masks, which is the first one's.
    expect(foregroundAri(masks([1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1]), owners)).toBeCloseTo(expected, 12);
    // The same with nothing found where the second object was.
    expect(foregroundAri(masks([1, 1, 1, 1, 0, 0]), owners)).toBeCloseTo(expected, 12);
  });

  it("is 0 if one cluster holds two objects, and undefined without a pixel of one object", () => {
    expect(foregroundAri(masks([1, 1, 1, 1]), Uint8Array.from([1, 1, 2, 2]))).toBe(0);
    expect(foregroundAri([], Uint8Array.from([0, SHARED_PIXEL]))).toBeUndefined();
  });
});

describe("AppearanceTally", () => {
  /** Codes of three kinds around centres that far apart. */
  function tallyOf(apart: number, size = 300): AppearanceTally {
    const tally = new AppearanceTally();
    const random = new RandomStream(3);
    for (let i = 0; i < size; i++) {
      const kind = [2, 5, 7][random.integer(3)]!;
      const centre = { 2: [0, 0], 5: [apart, 0], 7: [0, apart] }[kind]!;
      tally.add(
        Float32Array.from([...centre, 0], (value) => value + random.normal()),
        kind,
      );
    }
    return tally;
  }

  it("tells kinds that are far apart, and guesses where they are not", () => {
    const clear = tallyOf(12).result(0)!;
    expect(clear).toMatchObject({ objects: 300, kinds: 3, probeAccuracy: 1, clusterAccuracy: 1 });
    const mixed = tallyOf(0, 900).result(0)!;
    expect(mixed.probeAccuracy).toBeLessThan(0.45);
    expect(mixed.clusterAccuracy).toBeLessThan(0.45);
    expect(mixed.mostFrequent).toBeLessThan(0.4);
  });

  it("is the same for the same seed, and says nothing of few objects or of one kind", () => {
    expect(tallyOf(2).result(4)).toEqual(tallyOf(2).result(4));
    expect(tallyOf(2, 99).result(0)).toBeUndefined();
    const one = new AppearanceTally();
    for (let i = 0; i < 200; i++) one.add(new Float32Array(2), 1);
    expect(one.result(0)).toBeUndefined();
  });
});

describe("measureModel with the truth about objects", () => {
  const cases = [{ truth: [box(0, 0), box(6, 6)], found: [box(0, 0), box(6, 6)] }];
  const truth = {
    size: 1,
    owners: new Uint8Array(100),
    kinds: Uint8Array.of(1, 2),
    counts: Uint8Array.of(2),
    maxObjects: 2,
  };
  truth.owners.set([1, 1, 2, 2], 0);

  it("compares masks, of which this model has none", async () => {
    const { segmentation, appearance } = await measureModel(fakeModel(cases), scenesOf(cases), { truth });
    expect(segmentation).toEqual({ images: 1, ariForeground: 0 });
    expect(appearance).toBeUndefined();
  });

  it("refuses the truth about other images", async () => {
    const other = { ...truth, counts: Uint8Array.of(1) };
    await expect(measureModel(fakeModel(cases), scenesOf(cases), { truth: other })).rejects.toThrow(
      "not that of these images",
    );
  });
});
