import { describe, expect, it } from "vitest";
import { inferScenes } from "../src/attention-loop.js";
import type { DecodedScene, Scene } from "../src/scene.js";
import { decodeScenes } from "../src/scene-drawing.js";
import { boxFromZWhere, type ZWhere } from "../src/where.js";
import { AUTO_ZOOMS, inferAtZooms, zoomOut, zoomsOf } from "../src/zoom.js";
import { toyBatch, toyConfig, toyImage, toySessions } from "./toy-model.js";

describe("zoomOut", () => {
  const form = { imageSize: 4 };
  const ramp = Float32Array.from({ length: 32 }, (_, i) => i / 32);

  it("leaves images as they are at 1", () => {
    expect(zoomOut(ramp, 1, form)).toEqual(ramp);
  });

  it("puts the means of 2x2 pixels into the middle at 1/2", () => {
    const half = zoomOut(ramp, 0.5, form);
    const mean = (...at: number[]): number => at.reduce((sum, i) => sum + ramp[i]!, 0) / at.length;
    const expected = new Float32Array(32);
    for (const plane of [0, 16]) {
      expected[plane + 5] = mean(plane, plane + 1, plane + 4, plane + 5);
      expected[plane + 6] = mean(plane + 2, plane + 3, plane + 6, plane + 7);
      expected[plane + 9] = mean(plane + 8, plane + 9, plane + 12, plane + 13);
      expected[plane + 10] = mean(plane + 10, plane + 11, plane + 14, plane + 15);
    }
    half.forEach((value, i) => void expect(value).toBeCloseTo(expected[i]!, 6));
  });

  it("keeps the share of the light, and a mirrored image mirrored, at any zoom", () => {
    const image = Float32Array.from({ length: 49 }, (_, i) => ((i * 13) % 7) / 7);
    const mirrored = (x: Float32Array): Float32Array => x.map((_, i) => x[i + 6 - 2 * (i % 7)]!);
    const total = (x: Float32Array): number => x.reduce((sum, value) => sum + value, 0);
    for (const zoom of [0.9, 0.61, 0.33]) {
      const smaller = zoomOut(image, zoom, { imageSize: 7 });
      expect(total(smaller)).toBeCloseTo(zoom ** 2 * total(image), 4);
      const other = mirrored(zoomOut(mirrored(image), zoom, { imageSize: 7 }));
      smaller.forEach((value, i) => void expect(value).toBeCloseTo(other[i]!, 6));
    }
  });
});

describe("zoomsOf", () => {
  it("sorts zooms, the largest first, each once", () => {
    expect(zoomsOf([0.5, 1, 0.5, 0.7])).toEqual([1, 0.7, 0.5]);
    expect(zoomsOf("auto")).toBe(AUTO_ZOOMS);
  });

  it("refuses anything else", () => {
    for (const zoom of [[], [0], [1.1], [Number.NaN], ["1"], new Array(2), new Array(33).fill(1), 0.5, "most", null]) {
      expect(() => zoomsOf(zoom as never)).toThrow('zoom must be "auto", or 1 to 32 numbers from 0.1 to 1');
    }
  });
});

describe("inferAtZooms", () => {
  /** A model that finds one object, its `bright` pixel, and redraws a share of it. */
  const sceneOf = (zWhere: ZWhere, reconstruction: Float32Array, elbo: number, typical?: boolean): Scene => ({
    count: 1,
    objects: [
      {
        ...{ presence: 0.75, score: 0.5, zWhere, zWhat: new Float32Array(2), patch: new Float32Array(4) },
        box: boxFromZWhere(zWhere, 4),
        tightBox: boxFromZWhere(zWhere, 4),
        mask: new Uint8Array(16),
      },
    ],
    reconstruction,
    countProbabilities: [0, 1],
    elbo,
    steps: 1,
    ...(typical !== undefined && { typical }),
  });
  const image = toyImage(0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1);

  /** Infers `image` at 1 and 1/2, with these KL terms, and these pictures drawn in the image's own pixels. */
  async function keptOf(terms: { kl: number; drawn: Float32Array; typical?: boolean }[]): Promise<Scene> {
    const zooms = [1, 0.5];
    let at = 0;
    const { std } = toyConfig.likelihood as { std: number };
    const [scene] = await inferAtZooms(
      {
        config: toyConfig,
        // At 1/2 the smaller image is redrawn exactly.
        infer: async (images) => {
          const { kl, drawn, typical } = terms[at++]!;
          const canvas = at === 1 ? drawn : images.slice();
          const squares = canvas.reduce((sum, value, i) => sum + (value - images[i]!) ** 2, 0);
          return [sceneOf([2, 0.5, -0.5], canvas, -squares / (2 * std ** 2) - kl, typical)];
        },
        decode: async ([latents], images): Promise<DecodedScene[]> => {
          expect(images).toBe(image);
          const { zWhere } = latents!.objects[0]!;
          return [{ ...sceneOf(zWhere, terms[1]!.drawn, 0), objects: sceneOf(zWhere, image, 0).objects }];
        },
      },
      image,
      { zooms, threshold: 0 },
    );
    return scene!;
  }
  const black = new Float32Array(16);

  it("keeps the scene with the largest ELBO of the image's own pixels", async () => {
    // Half of a bright square is left at 1: 4 · (1/2)² / 2σ² = 5.6 nats.
    const half = image.map((value) => value / 2);
    const exact = image.slice();
    expect(
      (
        await keptOf([
          { kl: 10, drawn: half },
          { kl: 15, drawn: exact },
        ])
      ).zoom,
    ).toBe(0.5);
    expect(
      (
        await keptOf([
          { kl: 10, drawn: half },
          { kl: 16, drawn: exact },
        ])
      ).zoom,
    ).toBe(1);
    // The smaller image's own residual, 0, does not count: it is what is drawn on the image that does.
    expect(
      (
        await keptOf([
          { kl: 10, drawn: half },
          { kl: 10, drawn: black },
        ])
      ).zoom,
    ).toBe(1);
    expect(
      (
        await keptOf([
          { kl: 10, drawn: exact },
          { kl: 10, drawn: exact },
        ])
      ).zoom,
    ).toBe(1);
  });

  it("prefers typical scenes", async () => {
    const drawn = image.slice();
    const kept = (first: boolean, second: boolean) =>
      keptOf([
        { kl: 10, drawn, typical: first },
        { kl: 50, drawn, typical: second },
      ]);
    expect((await kept(false, true)).zoom).toBe(0.5);
    expect((await kept(true, true)).zoom).toBe(1);
    expect((await kept(false, false)).zoom).toBe(1);
  });

  it("gives windows, boxes and bound in the image's own pixels", async () => {
    const { objects, elbo, reconstruction } = await keptOf([
      { kl: 100, drawn: black },
      { kl: 7, drawn: image.slice() },
    ]);
    const [{ zWhere, box, presence }] = objects as [Scene["objects"][0]];
    const small = boxFromZWhere([2, 0.5, -0.5], 4);
    expect(zWhere).toEqual([1, 0.5, -0.5]);
    // A point of the smaller image is half as far from the middle, 2, as that of the image.
    expect(box.xmin).toBeCloseTo(2 + 2 * (small.xmin - 2));
    expect(box.ymax).toBeCloseTo(2 + 2 * (small.ymax - 2));
    expect(presence).toBe(0.75);
    expect(reconstruction).toEqual(image);
    expect(elbo).toBeCloseTo(-7, 4);
  });
});

describe("inferScenes with zoom", () => {
  const images = toyBatch([toyImage(0.9, 0.8), toyImage(0), toyImage(1, 1, 1)]);

  it("is inference as ever at 1", async () => {
    const usual = await inferScenes(toySessions(), toyConfig, images);
    const zoomed = await inferScenes(toySessions(), toyConfig, images, { zoom: [1] });
    expect(zoomed).toEqual(usual.map((scene) => ({ ...scene, zoom: 1 })));
  });

  it("redraws what it finds, and leaves pixels out if asked to", async () => {
    const zoom = [0.5];
    const scenes = await inferScenes(toySessions(), toyConfig, images, { zoom, batchSize: 2 });
    const decoded = await decodeScenes(toySessions().decoder, toyConfig, scenes);
    scenes.forEach(({ reconstruction, zoom: kept }, i) => {
      expect(kept).toBe(0.5);
      expect(reconstruction).toEqual(decoded[i]!.reconstruction);
    });
    const summaries = await inferScenes(toySessions(), toyConfig, images, { zoom, pixels: false });
    expect(summaries).toEqual(
      scenes.map(({ reconstruction: _, objects, ...scene }) => ({
        ...scene,
        objects: objects.map(({ mask: _mask, patch: _patch, ...object }) => object),
      })),
    );
  });

  it("refuses what it cannot do", async () => {
    const infer = (options: Parameters<typeof inferScenes>[3], config = toyConfig) =>
      inferScenes(toySessions(), config, images, options);
    await expect(infer({ zoom: [2] })).rejects.toThrow(RangeError);
    await expect(infer({ zoom: "auto", mode: "sample" })).rejects.toThrow('zoom is for mode "mean"');
    await expect(infer({ zoom: "auto", onStep: () => {} })).rejects.toThrow("cannot be used with onStep");
    const bernoulli = { ...toyConfig, likelihood: { type: "bernoulli" } } as typeof toyConfig;
    await expect(infer({ zoom: "auto" }, bernoulli)).rejects.toThrow("zoom is for models with a Gaussian likelihood");
    const { decoder: _, ...withoutDecoder } = toySessions();
    await expect(inferScenes(withoutDecoder, toyConfig, images, { zoom: "auto" })).rejects.toThrow("the decoder");
  });
});
