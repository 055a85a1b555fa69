import { describe, expect, it } from "vitest";
import { parseAirConfig } from "../src/config.js";
import { ImageError } from "../src/errors.js";
import type { Picture } from "../src/images.js";
import {
  inferPictures,
  inferSources,
  type PictureModel,
  type PictureOptions,
  preparePicture,
} from "../src/picture-inference.js";
import { preprocessImage, preprocessingSchema } from "../src/preprocessing.js";
import { RandomStream } from "../src/random.js";
import type { ObjectSummary, SceneSummary } from "../src/scene.js";
import type { Box } from "../src/where.js";

const SIDE = 32;
const config = parseAirConfig({
  imageSize: SIDE,
  objectSize: 8,
  where: { type: "bounded", side: [4, 10], spacing: "logarithmic", centre: "free" },
});

/** A model that finds every connected part of an image above 0.5, also one that the edge cuts. */
function componentsModel(
  preprocessing?: PictureModel["manifest"]["preprocessing"],
  pictures?: PictureModel["manifest"]["pictures"],
) {
  const calls: { images: number; firstImage: number | undefined }[] = [];
  const model: PictureModel = {
    config,
    manifest: { normalisation: { scale: 255 }, preprocessing, pictures },
    async infer(images, { firstImage }) {
      const count = images.length / SIDE ** 2;
      calls.push({ images: count, firstImage });
      return Array.from({ length: count }, (_, i) => sceneOf(images.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2)));
    },
  };
  return { model, calls };
}

function sceneOf(image: Float32Array): SceneSummary {
  const left = Uint8Array.from(image, (value) => (value > 0.5 ? 1 : 0));
  const objects: ObjectSummary[] = [];
  for (let start = left.indexOf(1); start >= 0; start = left.indexOf(1)) {
    const box = { xmin: SIDE, ymin: SIDE, xmax: 0, ymax: 0 };
    const open = [start];
    left[start] = 0;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
      box.xmin = Math.min(box.xmin, x);
      box.ymin = Math.min(box.ymin, y);
      box.xmax = Math.max(box.xmax, x + 1);
      box.ymax = Math.max(box.ymax, y + 1);
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ] as const) {
        const [nx, ny] = [x + dx, y + dy];
        if (nx < 0 || ny < 0 || nx >= SIDE || ny >= SIDE || !left[ny * SIDE + nx]) continue;
        left[ny * SIDE + nx] = 0;
        open.push(ny * SIDE + nx);
      }
    }
    const found = { presence: 1, score: 1, box, tightBox: box, zWhere: [1, 0, 0] as const, zWhat: new Float32Array() };
    objects.push(found);
  }
  return { count: objects.length, objects, countProbabilities: [1], elbo: 0, steps: 1, typical: objects.length < 3 };
}

/** A grey picture with a bright square of 6 pixels in each place. */
function squares(width: number, height: number, places: readonly (readonly [number, number])[], size = 6): Picture {
  const data = new Uint8Array(width * height);
  for (const [x, y] of places) {
    for (let i = 0; i < size ** 2; i++) data[(y + Math.floor(i / size)) * width + x + (i % size)] = 255;
  }
  return { data, width, height, channels: 1 };
}

const sorted = (boxes: readonly Box[]) => boxes.toSorted((a, b) => a.ymin - b.ymin || a.xmin - b.xmin);
const boxesOf = (places: readonly (readonly [number, number])[]) =>
  sorted(places.map(([x, y]) => ({ xmin: x, ymin: y, xmax: x + 6, ymax: y + 6 })));

describe("inferPictures", () => {
  it("finds each object of a large picture once, wherever it lies, in the picture's own pixels", async () => {
    const { model } = componentsModel();
    // Along a shifted grid, so that squares lie on all places of tiles and their borders.
    const places = Array.from(
      { length: 120 },
      (_, i) => [1 + 9 * (i % 15) + (i % 2), 1 + 11 * Math.floor(i / 15)] as const,
    );
    const [scene] = await inferPictures(model, [squares(140, 95, places)]);
    expect(scene!.tiles.length).toBeGreaterThan(20);
    expect(scene!.count).toBe(120);
    expect(sorted(scene!.objects.map(({ tightBox }) => tightBox))).toEqual(boxesOf(places));
    expect(scene).not.toHaveProperty("elbo");
  });

  it("takes a picture of the model's size as it is, and a smaller one with ground around it", async () => {
    const { model } = componentsModel();
    const [own, small] = await inferPictures(model, [squares(32, 32, [[3, 4]]), squares(20, 9, [[0, 2]])]);
    expect(own).toMatchObject({ count: 1, width: 32, scale: 1, countProbabilities: [1], elbo: 0, typical: true });
    expect(own!.objects[0]!.tightBox).toEqual({ xmin: 3, ymin: 4, xmax: 9, ymax: 10 });
    expect(small!.objects[0]!.tightBox).toEqual({ xmin: 0, ymin: 2, xmax: 6, ymax: 8 });
  });

  it("scales a whole picture into one image when asked to", async () => {
    const { model } = componentsModel();
    const [scene] = await inferPictures(model, [squares(128, 64, [[64, 16]], 32)], { fit: "scale" });
    expect(scene).toMatchObject({ count: 1, scale: 0.25 });
    expect(scene!.objects[0]!.tightBox).toEqual({ xmin: 64, ymin: 16, xmax: 96, ymax: 48 });
  });

  it("fits pictures as those of training were, unless it is asked not to", async () => {
    const picture = squares(128, 64, [[64, 16]], 16);
    const box = { xmin: 64, ymin: 16, xmax: 80, ymax: 32 };
    const { model: halving } = componentsModel(undefined, { fit: "tiles", scale: 0.5 });
    const [halved] = await inferPictures(halving, [picture]);
    expect(halved).toMatchObject({ count: 1, scale: 0.5, tiles: { length: 3 }, objects: [{ tightBox: box }] });
    // Also a picture that happens to have the model's size.
    expect((await inferPictures(halving, [squares(32, 32, [[8, 8]], 16)]))[0]).toMatchObject({ scale: 0.5 });
    expect((await inferPictures(halving, [picture], { fit: "tiles" }))[0]).toMatchObject({ scale: 1 });
    expect((await inferPictures(halving, [picture], { fitScale: 0.25 }))[0]).toMatchObject({ scale: 0.25 });
    const { model: whole } = componentsModel(undefined, { fit: "scale" });
    expect((await inferPictures(whole, [picture]))[0]).toMatchObject({ scale: 0.25, tiles: { length: 1 } });
    expect((await inferPictures(whole, [picture], { fit: "tiles", fitScale: 2 }))[0]).toMatchObject({ scale: 2 });
  });

  it("refuses a scale that is none, or that does not go with the fit", async () => {
    const picture = squares(32, 32, []);
    const { model } = componentsModel(undefined, { fit: "scale" });
    const wrong = (options: PictureOptions) => inferPictures(model, [picture], options);
    await expect(wrong({ fitScale: 0 })).rejects.toThrow("fitScale must be a number from 0.015625 to 16, got 0");
    await expect(wrong({ fitScale: 1 })).rejects.toThrow("this model's pictures are fitted by `scale`");
    await expect(wrong({ fit: "exact", fitScale: 1 })).rejects.toThrow(
      "fitScale is for the fit tiles, and fit is exact",
    );
  });

  it("refuses another size when asked to, names the picture, and refuses what is no fit", async () => {
    const { model } = componentsModel();
    const wrong = inferPictures(model, [squares(32, 32, []), squares(33, 32, [])], { fit: "exact" });
    await expect(wrong).rejects.toThrow("image 1 is 33x32, this model takes 32x32");
    await expect(inferPictures(model, [squares(32, 32, [])], { fit: "fill" as never })).rejects.toThrow(
      'fit must be one of auto, tiles, scale, exact, got "fill"',
    );
    await expect(inferPictures(model, [])).rejects.toThrow("empty");
    await expect(inferPictures(model, [{ data: new Uint8Array(3), width: 0, height: 3 }])).rejects.toThrow(ImageError);
  });

  it("counts its tiles that are unlike the training data, and calls it unlike if half of them are", async () => {
    const { model } = componentsModel();
    const crowded = Array.from({ length: 12 }, (_, i) => [1 + 8 * (i % 4), 1 + 8 * Math.floor(i / 4)] as const);
    const [scene] = await inferPictures(model, [squares(200, 32, crowded)]);
    expect(scene!.unlikeTiles).toBeGreaterThan(0);
    expect(scene!.typical).toBe(true);
    const [full] = await inferPictures(model, [squares(40, 32, [...crowded, [33, 1], [33, 9], [33, 17]])]);
    expect(full!.typical).toBe(false);
  });

  it("infers a bounded number of tiles together, numbers them through, and tells how far it is", async () => {
    const { model, calls } = componentsModel();
    const progress: number[] = [];
    const onProgress = (done: number, total: number): void => {
      expect(total).toBe(2);
      progress.push(done);
    };
    const large = squares(1100, 1000, [[700, 700]]);
    const scenes = await inferPictures(model, [large, squares(32, 32, [])], { firstImage: 5, onProgress });
    expect(scenes.map(({ count }) => count)).toEqual([1, 0]);
    const tiles = scenes[0]!.tiles.length + 1;
    expect(calls.length).toBeGreaterThan(1);
    expect(calls.reduce((sum, { images }) => sum + images, 0)).toBe(tiles);
    expect(Math.max(...calls.map(({ images }) => images)) * SIDE ** 2).toBeLessThanOrEqual(2 ** 21);
    expect(calls[1]!.firstImage).toBe(5 + calls[0]!.images);
    expect(progress.at(-1)).toBe(2);
    expect(progress[0]).toBeCloseTo(calls[0]!.images / (tiles - 1), 6);
  });
});

describe("preparePicture", () => {
  const preprocessing = preprocessingSchema.parse({ backgroundDegree: 2, polarity: ["light"], contrast: [0.3, 0.5] });
  const side = 192;
  const isObject = (x: number, y: number): boolean => (x < 64 && y < 64) || (x % 48 < 9 && y % 48 < 9);
  /** Objects of 9 pixels on shaded ground, and a lawn of them that fills a corner of the size of a tile. */
  const levels = (() => {
    const random = new RandomStream(3);
    return Float32Array.from({ length: side * side }, (_, i) => {
      const [x, y] = [i % side, Math.floor(i / side)];
      return 0.2 + 0.1 * (x / side) + (isObject(x, y) ? 0.4 : 0) + 0.01 * random.normal();
    });
  })();
  const picture: Picture = { data: levels, width: side, height: side, channels: 1 };
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

  it("takes the ground of the whole picture: a tile full of objects alone takes them for ground", () => {
    const { model } = componentsModel(preprocessing);
    const whole = [...preparePicture(picture, model).data];
    expect(mean(whole.filter((_, i) => isObject(i % side, Math.floor(i / side))))).toBeGreaterThan(0.9);
    expect(mean(whole.filter((_, i) => !isObject(i % side, Math.floor(i / side))))).toBeLessThan(0.02);
    const tile = Float32Array.from({ length: 64 * 64 }, (_, i) => levels[Math.floor(i / 64) * side + (i % 64)]!);
    preprocessImage(tile, { imageSize: 64, channels: 1 }, preprocessing, tile);
    expect(mean([...tile])).toBeLessThan(0.1);
  });

  it("leaves pictures alone whose model needs no preprocessing", () => {
    const { model } = componentsModel();
    expect(preparePicture(picture, model).data.every((value, i) => value === levels[i])).toBe(true);
  });
});

describe("inferSources", () => {
  it("reads a few pictures at a time, and names a wrong one by its place among all", async () => {
    const { model } = componentsModel();
    let open = 0;
    let most = 0;
    const read = async (source: number): Promise<Picture> => {
      most = Math.max(most, ++open);
      return squares(source === 37 ? 40 : 32, 32, source % 2 ? [[2, 2]] : []);
    };
    const infer = async (pictures: readonly Picture[], options: PictureOptions) => {
      open -= pictures.length;
      return inferPictures(model, pictures, options);
    };
    const sources = Array.from({ length: 40 }, (_, i) => i);
    const progress: number[] = [];
    const scenes = await inferSources(sources, read, infer, { onProgress: (done) => void progress.push(done) });
    expect(scenes.map(({ count }) => count)).toEqual(sources.map((i) => i % 2));
    expect(most).toBeLessThan(20);
    expect(progress.at(-1)).toBe(40);
    await expect(inferSources(sources, read, infer, { fit: "exact" })).rejects.toMatchObject({ index: 37 });
  });
});

it("infers more tiles in one batch than a call can have arguments", async () => {
  const small = parseAirConfig({ imageSize: 4, objectSize: 2 });
  const empty = sceneOf(new Float32Array(SIDE ** 2));
  let largest = 0;
  const model: PictureModel = {
    config: small,
    manifest: { normalisation: { scale: 255 } },
    async infer(images) {
      largest = Math.max(largest, images.length / 16);
      return Array.from({ length: images.length / 16 }, () => empty);
    },
  };
  const side = 4 * 370;
  const picture = { data: new Uint8Array(side * side), width: side, height: side, channels: 1 };
  const [scene] = await inferPictures(model, [picture]);
  expect(largest).toBeGreaterThan(125_000);
  expect(scene!.count).toBe(0);
});
