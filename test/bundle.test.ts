/**
 * Tests the bundle for machines without network and Node.js: its pieces, what it refuses, and that it runs by itself.
 * `npm run bundle:check` tests the whole of it.
 */
import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { packInPieces, parseSize } from "../release/bundle/pieces.mjs";
import { BundleError, productionPackages } from "../release/bundle/production-packages.mjs";
import { bundle } from "../release/bundle/stage.mjs";
import { linux } from "./requirements/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "air-onnx-bundle-"));
afterAll(() => rm(scratch, { recursive: true }), 60_000);
let folders = 0;
const newFolder = (): string => {
  const folder = join(scratch, String(folders++));
  mkdirSync(folder);
  return folder;
};

describe("pieces", () => {
  it("have sizes in words", () => {
    expect(["60MB", "64MiB", "1.5 kB", "7"].map(parseSize)).toEqual([60e6, 64 * 2 ** 20, 1500, 7]);
    for (const text of ["", "0", "-5", "60 apples", "MB", "0.5"])
      expect(() => parseSize(text), text).toThrow(BundleError);
  });

  linux.it("are no larger than asked for, and unpack to what was packed", async () => {
    const folder = join(newFolder(), "things");
    mkdirSync(join(folder, "inner"), { recursive: true });
    const content = randomBytes(200_000);
    writeFileSync(join(folder, "inner", "random"), content);
    const out = join(newFolder(), "pieces");
    const pieces = await packInPieces(folder, out, 50_000);
    expect(pieces.length).toBeGreaterThanOrEqual(5);
    expect(pieces.slice(0, -1).map(({ bytes }) => bytes)).toEqual(new Array(pieces.length - 1).fill(50_000));
    expect(pieces.at(-1)!.bytes).toBeLessThanOrEqual(50_000);
    const target = join(newFolder(), "target");
    const unpack = () => spawnSync("sh", [join(out, "unpack.sh"), target], { encoding: "utf8" });
    expect(unpack()).toMatchObject({ status: 0, stderr: "" });
    expect(readFileSync(join(target, "things", "inner", "random"))).toEqual(content);

    rmSync(target, { recursive: true });
    truncateSync(join(out, pieces[1]!.name), 49_999);
    const damaged = unpack();
    expect(damaged.status).toBe(1);
    expect(damaged.stderr).toMatch(/a piece is missing or damaged: bring all files/);
    expect(() => readdirSync(target)).toThrow("ENOENT");

    await expect(packInPieces(folder, out, 50_000)).rejects.toThrow(/is not empty/);
    const fresh = newFolder();
    await expect(packInPieces(join(folder, "nowhere"), fresh, 50_000)).rejects.toThrow(/tar ended with exit code/);
    expect(readdirSync(fresh)).toEqual([]);
  });
});

it("has what the command needs at run time, and no tool of development", () => {
  const names = productionPackages(join(root, "packages/cli")).map(({ name }) => name);
  for (const needed of [
    "@air-onnx/core",
    "@air-onnx/train",
    "onnxruntime-node",
    "commander",
    "@tensorflow/tfjs-core",
  ]) {
    expect(names).toContain(needed);
  }
  for (const tool of ["typescript", "vitest", "vite", "onnxruntime-web", "@air-onnx/demo", "playwright-core"]) {
    expect(names).not.toContain(tool);
  }
});

describe("a bundle", () => {
  const refused = (options: Partial<Parameters<typeof bundle>[0]>): Promise<unknown> =>
    bundle({ out: newFolder(), maxPiece: 1e6, asFolder: true, models: ["none"], ...options });

  it("refuses what does not fit together, by name", async () => {
    const empty = newFolder();
    await expect(refused({ node: join(root, "package.json") })).rejects.toThrow(
      /package\.json does not run as Node\.js/,
    );
    await expect(refused({ onnxruntime: empty })).rejects.toThrow(/is not a package: it has no package\.json/);
    await expect(refused({ cuda: empty })).rejects.toThrow(/has no libonnxruntime_providers_cuda\.so/);
    await expect(refused({ mnist: empty })).rejects.toThrow(/has no train-images-idx3-ubyte/);
    await expect(refused({ models: ["multi-cats"] })).rejects.toThrow(
      /no model multi-cats: there are multi-dsprites-64/,
    );
    for (const name of ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"]) {
      writeFileSync(join(empty, name), "of onnxruntime 0.0.1");
    }
    await expect(refused({ cuda: empty })).rejects.toThrow(/is not of onnxruntime \d+\.\d+\.\d+: take that version's/);
  }, 120_000);

  linux.it(
    "runs by itself: without a Node.js in PATH, a home folder or an environment",
    { timeout: 120_000 },
    async () => {
      const out = newFolder();
      const cuda = newFolder();
      const { version } = JSON.parse(
        readFileSync(join(root, "node_modules/onnxruntime-node/package.json"), "utf8"),
      ) as {
        version: string;
      };
      for (const name of ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"]) {
        writeFileSync(join(cuda, name), `no library, but of onnxruntime ${version}`);
      }
      const { folder } = await bundle({ out, maxPiece: 1e6, asFolder: true, models: ["multi-mnist"], cuda });
      expect(readdirSync(join(folder, "models"))).toEqual(["multi-mnist"]);
      expect(readFileSync(join(folder, "VERSIONS.txt"), "utf8")).toContain(`onnxruntime-node ${version}\n`);
      const run = (...args: string[]) =>
        promisify(execFile)(join(folder, "air-onnx"), args, { cwd: folder, env: { PATH: "/usr/bin:/bin", HOME: out } });
      expect((await run("infer", "models/multi-mnist", "examples/two-digits.png")).stdout).toMatch(/"count": 2/);
      // A provider that is no library: the row says so, and the command goes on.
      const { stdout, stderr } = await run("doctor");
      expect(stdout).toMatch(/^device cpu +works$/m);
      expect(stdout).toMatch(
        /^device cuda +no: .*printed meanwhile: Failed to load library .*_shared\.so: file too short\)$/m,
      );
      expect(stderr).toBe("");
      await expect(bundle({ out, maxPiece: 1e6, asFolder: true })).rejects.toThrow(
        /exists: name another folder by --out/,
      );
    },
  );
});
