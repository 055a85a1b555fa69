import { intersectionOverUnion, preprocessImage } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { classicalCount } from "../../src/blobs/classical-count.js";
import { fitPreprocessing, quantile, someImages } from "../../src/blobs/fit-preprocessing.js";
import { cells } from "../../src/drawn/cells.js";
import { generateScenes, type SceneGenerator, streamScenes } from "../../src/drawn/generate.js";
import { multiDiscs } from "../../src/drawn/multi-discs.js";
import { multiDsprites64 } from "../../src/drawn/multi-dsprites-64.js";
import { trueBoxes } from "../../src/scene-set.js";

/** Counts the images of a generator after the preprocessing that is fitted to them. */
async function counted(generator: SceneGenerator, size: number) {
  const scenes = await generateScenes(generator, size);
  const { preprocessing, reasons } = fitPreprocessing(scenes);
  const found = someImages(scenes, size).map((image) => {
    if (preprocessing) preprocessImage(image, scenes, preprocessing, image);
    return classicalCount(image, scenes);
  });
  const right = found.filter((blobs, i) => blobs.length === scenes.counts[i]).length / size;
  return { scenes, found, right, preprocessing, reasons };
}

describe("classicalCount", () => {
  it("counts discs that do not overlap without an error, and finds their boxes", async () => {
    const { scenes, found, right } = await counted(multiDiscs(0), 100);
    expect(right).toBeGreaterThan(0.97);
    const overlaps = found.flatMap((blobs, i) =>
      trueBoxes(scenes, i).map((truth) => Math.max(0, ...blobs.map(({ box }) => intersectionOverUnion(box, truth)))),
    );
    expect(quantile(overlaps, 0.1)).toBeGreaterThan(0.6);
  });

  it("counts objects of any colour", async () => {
    const { right } = await counted(multiDsprites64(0, { maxCount: 2 }), 100);
    expect(right).toBeGreaterThan(0.9);
  });

  it.each([false, true])(
    "counts three quarters of the cells' images, also uneven and noisy ones (dark: %s)",
    async (dark) => {
      const { right, found, scenes } = await counted(cells(1, { dark }), 150);
      expect(right).toBeGreaterThan(0.7);
      const empty = found.filter((_, i) => scenes.counts[i] === 0);
      expect(empty.length).toBeGreaterThan(10);
      expect(empty.flat()).toEqual([]);
    },
  );

  it("leaves out what is too small, and says what the edge cuts", () => {
    const image = new Float32Array(100);
    for (const pixel of [0, 1, 2, 10, 11, 12, 20, 21, 22, 66, 67, 76, 77]) image[pixel] = 1;
    const form = { imageSize: 10, channels: 1 };
    const [cut, ...others] = classicalCount(image, form, { leastArea: 6 });
    expect(others).toEqual([]);
    expect(cut).toMatchObject({ cut: true, box: { xmin: 0, ymin: 0 } });
    expect(classicalCount(image, form, { leastArea: 1 })).toHaveLength(2);
  });
});

describe("fitPreprocessing", () => {
  it("leaves bright objects on black alone", async () => {
    const { preprocessing, reasons } = await counted(multiDiscs(1), 30);
    expect(preprocessing).toBeUndefined();
    expect(reasons).toEqual(["The ground is black and the objects are bright: nothing to prepare."]);
  });

  it.each([false, true])("finds polarity, uneven light and contrast of cells (dark: %s)", async (dark) => {
    const { preprocessing, reasons } = await counted(cells(2, { dark }), 60);
    expect(preprocessing).toMatchObject({ polarity: [dark ? "dark" : "light"], backgroundDegree: 2 });
    const [least, most] = preprocessing!.contrast;
    expect(least).toBeGreaterThan(0.2);
    expect(most).toBeLessThan(0.75);
    expect(reasons).toHaveLength(3);
  });

  it("finds an even ground even", async () => {
    const { imageSize, channels, images } = await generateScenes(multiDiscs(3), 40);
    const inverted = { imageSize, channels, size: 40, images: images.map((value) => 230 - Math.round(0.8 * value)) };
    const { preprocessing } = fitPreprocessing(inverted);
    expect(preprocessing).toMatchObject({ polarity: ["dark"], backgroundDegree: 0 });
  });

  it("says so where nothing stands out", () => {
    const grey = { imageSize: 20, channels: 1, size: 3, images: new Uint8Array(1200).fill(90) };
    const { preprocessing, reasons } = fitPreprocessing(grey);
    expect(preprocessing).toMatchObject({ contrast: [0.2, 0.5] });
    expect(reasons.at(-1)).toMatch(/No image shows an object/);
  });

  it("sees an endless stream by its first images", () => {
    const stream = streamScenes(cells(2));
    expect(someImages(stream, 3)).toHaveLength(3);
    expect(fitPreprocessing({ ...stream, size: 20 })).toEqual(fitPreprocessing({ ...stream, size: 20 }));
  });
});
