/** Settings that mean harm: by `--config` and `--set` nothing is changed but the configuration. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { UsageError } from "../src/failures.js";
import { configFrom, givenSettings } from "../src/train-settings.js";

const folder = mkdtempSync(join(tmpdir(), "air-onnx-settings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const configOf = async (options: { config?: string; set?: string[] }) => configFrom(await givenSettings(options));

function fileOf(content: string): string {
  const file = join(folder, "settings.json");
  writeFileSync(file, content);
  return file;
}

const pristine = Object.getOwnPropertyNames(Object.prototype);
afterEach(() => {
  const added = Object.getOwnPropertyNames(Object.prototype).filter((name) => !pristine.includes(name));
  for (const name of added) Reflect.deleteProperty(Object.prototype, name);
  expect(added, "changed in every object of the process").toEqual([]);
});

describe("--config", () => {
  it.each([
    '{"dataset":"multi-strokes","__proto__":{"steps":40}}',
    '{"dataset":"multi-strokes","\\u005f_proto__":{"polluted":1}}',
    '{"dataset":"multi-strokes","model":{"__proto__":{"polluted":1}}}',
    '{"dataset":"multi-strokes","model":{"prior":{"__proto__":{"__proto__":{"polluted":1}}}}}',
    '{"dataset":"multi-strokes","__proto__.polluted":1}',
    '{"dataset":"multi-strokes","model.__proto__.polluted":1}',
    '{"dataset":"multi-strokes","constructor":{"prototype":{"polluted":1}}}',
    '{"dataset":"multi-strokes","constructor.prototype.polluted":1}',
    '{"dataset":"multi-strokes","toString":{"polluted":1}}',
    `{"dataset":"multi-strokes","model":${'{"a":'.repeat(20_000)}1${"}".repeat(20_001)}`,
    `{"dataset":"multi-strokes","curriculum":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
  ])("refuses %.60s", async (content) => {
    await expect(configOf({ config: fileOf(content) })).rejects.toThrow(UsageError);
  });

  it("takes the settings of its file", async () => {
    const config = await configOf({ config: fileOf('{"dataset":"multi-strokes","steps":400,"model":{"lstmSize":8}}') });
    expect(config).toMatchObject({ steps: 400, model: { lstmSize: 8 } });
  });
});

describe("--set", () => {
  it.each([
    'model={"__proto__":{"polluted":1}}',
    "constructor.prototype.polluted=1",
    `model=${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  ])("refuses %.60s", async (set) => {
    await expect(configOf({ set: [set] })).rejects.toThrow(UsageError);
  });

  it("takes JSON, and else a text", async () => {
    const config = await configOf({ set: ["curriculum=[0.1,0.2]", "backend=wasm"] });
    expect(config).toMatchObject({ curriculum: [0.1, 0.2], backend: "wasm" });
  });
});
