/** Fits what a model calls typical, with a model whose scenes are made up. */
import { parseAirConfig, type Scene } from "@air-onnx/core";
import { emptyScenes } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import { fitTypicality } from "../src/typicality.js";

const config = parseAirConfig({ imageSize: 8, objectSize: 4 });
const scene = (reconstruction: Float32Array): Scene => ({
  count: 0,
  objects: [],
  reconstruction,
  countProbabilities: [1, 0, 0, 0],
  elbo: 0,
  steps: 1,
});
/** A model that explains nothing, and the sizes of the batches that it was given. */
function blindModel() {
  const batches: number[] = [];
  const infer = async (images: Float32Array): Promise<Scene[]> => {
    batches.push(images.length / 64);
    return Array.from({ length: images.length / 64 }, () => scene(new Float32Array(64)));
  };
  return { config, infer, batches };
}
/** Image i has i mod 50 bright pixels, each beside black ones only where there is room. */
function images(size: number) {
  const set = emptyScenes(size, 8, 1, 1);
  for (let i = 0; i < size; i++) set.images.fill(255, 64 * i, 64 * i + (i % 50));
  return set;
}

describe("fitTypicality", () => {
  it("fits limits to the first images of the set", async () => {
    const model = blindModel();
    const fitted = await fitTypicality(model, images(3000), { images: 600 });
    expect(model.batches).toEqual([250, 250, 100]);
    // The 12 brightest of 600 images have 49 pixels of which none is explained, outside of all windows. Six may lie beyond.
    expect(fitted).toMatchObject({ images: 600, falseAlarms: 0.01, limits: { unexplained: 98 } });
    expect((await fitTypicality(model, images(3000)))!.images).toBe(2000);
    expect((await fitTypicality(model, images(150)))!.images).toBe(150);
  });

  it("says that too few images are no base", async () => {
    const said: string[] = [];
    expect(await fitTypicality(blindModel(), images(99), { onNotice: (line) => said.push(line) })).toBeUndefined();
    expect(said).toEqual([expect.stringContaining("at least 100 held-out images, and there are 99")]);
  });

  it("stops when it is aborted", async () => {
    const inferring = fitTypicality(
      {
        config,
        infer: async (_images, options) => {
          options?.signal?.throwIfAborted();
          return [];
        },
      },
      images(150),
      { signal: AbortSignal.abort(new Error("enough")) },
    );
    await expect(inferring).rejects.toThrow("enough");
  });
});
