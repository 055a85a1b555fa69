/** Fits scores, with a model whose scenes are made up. */
import { type Box, boxFromZWhere, parseAirConfig, type Scene, scoreOf, type ZWhere } from "@air-onnx/core";
import { emptyScenes } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import { fitScore } from "../src/score.js";

const config = parseAirConfig({ imageSize: 8, objectSize: 4 });
const window: ZWhere = [2, 0, 0];
const tightBox: Box = boxFromZWhere(window, 8);

/** A model that finds one object in each image, and explains half of the light if the first pixel is dark. */
const model = {
  config,
  infer: async (images: Float32Array): Promise<Scene[]> =>
    Array.from({ length: images.length / 64 }, (_, i): Scene => {
      const image = images.slice(64 * i, 64 * (i + 1));
      return {
        count: 1,
        objects: [
          {
            ...{ presence: 0.999, score: 0.999, box: tightBox, tightBox, mask: new Uint8Array(64) },
            ...{ zWhere: window, zWhat: new Float32Array(50), patch: new Float32Array(16) },
          },
        ],
        reconstruction: image[0]! > 0 ? new Float32Array(64) : image,
        ...{ countProbabilities: [0, 1, 0, 0], elbo: 0, steps: 1 },
      };
    }),
};

/** Images with one object in the middle; in every fourth it is elsewhere, and the first pixel is bright. */
function images(size: number, known = true) {
  const set = emptyScenes(size, 8, 1, 1);
  set.images.fill(255);
  for (let i = 0; i < size; i++) {
    set.counts[i] = 1;
    set.images[64 * i] = i % 4 === 0 ? 255 : 0;
    const { xmin, ymin, xmax, ymax } = tightBox;
    if (known) set.boxes.set(i % 4 === 0 ? [0, 0, 1, 1] : [xmin, ymin, xmax, ymax], 4 * i);
  }
  return set;
}

describe("fitScore", () => {
  it("fits to the first images whether what is found is right", async () => {
    const score = (await fitScore(model, images(3000)))!;
    expect(score.objects).toBe(2000);
    expect(scoreOf({ presence: 0.999, unexplained: 0 }, score)).toBeGreaterThan(0.98);
    expect(scoreOf({ presence: 0.999, unexplained: 1 }, score)).toBeLessThan(0.02);
  });

  it("says that too few objects, or objects whose boxes are not known, are no base", async () => {
    const said: string[] = [];
    const onNotice = (line: string): void => void said.push(line);
    expect(await fitScore(model, images(99), { onNotice })).toBeUndefined();
    expect(await fitScore(model, images(500, false), { onNotice })).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/there are 99\.$/), expect.stringMatching(/there are 0\.$/)]);
  });
});
