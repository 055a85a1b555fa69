import { describe, expect, it } from "vitest";
import { inferScenes } from "../src/attention-loop.js";
import { sigmoid } from "../src/count.js";
import { RandomStream } from "../src/random.js";
import type { Scene } from "../src/scene.js";
import { decodeScenes } from "../src/scene-drawing.js";
import { fitScore, type JudgedObject, LEAST_SCORE_OBJECTS, scoreOf, unexplainedShare } from "../src/score.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

describe("unexplainedShare", () => {
  it("is that of the pixels in the window, over all channels", () => {
    // Two channels of 4x4; the window [2, 0, 0] covers the pixels in the middle.
    const form = { channels: 2, imageSize: 4 };
    const image = new Float32Array(32).fill(1);
    const reconstruction = new Float32Array(32);
    for (const at of [5, 6, 9, 10]) reconstruction[at] = 1;
    reconstruction[16 + 5] = 0.5;
    expect(unexplainedShare([2, 0, 0], image, reconstruction, form)).toBeCloseTo((3 + 0.25) / 8, 6);
    expect(unexplainedShare([1, 0, 0], image, reconstruction, form)).toBeCloseTo((32 - 5 + 0.25) / 32, 6);
  });

  it("is 0 where there is no light, or no pixel", () => {
    const form = { channels: 1, imageSize: 4 };
    expect(unexplainedShare([2, 0, 0], new Float32Array(16), new Float32Array(16).fill(1), form)).toBe(0);
    expect(unexplainedShare([2, 9, 9], new Float32Array(16).fill(1), new Float32Array(16), form)).toBe(0);
  });
});

describe("fitScore", () => {
  /** Objects that are right by chance, as a known calibration says. */
  function drawn(size: number): JudgedObject[] {
    const known = { objects: size, bias: -2, presence: 0.5, unexplained: -1.5 };
    const random = new RandomStream(1);
    return Array.from({ length: size }, () => {
      const evidence = { presence: sigmoid(6 * random.uniform() - 2), unexplained: random.uniform() };
      return { ...evidence, isRight: random.uniform() < scoreOf(evidence, known) };
    });
  }

  it("finds the calibration that objects were drawn with", () => {
    const fitted = fitScore(drawn(40_000))!;
    expect(fitted.objects).toBe(40_000);
    expect(fitted.bias).toBeCloseTo(-2, 0);
    expect(fitted.presence).toBeCloseTo(0.5, 1);
    expect(fitted.unexplained).toBeCloseTo(-1.5, 0);
  });

  it("gives a mean score that is the share of right objects", () => {
    const objects = drawn(500);
    const fitted = fitScore(objects)!;
    const mean = objects.reduce((sum, each) => sum + scoreOf(each, fitted), 0) / 500;
    expect(mean).toBeCloseTo(objects.filter(({ isRight }) => isRight).length / 500, 6);
  });

  it("stays finite where all objects are right, or the evidence is certain", () => {
    const all = drawn(200).map((each) => ({ ...each, isRight: true }));
    for (const objects of [all, all.map((each) => ({ ...each, isRight: false }))]) {
      const fitted = fitScore(objects)!;
      for (const evidence of [
        { presence: 1, unexplained: 0 },
        { presence: 0, unexplained: 50 },
      ]) {
        const score = scoreOf(evidence, fitted);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
      }
    }
  });

  it("needs objects, and without a calibration the score is the presence", () => {
    expect(fitScore(drawn(LEAST_SCORE_OBJECTS - 1))).toBeUndefined();
    expect(scoreOf({ presence: 0.7, unexplained: 0.2 }, undefined)).toBe(0.7);
  });
});

describe("inferScenes with threshold", () => {
  const images = toyBatch([toyImage(1, 0.56, 0.56), toyImage(0), toyImage(1, 1)]);
  const infer = (options: Parameters<typeof inferScenes>[3], fitted?: Parameters<typeof inferScenes>[4]) =>
    inferScenes(toySessions(), toyConfig, images, { prune: false, ...options }, fitted);

  it("leaves out objects whose presence is lower, and what they drew", async () => {
    const all = (await infer({})) as Scene[];
    expect(all.map(({ count }) => count)).toEqual([3, 0, 2]);
    expect(all[0]!.objects.map(({ score }) => score)).toEqual(all[0]!.objects.map(({ presence }) => presence));
    const kept = (await infer({ threshold: 0.95 })) as Scene[];
    expect(kept.map(({ count }) => count)).toEqual([1, 0, 2]);
    expect(kept[2]).toEqual(all[2]);
    const { count: _, objects: own, reconstruction, ...others } = kept[0]!;
    expect(all[0]).toMatchObject(others);
    expect(own.map(({ zWhere }) => zWhere)).toEqual([all[0]!.objects[0]!.zWhere]);
    const [alone] = await decodeScenes(toySessions().decoder, toyConfig, [{ objects: own }]);
    reconstruction.forEach((value, i) => void expect(value).toBeCloseTo(alone!.reconstruction[i]!, 5));
  });

  it("does the same at zooms, and without pixels", async () => {
    const zoom = [0.5];
    // A model of no use at this zoom: the toy counts by the first pixels of what it is shown, which are black there.
    const all = await inferScenes(
      toySessions((outputs) => ({ ...outputs, presence_logit: [1] })),
      toyConfig,
      images,
      {
        zoom,
        prune: false,
      },
    );
    const kept = await inferScenes(
      toySessions((outputs) => ({ ...outputs, presence_logit: [1] })),
      toyConfig,
      images,
      {
        zoom,
        prune: false,
        threshold: 0.6,
      },
    );
    expect(all.every(({ count }) => count === 3)).toBe(true);
    kept.forEach(({ count, objects, countProbabilities, reconstruction }, i) => {
      expect(count).toBe(1);
      expect(objects[0]!.zWhere).toEqual(all[i]!.objects[0]!.zWhere);
      expect(objects[0]!.score).toBeCloseTo(sigmoid(1));
      expect(countProbabilities).toEqual(all[i]!.countProbabilities);
      expect(reconstruction).not.toEqual(all[i]!.reconstruction);
    });
    const summaries = await infer({ threshold: 0.95, pixels: false });
    expect(summaries.map(({ count, objects }) => [count, objects.length])).toEqual([
      [1, 1],
      [0, 0],
      [2, 2],
    ]);
  });

  it("compares the calibrated score, in mode mean alone", async () => {
    // An object is there by its presence with 1e-6 or more, but all is unlikely.
    const score = { objects: 100, bias: -3, presence: 0, unexplained: 0 };
    const scenes = await infer({}, { score });
    for (const { objects } of scenes) for (const each of objects) expect(each.score).toBeCloseTo(sigmoid(-3));
    expect((await infer({ threshold: 0.5 }, { score })).map(({ count }) => count)).toEqual([0, 0, 0]);
    const [sampled] = await infer({ mode: "sample" }, { score });
    for (const each of sampled!.objects) expect(each.score).toBe(each.presence);
  });

  it("refuses a threshold that is no probability", async () => {
    for (const threshold of [-0.1, 1.1, Number.NaN])
      await expect(infer({ threshold })).rejects.toThrow("threshold must be");
  });
});
