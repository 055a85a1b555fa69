/** Settings that mean harm: by `--config` and `--set` nothing is changed but the configuration. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { UsageError } from "../src/failures.js";
import { commandWriter, configFrom, givenSettings } from "../src/train-settings.js";

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

  it("refuses a file that is too large or never ends, after its first bytes", async () => {
    const reason = /Cannot use --config .*: it has more than 1048576 bytes/;
    await expect(configOf({ config: fileOf(`{"steps": 400${" ".repeat(2 ** 20)}}`) })).rejects.toThrow(reason);
    if (existsSync("/dev/zero")) await expect(configOf({ config: "/dev/zero" })).rejects.toThrow(reason);
  });

  it("takes the settings of its file", async () => {
    const config = await configOf({ config: fileOf('{"dataset":"multi-strokes","steps":400,"model":{"lstmSize":8}}') });
    expect(config).toMatchObject({ steps: 400, model: { lstmSize: 8 } });
  });
});

describe("settings that there are not", () => {
  it("are told with those that may be meant, and no others", async () => {
    const failure = configOf({ set: ["model.lstmSiz=4", "model.lstmSize=none", "steps=20"] });
    await expect(failure).rejects.toThrow(
      /There is no setting model\.lstmSiz with dataset .*\. Did you mean model\.lstmSize \(--set model\.lstmSize=VALUE\)/,
    );
    await expect(failure).rejects.not.toThrow(/no setting (?:steps|model\.lstmSize) /);
  });

  it("are told with those that there are if none is like them", async () => {
    await expect(configOf({ set: ["model.colour=4"] })).rejects.toThrow(
      /There is no setting model\.colour with dataset .*There are: model\.imageSize/,
    );
  });

  it("are told by their flags, also in what is said about others", async () => {
    await expect(configOf({ set: ["batchSize=300", "trainSize=200"] })).rejects.toThrow(
      "--batch-size: must not exceed --train-size (200), got 300",
    );
    await expect(configOf({ set: ["dataset=npz"] })).rejects.toThrow("or --data FILE.npz");
  });

  it("are not taken for those whose names a message has for another reason", async () => {
    // The message has "gaussian" and "type", and so has each of these keys.
    const failure = configOf({ set: ["model.likelihood.type=none", "model.prior.type=1"] });
    await expect(failure).rejects.toThrow("There is no setting model.prior.type");
    await expect(failure).rejects.not.toThrow("There is no setting model.likelihood.type");
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

describe("a choice by its type", () => {
  const convolution = { kernel: 9, stride: 3, channels: [8] };
  const file = (model: object) => fileOf(JSON.stringify({ dataset: "multi-strokes", model }));
  const modelOf = async (set: string[], fromFile?: object) =>
    (await configOf({ set, ...(fromFile ? { config: file(fromFile) } : {}) })).model;

  it("is set with its settings", async () => {
    const sides = ["model.where.type=bounded", "model.where.side=[8,16]"];
    expect((await modelOf(sides)).where).toMatchObject({ type: "bounded", side: [8, 16] });
    expect((await modelOf(sides.toReversed())).where).toMatchObject({ type: "bounded", side: [8, 16] });
    const both = [
      "model.lstmInput.type=image-and-remainder",
      `model.lstmInput.convolution=${JSON.stringify(convolution)}`,
    ];
    expect((await modelOf(both)).lstmInput).toEqual({ type: "image-and-remainder", convolution });
    expect((await modelOf(["model.lstmInput.convolution=null"])).lstmInput).toEqual({
      type: "image",
      convolution: null,
    });
  });

  it("leaves nothing of the one in the file or the preset", async () => {
    const bounded = { where: { type: "bounded", side: [8, 16] }, lstmInput: { type: "image", convolution } };
    const other = ["model.where.type=absolute", "model.lstmInput.type=remainder"];
    const expected = { where: { type: "absolute" }, lstmInput: { type: "remainder" } };
    expect(await modelOf(other, bounded)).toMatchObject(expected);
    const first = { whereParameterisation: "bounded", windowSide: [8, 16], recurrentInput: "image", convolution };
    const model = await modelOf(other, first);
    expect(model.where).toEqual(expected.where);
    expect(model.lstmInput).toEqual(expected.lstmInput);
    expect((await configOf({ set: ["dataset=multi-mnist-64", "architecture=compact", ...other] })).model).toMatchObject(
      expected,
    );
  });

  it("keeps the settings in the file where the type is the same, whichever form has it", async () => {
    const first = { whereParameterisation: "bounded", windowSide: [8, 16], recurrentInput: "image", convolution };
    const now = { where: { type: "bounded", side: [8, 16] }, lstmInput: { type: "image", convolution } };
    for (const [fromFile, set] of [
      [first, ["model.where.type=bounded", "model.lstmInput.type=image"]],
      [now, ["model.whereParameterisation=bounded", "model.recurrentInput=image"]],
    ] as const) {
      expect(await modelOf([...set], fromFile)).toMatchObject(now);
    }
    for (const fromFile of [first, now]) {
      for (const side of ["model.where.side=[14,18]", "model.windowSide=[14,18]"]) {
        expect((await modelOf([side], fromFile)).where).toMatchObject({ type: "bounded", side: [14, 18] });
      }
      for (const none of ["model.lstmInput.convolution=null", "model.convolution=null"]) {
        expect((await modelOf([none], fromFile)).lstmInput).toEqual({ type: "image", convolution: null });
      }
    }
  });

  it("is read in its first form", async () => {
    const set = [
      ...["model.recurrentInput=image-and-remainder", "model.convolution=null"],
      ...["model.whereParameterisation=bounded", "model.windowSide=[14,18]"],
    ];
    expect(await modelOf(set)).toMatchObject({
      lstmInput: { type: "image-and-remainder", convolution: null },
      where: { type: "bounded", side: [14, 18] },
    });
    await expect(modelOf(["model.windowSide=[14,18]"])).rejects.toThrow(
      "model.windowSide: must be given if whereParameterisation is bounded, and only then",
    );
  });

  it("is not set in both forms", async () => {
    await expect(modelOf(["model.where.type=absolute", "model.whereParameterisation=bounded"])).rejects.toThrow(
      "model.where.type is set twice",
    );
  });

  it("is written without the defaults of its architecture", async () => {
    const commandOf = await commandWriter();
    const usual = (set: string[]) => configOf({ set }).then(commandOf);
    expect(await usual(["architecture=local"])).toBe("air-onnx train --dataset multi-strokes --architecture local");
    expect(await usual(["dataset=cells"])).toBe("air-onnx train --dataset cells");
    expect(await usual(["dataset=cells", "architecture=compact"])).toContain(" --architecture compact");
  });

  it("is written with all its settings, as another type does not have the preset's", async () => {
    const commandOf = await commandWriter();
    const preset = ["model.convolution.kernel=9", "model.convolution.stride=2", "model.convolution.channels=[64,32]"];
    for (const set of [
      ["model.recurrentInput=image-and-remainder"],
      ["model.lstmInput.type=image-and-remainder"],
      ["model.lstmInput.type=image-and-remainder", ...preset],
      ["model.lstmInput.type=remainder", "model.where.type=bounded", "model.where.side=[8,16]"],
      ["dataset=multi-mnist-64", "model.where.side=[8,16]"],
      ["dataset=multi-mnist-64", "architecture=compact", "model.where.type=absolute"],
      ["architecture=local", "model.where.side=[8,16]"],
    ]) {
      const config = await configOf({ set });
      const words = commandOf(config).split(" ").slice(2);
      const written = words.flatMap((word, i) => {
        if (words[i - 1] === "--dataset" || words[i - 1] === "--architecture")
          return [`${words[i - 1]!.slice(2)}=${word}`];
        return words[i - 1] === "--set" ? [word] : [];
      });
      expect(await configOf({ set: written }), commandOf(config)).toEqual(config);
    }
  });
});
