import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadMnist, type MnistFile, type MnistPart, mnistFiles } from "../../src/files/mnist.js";
import { type Behaviour, type FileServer, serveFiles, whole } from "./file-server.js";

/** Small files under the true names, with hashes of their own. */
const contents: Record<MnistPart, number[]> = {
  trainImages: [1, 2, 3, 4],
  trainLabels: [5],
  testImages: [6, 7],
  testLabels: [8, 9, 10],
};
const idx = (part: MnistPart) => Uint8Array.of(0, 0, 8, 1, 0, 0, 0, contents[part].length, ...contents[part]);
const parts = Object.keys(mnistFiles) as MnistPart[];
const files = Object.fromEntries(
  parts.map((part) => [
    part,
    { name: mnistFiles[part].name, sha256: createHash("sha256").update(idx(part)).digest("hex") },
  ]),
) as Record<MnistPart, MnistFile>;

let folder: string;
let server: FileServer | undefined;
let notices: string[];
const onNotice = (line: string) => notices.push(line);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-mnist-"));
  notices = [];
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const asNumbers = (mnist: Awaited<ReturnType<typeof loadMnist>>) =>
  Object.fromEntries(Object.entries(mnist).map(([part, data]) => [part, [...data]]));

describe("MNIST from a folder", () => {
  const load = () => loadMnist({ mnistDir: folder, cacheDir: "unused", files, onNotice });

  it.each<[string, (name: string) => string, (bytes: Uint8Array) => Uint8Array]>([
    ["plain", (name) => name, (bytes) => bytes],
    ["packed", (name) => `${name}.gz`, (bytes) => gzipSync(bytes)],
    ["plain, with a dot", (name) => name.replace("-idx", ".idx"), (bytes) => bytes],
    ["packed, with a dot", (name) => `${name.replace("-idx", ".idx")}.gz`, (bytes) => gzipSync(bytes)],
  ])("is read %s", async (_, rename, pack) => {
    for (const part of parts) await writeFile(join(folder, rename(files[part].name)), pack(idx(part)));
    expect(asNumbers(await load())).toEqual(contents);
  });

  it.each<[string, (name: string) => string]>([
    ["torchvision's folders", (name) => join("MNIST", "raw", name)],
    ["torchvision's folders, named from within", (name) => join("raw", name)],
    ["folders of the files' names", (name) => join(name.replace("-idx", ".idx"), name)],
    ["folders of the files' names, with a dot", (name) => join(name, `${name.replace("-idx", ".idx")}.gz`)],
  ])("is read from %s", async (_, place) => {
    for (const part of parts) {
      const path = join(folder, place(files[part].name));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, path.endsWith(".gz") ? gzipSync(idx(part)) : idx(part));
    }
    expect(asNumbers(await load())).toEqual(contents);
  });

  it("names the file that is missing and the names it may have", async () => {
    for (const part of parts) if (part !== "testImages") await writeFile(join(folder, files[part].name), idx(part));
    await expect(load()).rejects.toThrow(
      `The MNIST folder ${folder} has none of t10k-images-idx3-ubyte, t10k-images-idx3-ubyte.gz, t10k-images.idx3-ubyte, t10k-images.idx3-ubyte.gz`,
    );
  });

  it("says so when the folder itself is missing", async () => {
    const missing = join(folder, "nowhere");
    await expect(loadMnist({ mnistDir: missing, cacheDir: "unused" })).rejects.toThrow(
      `The MNIST folder ${missing} does not exist`,
    );
  });

  it("refuses other bytes by both hashes", async () => {
    const path = join(folder, files.trainImages.name);
    await writeFile(path, idx("testLabels"));
    await expect(load()).rejects.toThrow(
      `${path} is not the original train-images-idx3-ubyte, or it is damaged: the SHA-256 of its unpacked bytes is ${files.testLabels.sha256}, expected ${files.trainImages.sha256}`,
    );
  });

  it("refuses a truncated packed file by name", async () => {
    const path = join(folder, `${files.trainImages.name}.gz`);
    await writeFile(path, gzipSync(idx("trainImages")).subarray(0, 20));
    await expect(load()).rejects.toThrow(`${path} cannot be unpacked, it is damaged or truncated`);
  });
});

describe("MNIST from mirrors", () => {
  const paths = (prefix: string, behaviour: (part: MnistPart) => Behaviour) =>
    Object.fromEntries(parts.map((part) => [`/${prefix}/${files[part].name}.gz`, behaviour(part)]));
  const packed = (part: MnistPart) => gzipSync(idx(part));

  it("is downloaded once, then read from the cache", async () => {
    server = await serveFiles(paths("good", (part) => whole(packed(part))));
    const options = { cacheDir: folder, mirrors: [`${server.url}good`], files, onNotice };
    expect(asNumbers(await loadMnist(options))).toEqual(contents);
    expect(asNumbers(await loadMnist(options))).toEqual(contents);
    expect(server.requests).toHaveLength(4);
    expect(notices).toEqual([]);
    expect((await readdir(join(folder, "mnist"))).sort()).toEqual(parts.map((part) => `${files[part].name}.gz`).sort());
  });

  it("comes from the next mirror when one has other bytes", async () => {
    server = await serveFiles({
      ...paths("bad", () => whole(packed("testLabels"))),
      ...paths("good", (part) => whole(packed(part))),
    });
    const mirrors = [`${server.url}bad/`, `${server.url}good/`];
    expect(asNumbers(await loadMnist({ cacheDir: folder, mirrors, files, onNotice }))).toEqual(contents);
    expect(notices).toHaveLength(3);
    expect(notices[0]).toContain(files.trainImages.sha256);
  });

  it("is downloaded again when the cached file is damaged", async () => {
    server = await serveFiles(paths("good", (part) => whole(packed(part))));
    const options = { cacheDir: folder, mirrors: [`${server.url}good`], files, onNotice };
    await mkdir(join(folder, "mnist"));
    const path = join(folder, "mnist", `${files.trainLabels.name}.gz`);
    await writeFile(path, "rubbish");
    expect(asNumbers(await loadMnist(options))).toEqual(contents);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/train-labels-idx1-ubyte\.gz is not the original.*; downloading it again$/);
  });

  it("is refused if all mirrors fail, with the reason of each and a way out", async () => {
    server = await serveFiles({});
    const mirrors = [`${server.url}a/`, `${server.url}b/`];
    const error = await loadMnist({ cacheDir: folder, mirrors, files, onNotice }).catch((cause: unknown) => cause);
    expect((error as Error).message).toBe(
      [
        "train-images-idx3-ubyte.gz could not be downloaded from any mirror:",
        `  ${server.url}a/train-images-idx3-ubyte.gz: HTTP 404 Not Found`,
        `  ${server.url}b/train-images-idx3-ubyte.gz: HTTP 404 Not Found`,
        "If you have the MNIST files, give their folder as mnistDir, or in AIR_ONNX_MNIST_DIR.",
      ].join("\n"),
    );
  });
});
