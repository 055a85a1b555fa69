/**
 * Each file operation of an export that replaces a model fails once. At any time there is a whole model, the old or the new one,
 * under its name, or the next export puts the old one back; and nothing else stays.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { graphNames, parseAirConfig, parseManifest } from "@air-onnx/core";
import { beginFaults, endFaults } from "@air-onnx/test/faults";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { clearKilledExports, exportModel } from "../src/export-model.js";

/** What the graphs hold is of no concern here, and tracing them takes long. */
vi.mock("../src/graphs.js", () => ({ encodeGraphs: () => ({}) }));
vi.mock("../src/model-graphs.js", () => ({
  modelGraphs: () =>
    Object.fromEntries([...graphNames, "scene"].map((name) => [name, new TextEncoder().encode(name.repeat(50))])),
}));

const model = {
  name: "old",
  config: parseAirConfig({}),
  parameters: {},
  training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
  metrics: { countAccuracyMap: 0.5, elbo: -12.5 },
};
const { pid } = process;
const setPid = (value: number) => Object.defineProperty(process, "pid", { value, configurable: true });
/** The id of a process that has ended. */
const ended = spawnSync(process.execPath, ["-e", ""]).pid;
const silent = (): void => {};

let folder: string;
let directory: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-export-faults-"));
  directory = join(folder, "models", "tiny");
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(join(folder, "models"), { recursive: true, force: true }));
afterEach(() => {
  endFaults();
  setPid(pid);
});

/** The name in the manifest of the model there, all of whose files are whole. */
function wholeModel(): string {
  const { name, files } = parseManifest(readFileSync(join(directory, "config.json"), "utf8"), "config.json");
  expect(Object.keys(files).toSorted()).toEqual(["decoder", "encoder", "scene", "step"]);
  for (const { path, size, sha256 } of Object.values(files).filter((file) => file !== undefined)) {
    const bytes = readFileSync(join(directory, path));
    expect(bytes.length).toBe(size);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
  }
  expect(readFileSync(join(directory, "README.md"), "utf8")).toContain(name);
  return name;
}

/** `npm test` takes one operation of so many, each kind of fault others; AIR_ONNX_FAULTS=all takes each. */
const STRIDE = process.env.AIR_ONNX_FAULTS === "all" ? 1 : 3;
const kinds = ["EIO", "ENOSPC", "dead"] as const;

const exportNew = (said: string[] = []) =>
  exportModel(directory, { ...model, name: "new" }, { overwrite: true, onNotice: (line) => said.push(line) });

it.each(kinds)("an export in which %s comes loses no model, and leaves nothing", async (kind) => {
  await exportModel(directory, model);
  beginFaults({ root: folder });
  await exportNew();
  const count = endFaults().length;
  expect(count).toBeGreaterThan(25);
  for (let at = 1; at <= count; at++) {
    if ((at + kinds.indexOf(kind)) % STRIDE !== 0) continue;
    rmSync(join(folder, "models"), { recursive: true, force: true });
    await exportModel(directory, model);
    const said: string[] = [];
    // The process of the command line ends after a failure.
    setPid(ended);
    let where = "";
    beginFaults({
      root: folder,
      at,
      kind,
      onOperation: (number, name, path) => {
        if (number === at) where = `${kind} at operation ${number}, ${name} of ${path}`;
      },
    });
    const error = await exportNew(said).then(
      () => undefined,
      (cause: Error) => cause,
    );
    endFaults();
    setPid(pid);
    try {
      if (error && kind !== "dead") {
        expect(error.name).toBe("FileError");
        expect(error.message).toContain(directory);
        expect(error.message).toMatch(/\((EIO|ENOSPC)\)/);
        if (existsSync(directory)) expect(wholeModel()).toBe("old");
        else expect(said.join()).toContain(`What was at ${directory} is at `);
      }
      if (!error) expect(wholeModel()).toBe("new");
      // What the next export there begins with.
      await clearKilledExports(directory, silent);
      expect(["old", "new"]).toContain(wholeModel());
      await exportModel(directory, { ...model, name: "newest" }, { overwrite: true });
      expect(wholeModel()).toBe("newest");
      const others = readdirSync(join(folder, "models")).filter((name) => !name.includes(`~${pid}~`));
      expect(others).toEqual(["tiny"]);
    } catch (cause) {
      throw new Error(`${where}: ${(cause as Error).message}`, { cause });
    }
  }
});

it("clears only what killed exports to that place left, and says so", async () => {
  const models = join(folder, "models");
  const host = hostname().replace(/[^0-9A-Za-z-]/g, "-");
  const left = (of: string, by: number) => join(models, `.${of}.${host}~${by}~0123456789ab.tmp`);
  const dead = left("tiny", ended);
  const kept = [left("other", ended), left("other~replaced", ended), left("tiny", process.ppid)];
  for (const path of [dead, ...kept]) {
    mkdirSync(join(path, "onnx"), { recursive: true });
    writeFileSync(join(path, "onnx", "step.onnx"), "half");
  }
  const said: string[] = [];
  await exportModel(directory, model, { onNotice: (line) => said.push(line) });
  expect(said).toEqual([expect.stringContaining(dead)]);
  expect(existsSync(dead)).toBe(false);
  for (const path of kept) expect(existsSync(path)).toBe(true);
});
