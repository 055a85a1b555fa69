import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadDataset, loadPacked, loadSplits, streamDataset } from "../src/dataset.js";
import { DataError } from "../src/errors.js";
import { defaultCacheDir } from "../src/files/environment.js";
import { encodeSafetensors, safetensorsHead } from "../src/files/safetensors.js";
import { readSceneFile, writeSceneFile } from "../src/files/scene-file.js";
import { type DatasetName, datasetNames, MAX_DATA_SEED } from "../src/registry.js";
import {
  type Dataset,
  emptyScenes,
  fillBatch,
  type PackedScenes,
  packScenes,
  sliceScenes,
  unpackScenes,
} from "../src/scene-set.js";

let folder: string;
let notices: string[];
const onNotice = (line: string) => notices.push(line);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-dataset-"));
  notices = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Everything about a data set, in a form that compares quickly. */
const digest = ({ name, train, test }: Dataset) =>
  [train, test].reduce(
    (text, { images, counts, boxes, ...form }) =>
      `${text} ${JSON.stringify(form)} ${createHash("sha256").update(images).update(counts).update(boxes).digest("hex")}`,
    name,
  );

const small = { trainSize: 30, testSize: 10 };
const load = (options = {}) => loadDataset("multi-strokes", { cacheDir: folder, ...small, onNotice, ...options });
const trainFile = () => join(folder, "datasets", "multi-strokes-seed0-30.safetensors");

describe("loadDataset", () => {
  it("builds once, then reads the same from the cache", async () => {
    const onProgress = vi.fn();
    const built = await load({ onProgress });
    expect(built).toMatchObject({ name: "multi-strokes", train: { size: 30, imageSize: 50 }, test: { size: 10 } });
    expect(onProgress).toHaveBeenCalled();
    onProgress.mockClear();
    expect(digest(await load({ onProgress }))).toBe(digest(built));
    expect(onProgress).not.toHaveBeenCalled();
    expect(notices).toEqual([]);
  });

  it("takes every seed up to the largest, and no other", async () => {
    expect((await load({ seed: MAX_DATA_SEED })).test.size).toBe(10);
    for (const seed of [MAX_DATA_SEED + 1, -1, 0.5, Number.NaN]) {
      await expect(load({ seed })).rejects.toThrow(DataError);
      await expect(load({ seed })).rejects.toThrow(
        `seed must be an integer from 0 to 4503599627370495 (2^52 - 1), got ${seed}`,
      );
      await expect(streamDataset("multi-strokes", { cacheDir: folder, testSize: 5, streamSeed: seed })).rejects.toThrow(
        `streamSeed must be an integer from 0 to 4503599627370495 (2^52 - 1), got ${seed}`,
      );
    }
  });

  it("refuses more images than a set can have", async () => {
    await expect(load({ trainSize: 10_000_000 })).rejects.toThrow(/10000000 images of 1x50x50 take 25000000000 bytes/);
  });

  it("never tests on an image it trains on, whatever the seeds", async () => {
    const seen = new Map<string, string>();
    for (const seed of [0, 1, 2]) {
      const { train, test } = await load({ seed });
      for (const [split, set] of Object.entries({ train, test })) {
        for (let i = 0; i < set.size; i++) {
          if (set.counts[i] === 0) continue;
          const image = Buffer.from(set.images.subarray(i * 2500, (i + 1) * 2500)).toString("base64");
          expect(seen.get(image) ?? split).toBe(split);
          seen.set(image, split);
        }
      }
    }
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ["is truncated", (path) => truncate(path, 5000), /is not a valid safetensors file/],
    ["is empty", (path) => writeFile(path, ""), /has 0 bytes/],
    [
      "has a wrong bit",
      async (path) => {
        const bytes = await readFile(path);
        bytes[bytes.length - 1]! ^= 1;
        await writeFile(path, bytes);
      },
      /is damaged: its content has the SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}/,
    ],
    [
      "is of another generator",
      (path) =>
        writeSceneFile(path, packScenes(emptyScenes(30, 50, 1, 2)), { content: "multi-strokes-seed0-30", version: 0 }),
      /holds "multi-strokes-seed0-30" version 0, not "multi-strokes-seed0-30" version 2/,
    ],
  ])("builds a cached set that %s again, and says why", async (_, damage, reason) => {
    const built = await load();
    await damage(trainFile());
    expect(digest(await load())).toBe(digest(built));
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(reason);
    expect(notices[0]).toMatch(/; building it again$/);
    expect(digest(await load())).toBe(digest(built));
    expect(notices).toHaveLength(1);
  });

  it("gives the same set to many calls at once", async () => {
    const all = await Promise.all([load(), load(), load()]);
    expect(new Set([...all, await load()].map(digest)).size).toBe(1);
    expect(notices).toEqual([]);
    expect(await readdir(join(folder, "datasets"))).toHaveLength(2);
  });

  it("goes on without a cache that it cannot write to, and says so once", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const { train } = await load({ cacheDir: join(file, "cache") });
    expect(train.size).toBe(30);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/^Cannot write to the cache folder .*cache: .*; going on without keeping the data$/);
  });

  it("stops when aborted", async () => {
    const abort = new AbortController();
    const onProgress = () => abort.abort(new Error("enough"));
    await expect(load({ trainSize: 5000, signal: abort.signal, onProgress })).rejects.toThrow("enough");
    expect(await readdir(join(folder, "datasets"))).toEqual([]);
  });

  it.each<[string, object, string]>([
    ["no images", { trainSize: 0 }, "trainSize must be a positive integer, got 0"],
    ["half an image", { testSize: 2.5 }, "testSize must be a positive integer, got 2.5"],
  ])("refuses %s", async (_, options, message) => {
    await expect(load(options)).rejects.toThrow(message);
  });

  it("refuses a name it does not have", async () => {
    await expect(loadDataset("cifar" as DatasetName, { cacheDir: folder })).rejects.toThrow(
      `There is no dataset "cifar", only ${datasetNames.join(", ")}`,
    );
  });
});

describe("an error", () => {
  const errorOf = (loading: Promise<unknown>) => loading.then(() => undefined).catch((error: unknown) => error);

  it("names the option that is wrong", async () => {
    const option = { name: "DataError", kind: "option", file: undefined };
    expect(await errorOf(load({ trainSize: 0 }))).toMatchObject({ ...option, key: "trainSize" });
    expect(await errorOf(load({ patchSize: 9 }))).toMatchObject({ ...option, key: "patchSize" });
    expect(await errorOf(load({ imageSize: 27 }))).toMatchObject({ ...option, key: "imageSize" });
    const large = loadDataset("multi-dsprites-64", { cacheDir: folder, patchSize: 65 });
    expect(await errorOf(large)).toMatchObject({ ...option, key: "patchSize" });
    expect(await errorOf(loadDataset("npz", {}))).toMatchObject({ ...option, key: "path" });
  });

  it("names the file that is damaged, or the folder that is not there", async () => {
    const path = join(folder, "mine.npz");
    await writeFile(path, "not an archive");
    expect(await errorOf(loadDataset("npz", { path }))).toMatchObject({
      name: "DataError",
      kind: "content",
      file: path,
    });
    const mnistDir = join(folder, "nowhere");
    expect(await errorOf(loadDataset("multi-mnist", { cacheDir: folder, mnistDir }))).toMatchObject({
      kind: "missing",
      file: mnistDir,
      key: "mnistDir",
    });
  });
});

describe("images with other settings than the defaults", () => {
  it("are kept apart in the cache", async () => {
    await load();
    expect(await load({ imageSize: 50, maxCount: 2 })).toMatchObject({ train: { imageSize: 50, maxObjects: 2 } });
    expect(await load({ imageSize: 64, maxCount: 3 })).toMatchObject({ test: { imageSize: 64, maxObjects: 3 } });
    expect((await readdir(join(folder, "datasets"))).sort()).toEqual([
      "multi-strokes-imageSize64-maxCount3-seed0-30.safetensors",
      "multi-strokes-imageSize64-maxCount3-seed1-10.safetensors",
      "multi-strokes-seed0-30.safetensors",
      "multi-strokes-seed1-10.safetensors",
    ]);
  });

  it("are not cached for sprites, which are drawn as fast as they are read", async () => {
    const form = { imageSize: 40, patchSize: 12, maxCount: 3 };
    const sprites = () => loadDataset("multi-dsprites-64", { cacheDir: folder, trainSize: 3, testSize: 2, ...form });
    const one = await sprites();
    expect(one).toMatchObject({ train: { size: 3, imageSize: 40, channels: 3, maxObjects: 3 }, test: { size: 2 } });
    expect(digest(await sprites())).toBe(digest(one));
    expect(await readdir(folder)).toEqual([]);
  });

  it("are refused by a set whose images are fixed", async () => {
    await expect(load({ patchSize: 9 })).rejects.toThrow(
      "multi-strokes takes no patchSize, only trainSize, testSize, seed, imageSize, maxCount",
    );
    await expect(loadDataset("multi-mnist", { cacheDir: folder, maxCount: 3 })).rejects.toThrow("takes no maxCount");
  });
});

describe("loadPacked", () => {
  it("gives the images of loadDataset, drawn and from the cache, and of a set that is not kept", async () => {
    const options = { cacheDir: folder, ...small };
    for (const name of ["multi-strokes", "multi-strokes", "multi-dsprites-64"] as const) {
      const { train, test, ...others } = await loadPacked(name, options);
      const expected = await loadDataset(name, options);
      expect(others).toEqual({ name });
      expect(unpackScenes(train as PackedScenes)).toEqual(expected.train);
      expect(unpackScenes(test)).toEqual(expected.test);
      for (const set of [train, test]) expect(set).not.toHaveProperty("images");
    }
  });
});

describe("loadSplits", () => {
  it("loads only what is asked for", async () => {
    const splits = await loadSplits("multi-strokes", ["test"], { cacheDir: folder, ...small });
    expect(Object.keys(splits)).toEqual(["test"]);
    expect(splits.test.size).toBe(10);
    expect(await readdir(join(folder, "datasets"))).toEqual(["multi-strokes-seed1-10.safetensors"]);
  });

  it("has no fresh images where the test images share nothing with the training ones", async () => {
    await expect(loadSplits("multi-strokes", ["fresh"], { cacheDir: folder })).rejects.toThrow(
      "multi-strokes has no fresh images: its test images are fresh already",
    );
  });
});

describe("streamDataset", () => {
  it("holds out the fixed set's images, and begins with its training images", async () => {
    const fixed = await load();
    const { name, train, test } = await streamDataset("multi-strokes", { cacheDir: folder, testSize: 10 });
    expect(name).toBe("multi-strokes");
    expect(unpackScenes(test)).toEqual(fixed.test);
    expect(train.size).toBe(Infinity);
    const [one, other] = [new Float32Array(30 * 2500), new Float32Array(30 * 2500)];
    const all = Array.from({ length: 30 }, (_, i) => i);
    fillBatch(fixed.train, all, one);
    fillBatch(train, all, other);
    expect(Buffer.from(other.buffer).equals(Buffer.from(one.buffer))).toBe(true);
  });

  it("has other training images for another stream seed, and the same held-out ones", async () => {
    const stream = (streamSeed: number) =>
      streamDataset("multi-strokes", { cacheDir: folder, testSize: 10, streamSeed });
    const [one, other] = [await stream(0), await stream(1)];
    expect(other.test).toEqual(one.test);
    const batches = [one, other].map(({ train }) => {
      const batch = new Float32Array(10 * 2500);
      fillBatch(train, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], batch);
      return batch;
    });
    expect(Buffer.from(batches[0]!.buffer).equals(Buffer.from(batches[1]!.buffer))).toBe(false);
  });

  it("refuses data sets that are read from files", async () => {
    await expect(streamDataset("npz", { path: "x.npz" })).rejects.toThrow(
      "npz cannot be streamed: its images are files",
    );
  });
});

describe("multi-mnist", () => {
  it("has a fixed size and no seed", async () => {
    await expect(loadDataset("multi-mnist", { cacheDir: folder, seed: 1 })).rejects.toThrow(
      "multi-mnist takes no seed, only trainSize, testSize",
    );
    await expect(loadDataset("multi-mnist", { cacheDir: folder, trainSize: 60_000 })).rejects.toThrow(
      "multi-mnist has 50000 training and 10000 test images, not 60000 and 10000",
    );
  });

  it("looks for the MNIST files where the environment says", async () => {
    const nowhere = join(folder, "nowhere");
    vi.stubEnv("AIR_ONNX_MNIST_DIR", nowhere);
    await expect(loadDataset("multi-mnist", { cacheDir: folder })).rejects.toThrow(`folder ${nowhere} does not exist`);
    await expect(loadDataset("multi-mnist", { cacheDir: folder, mnistDir: folder })).rejects.toThrow(
      `The MNIST folder ${folder} has none of train-images-idx3-ubyte,`,
    );
  });
});

describe("defaultCacheDir", () => {
  it("is AIR_ONNX_CACHE, else in XDG_CACHE_HOME, else in the home folder", () => {
    vi.stubEnv("AIR_ONNX_CACHE", "/somewhere");
    vi.stubEnv("XDG_CACHE_HOME", "/xdg");
    expect(defaultCacheDir()).toBe("/somewhere");
    vi.stubEnv("AIR_ONNX_CACHE", "");
    expect(defaultCacheDir()).toBe(join("/xdg", "air-onnx"));
    vi.stubEnv("XDG_CACHE_HOME", "");
    expect(defaultCacheDir()).toBe(join(homedir(), ".cache", "air-onnx"));
  });
});

describe("a scene file", () => {
  const identity = { content: "test", version: 1 };

  it("keeps every field and is refused under another name", async () => {
    const scenes = emptyScenes(3, 4, 3, 2);
    scenes.images.fill(7);
    scenes.counts.set([0, 1, 2]);
    scenes.boxes.set([0, 1, 2, 3], 8);
    const path = join(folder, "scenes.safetensors");
    await writeSceneFile(path, packScenes(scenes), identity);
    // Files of earlier versions are read, too.
    expect(
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ).toBe("d5492e4ed93fd618377ffd3f3df84bb0c171d3f70da336f6b0eac648ed3bfbc5");
    expect(unpackScenes(await readSceneFile(path, identity))).toEqual(scenes);
    await expect(readSceneFile(path, { content: "other", version: 1 })).rejects.toThrow(
      `${path} holds "test" version 1, not "other" version 1`,
    );
  });

  it("of more images than are in memory at a time comes back, also a part of a larger set", async () => {
    const scenes = emptyScenes(50, 200, 1, 1);
    for (let i = 0; i < scenes.images.length; i += 3) scenes.images[i] = i;
    const path = join(folder, "large.safetensors");
    await writeSceneFile(path, sliceScenes(packScenes(scenes), 3, 50), identity);
    expect((await stat(path)).size).toBeGreaterThan(47 * 40_000);
    const { images, ...others } = unpackScenes(await readSceneFile(path, identity));
    const { images: expected, ...labels } = sliceScenes(scenes, 3, 50);
    expect(Buffer.compare(images, expected)).toBe(0);
    expect(others).toEqual(labels);
  });

  it("of images without pixels is refused: nothing would bound their number", async () => {
    const path = join(folder, "empty.safetensors");
    const bytes = encodeSafetensors(
      {
        images: { dtype: "U8", shape: [2, 1, 0, 0], data: new Uint8Array(0) },
        counts: { dtype: "U8", shape: [2], data: new Uint8Array(2) },
        boxes: { dtype: "F32", shape: [2, 0, 4], data: new Float32Array(0) },
      },
      { content: "test", version: "1" },
    );
    await writeFile(path, bytes);
    await expect(readSceneFile(path, identity)).rejects.toThrow("does not have the images, counts and boxes");
  });

  it("of more images than any set is refused before memory is taken for them", async () => {
    const path = join(folder, "many.safetensors");
    const size = 2 ** 25 + 1;
    const { head } = safetensorsHead(
      {
        images: { dtype: "U8", shape: [size, 1, 1, 1] },
        counts: { dtype: "U8", shape: [size] },
        boxes: { dtype: "F32", shape: [size, 0, 4] },
      },
      { content: "test", version: "1" },
    );
    await writeFile(path, head);
    await truncate(path, head.length + 2 * size);
    await expect(readSceneFile(path, identity)).rejects.toThrow(`${path} has ${size} images, a set has at most`);
  });

  it("is named with the reason if it cannot be read or written", async () => {
    const missing = join(folder, "missing", "x");
    await expect(readSceneFile(missing, identity)).rejects.toThrow(`Cannot read ${missing}: the file or its folder`);
    await expect(writeSceneFile(missing, packScenes(emptyScenes(1, 1, 1, 1)), identity)).rejects.toThrow(
      `Cannot write ${missing}: `,
    );
    await mkdir(join(folder, "folder"));
    await expect(readSceneFile(join(folder, "folder"), identity)).rejects.toThrow(
      "it is a folder, not a file (EISDIR)",
    );
  });
});
