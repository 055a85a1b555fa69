import { describe, expect, it } from "vitest";
import { inferScenes } from "../src/attention-loop.js";
import { parseAirConfig } from "../src/config.js";
import type { ObjectLatents, SceneLatents } from "../src/scene.js";
import { decodeScenes, samplePrior, withPresencePrior } from "../src/scene-drawing.js";
import { boxFromZWhere, type ZWhere } from "../src/where.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

describe("decodeScenes", () => {
  it("rejects holes of sparse arrays instead of reading them as empty scenes or objects", async () => {
    const { decoder } = toySessions();
    const scene = { objects: [{ zWhere: [2, 0, 0], zWhat: [0, 0] }] } satisfies SceneLatents;
    const holed = <Item>(items: Item[], at: number): Item[] => {
      delete items[at];
      return items;
    };
    const zWhere = holed([2, 0, 0], 1) as unknown as ZWhere;
    const inputs: SceneLatents[][] = [
      holed([scene, scene], 0),
      [{ objects: holed([...scene.objects, ...scene.objects], 1) }],
      [{ objects: [{ zWhere, zWhat: [0, 0] }] }],
      [{ objects: [{ zWhere: [2, 0, 0], zWhat: holed([0, 0], 0) }] }],
      [{} as SceneLatents],
    ];
    for (const input of inputs) await expect(decodeScenes(decoder, toyConfig, input)).rejects.toThrow(RangeError);
    expect(await decodeScenes(decoder, toyConfig, [scene])).toHaveLength(1);
  });

  it("gives inferred scenes their reconstructions, whatever their counts", async () => {
    const images = toyBatch([toyImage(0.6, 0.6), toyImage(0), toyImage(1, 1, 1), toyImage(1)]);
    const scenes = await inferScenes(toySessions(), toyConfig, images, { mode: "sample" });
    const decoded = await decodeScenes(toySessions().decoder, toyConfig, scenes);
    decoded.forEach(({ count, objects, reconstruction }, i) => {
      expect(count).toBe(scenes[i]!.count);
      expect(objects.map(({ patch, box }) => ({ patch, box }))).toEqual(
        scenes[i]!.objects.map(({ patch, box }) => ({ patch, box })),
      );
      reconstruction.forEach((v, pixel) => {
        expect(v).toBeCloseTo(scenes[i]!.reconstruction[pixel]!, 5);
      });
    });
    expect(await decodeScenes(toySessions().decoder, toyConfig, scenes, { batchSize: 3 })).toEqual(decoded);
  });

  it("draws nothing for no scenes and for empty scenes", async () => {
    const { decoder } = toySessions();
    expect(await decodeScenes(decoder, toyConfig, [])).toEqual([]);
    expect(await decodeScenes(decoder, toyConfig, [{ objects: [] }])).toEqual([
      { count: 0, objects: [], reconstruction: new Float32Array(16) },
    ]);
    expect(decoder.runs).toHaveLength(0);
  });

  it("accepts latents that were parsed from JSON", async () => {
    const objects: ObjectLatents[] = [{ zWhere: [2, 0, 0], zWhat: [1, 2] }];
    const [scene] = await decodeScenes(toySessions().decoder, toyConfig, [{ objects }]);
    expect(scene!.reconstruction[0]).toBeCloseTo(0.2 + 0.01 + 0.04, 6);
    expect(scene!.objects[0]!.presence).toBe(1);
    // The toy decoder draws one value on the whole image, of which only the middle is looked at.
    expect(scene!.objects[0]!.tightBox).toEqual({ xmin: 0, ymin: 0, xmax: 4, ymax: 4 });
    expect(scene!.objects[0]!.mask).toEqual(new Uint8Array(16).fill(1));
  });

  it.each<[object, RegExp]>([
    [{ zWhere: [2, 0], zWhat: [1, 2] }, /z_where of object 0 of scene 1.*\[2, 0\]/],
    [{ zWhere: [2, Number.NaN, 0], zWhat: [1, 2] }, /z_where of object 0 of scene 1/],
    [{ zWhere: [0, 1, 1], zWhat: [1, 2] }, /s not 0/],
    [{ zWhere: [2, 0, 0], zWhat: [1] }, /z_what of object 0 of scene 1 must be 2 finite numbers, got 1/],
    [{ zWhere: [2, 0, 0], zWhat: [1, Number.NaN] }, /z_what of object 0 of scene 1/],
  ])("rejects %j", async (object, message) => {
    const scenes = [{ objects: [] }, { objects: [object as ObjectLatents] }];
    await expect(decodeScenes(toySessions().decoder, toyConfig, scenes)).rejects.toThrow(message);
  });
});

describe("samplePrior", () => {
  it("draws scene i from seed and i alone, and the same first objects for every count", () => {
    const scenes = samplePrior(toyConfig, 5, 9, 3);
    expect(samplePrior(toyConfig, 3, 9, 3)).toEqual(scenes.slice(0, 3));
    expect(samplePrior(toyConfig, 5, 9, 2)[4]!.objects).toEqual(scenes[4]!.objects.slice(0, 2));
    expect(samplePrior(toyConfig, 5, 10, 3)).not.toEqual(scenes);
    expect(scenes[0]).not.toEqual(scenes[1]);
  });

  it("draws counts and latents with the prior's moments", () => {
    const config = parseAirConfig({ prior: { presence: 0.5, whereMean: [3, 1, -1], whereStd: [0.2, 0.5, 2] } });
    const n = 3000;
    const scenes = samplePrior(config, n, 0);
    [0.5, 0.25, 0.125, 0.125].forEach((p, count) => {
      expect(Math.abs(scenes.filter(({ objects }) => objects.length === count).length / n - p)).toBeLessThan(0.03);
    });
    const objects = scenes.flatMap((scene) => scene.objects);
    for (const axis of [0, 1, 2] as const) {
      const values = objects.map(
        ({ zWhere }) => (zWhere[axis] - config.prior.whereMean[axis]) / config.prior.whereStd[axis],
      );
      expect(Math.abs(values.reduce((a, b) => a + b) / values.length)).toBeLessThan(0.08);
      expect(Math.abs(values.reduce((s, v) => s + v * v, 0) / values.length - 1)).toBeLessThan(0.12);
    }
  });

  it("draws windows within the bounds of a model that has them", () => {
    const config = parseAirConfig({
      imageSize: 64,
      where: { type: "bounded", side: [8, 20] },
      prior: { whereMean: [0, 0, 0], whereStd: [1, 1, 1] },
    });
    for (const { objects } of samplePrior(config, 200, 0, 1)) {
      const { xmin, xmax } = boxFromZWhere(objects[0]!.zWhere, 64);
      expect(xmax - xmin).toBeGreaterThan(8);
      expect(xmax - xmin).toBeLessThan(20);
      expect(Math.abs((xmin + xmax) / 2 - 32)).toBeLessThan(32);
    }
  });

  it("rejects counts that are not non-negative integers", () => {
    expect(() => samplePrior(toyConfig, -1, 0)).toThrow(/n must be an integer of at least 0, got -1/);
    expect(() => samplePrior(toyConfig, 1, 0, 1.5)).toThrow(/count must be an integer of at least 0, got 1.5/);
    expect(samplePrior(toyConfig, 0, 0)).toEqual([]);
  });
});

it("another presence prior changes only the number of objects", () => {
  const counts = (presence: number): number[] =>
    samplePrior(withPresencePrior(toyConfig, presence), 500, 3).map(({ objects }) => objects.length);
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(counts(0.001))).toBeLessThan(0.02);
  // 0.5 + 0.25 + …, with one term per step.
  expect(mean(counts(0.5))).toBeCloseTo(1 - 0.5 ** toyConfig.maxSteps, 0.1);
  expect(withPresencePrior(toyConfig, 0.3)).toEqual({ ...toyConfig, prior: { ...toyConfig.prior, presence: 0.3 } });
  for (const presence of [0, 1, Number.NaN]) {
    expect(() => withPresencePrior(toyConfig, presence)).toThrow(`got ${presence}`);
  }
});
