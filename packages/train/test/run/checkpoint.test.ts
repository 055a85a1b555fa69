import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeSafetensors, FileError } from "@air-onnx/scenes";
import type { NamedTensorData } from "@air-onnx/trainer";
import { beforeEach, describe, expect, it } from "vitest";
import { parseTrainConfig } from "../../src/config.js";
import { CheckpointError, CorruptCheckpointError, OtherConfigurationError } from "../../src/errors.js";
import {
  checkpointSteps,
  keepNewestCheckpoints,
  loadCheckpoint,
  loadNewestCheckpoint,
  type StateAtStep,
  saveCheckpoint,
} from "../../src/run/checkpoint.js";
import { createRunFolder, RunFolder } from "../../src/run/run-folder.js";
import { useTemporaryFolder } from "./temporary-folder.js";

const inFolder = useTemporaryFolder();
const config = parseTrainConfig({ dataset: "multi-mnist", seed: 11 });
const shapes = () => ({ "lstm.bias": [4], "decoder.kernel": [2, 3] });
let folder: RunFolder;

beforeEach(async () => {
  const run = await createRunFolder(inFolder("run"), config, () => {});
  run.lock.release();
  folder = run.folder;
});

const tensors = (start: number): NamedTensorData => ({
  "lstm.bias": { shape: [4], data: Float32Array.from([start, start + 0.1, -0, 1e-40]) },
  "decoder.kernel": { shape: [2, 3], data: Float32Array.from({ length: 6 }, (_, i) => start - i) },
});
const stateAt = (step: number): StateAtStep => ({
  step,
  parameters: tensors(step),
  firstMoment: tensors(step + 0.25),
  secondMoment: tensors(step + 0.5),
});
const stem = (step: number): string => join(folder.checkpoints, `step-${String(step).padStart(8, "0")}`);
const silent = (message: string): void => {
  throw new Error(`Unexpected notice: ${message}`);
};

function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset]! ^= 1;
  writeFileSync(file, bytes);
}

describe("saveCheckpoint and loadCheckpoint", () => {
  it("give back the same state, bit for bit, and the configuration", async () => {
    const state = stateAt(500);
    const file = await saveCheckpoint(folder, state);
    expect(file).toBe(`${stem(500)}.json`);
    const loaded = await loadCheckpoint(file, shapes);
    expect(loaded.step).toBe(500);
    expect(loaded.config).toEqual(config);
    expect(Date.parse(loaded.createdAt)).not.toBeNaN();
    for (const part of ["parameters", "firstMoment", "secondMoment"] as const) {
      expect(Object.keys(loaded[part]).sort()).toEqual(Object.keys(state[part]).sort());
      for (const [name, { shape, data }] of Object.entries(state[part])) {
        expect(loaded[part][name]!.shape).toEqual(shape);
        expect(new Uint8Array(loaded[part][name]!.data.slice().buffer)).toEqual(new Uint8Array(data.slice().buffer));
      }
    }
  });

  it("can be named by either of the two files", async () => {
    await saveCheckpoint(folder, stateAt(500));
    for (const extension of [".json", ".safetensors", ""]) {
      expect((await loadCheckpoint(stem(500) + extension, shapes)).step).toBe(500);
    }
  });

  it("leave tensors under names that other tools can use, and the random generator's state", async () => {
    await saveCheckpoint(folder, stateAt(500));
    const { tensors: stored } = decodeSafetensors(readFileSync(`${stem(500)}.safetensors`), "checkpoint");
    expect(Object.keys(stored).sort()).toEqual([
      "adam.m/decoder.kernel",
      "adam.m/lstm.bias",
      "adam.v/decoder.kernel",
      "adam.v/lstm.bias",
      "parameters/decoder.kernel",
      "parameters/lstm.bias",
    ]);
    expect(JSON.parse(readFileSync(`${stem(500)}.json`, "utf8"))).toMatchObject({
      format: "air-onnx-checkpoint",
      formatVersion: 1,
      step: 500,
      random: { generator: "philox4x32-10", seed: 11 },
    });
    expect(readdirSync(folder.checkpoints)).toHaveLength(2);
  });

  it("can be written over one of the same step", async () => {
    await saveCheckpoint(folder, stateAt(500));
    await saveCheckpoint(folder, { ...stateAt(500), parameters: tensors(7) });
    expect((await loadCheckpoint(stem(500), shapes)).parameters["lstm.bias"]!.data[0]).toBe(7);
  });

  it.each([
    ["parameters", "parameters/lstm.bias", Number.NaN],
    ["firstMoment", "adam.m/lstm.bias", Number.POSITIVE_INFINITY],
    ["secondMoment", "adam.v/lstm.bias", Number.NEGATIVE_INFINITY],
  ] as const)("refuse %s that are not finite, and keep the checkpoint before", async (part, name, value) => {
    await saveCheckpoint(folder, stateAt(500));
    const broken = { ...tensors(0), "lstm.bias": { shape: [4], data: Float32Array.of(0, 0, value, 0) } };
    const saving = saveCheckpoint(folder, { ...stateAt(500), [part]: broken });
    await expect(saving).rejects.toThrow(CheckpointError);
    await expect(saving).rejects.toMatchObject({ kind: "not-finite" });
    await expect(saving).rejects.toThrow(`Not saving step 500: ${name} is ${value} at index 2`);
    expect((await loadCheckpoint(stem(500), shapes)).parameters["lstm.bias"]!.data[0]).toBe(500);
  });

  it("name the file when the folder cannot be written, and leave no checkpoint", async () => {
    writeFileSync(inFolder("file"), "");
    const unwritable = new RunFolder(inFolder("file", "run"), config);
    await expect(saveCheckpoint(unwritable, stateAt(500))).rejects.toThrow(FileError);
    await expect(saveCheckpoint(unwritable, stateAt(500))).rejects.toThrow(
      /step-00000500.*a part of the path is a file/,
    );
  });

  it("name the size or the hash that is wrong", async () => {
    const file = `${stem(500)}.safetensors`;
    await saveCheckpoint(folder, stateAt(500));
    const { size, sha256 } = JSON.parse(readFileSync(`${stem(500)}.json`, "utf8"));
    flipByte(file, size - 1);
    const loading = loadCheckpoint(file, shapes);
    await expect(loading).rejects.toThrow(CorruptCheckpointError);
    await expect(loading).rejects.toMatchObject({ kind: "corrupt", file: expect.stringContaining("step-00") });
    await expect(loading).rejects.toThrow(
      new RegExp(`step-00000500\\.safetensors.*expected SHA-256 ${sha256}, found [0-9a-f]{64}`),
    );
    truncateSync(file, 100);
    await expect(loadCheckpoint(file, shapes)).rejects.toThrow(`expected ${size} bytes, found 100`);
    rmSync(file);
    await expect(loadCheckpoint(file, shapes)).rejects.toThrow(
      /step-00000500\.safetensors: the file .* does not exist/,
    );
  });

  it("say when there is no such checkpoint", async () => {
    await expect(loadCheckpoint(stem(20), shapes)).rejects.toThrow(/Cannot read checkpoint .*step-00000020\.json/);
  });

  it("refuse another format version, and do not call it corrupt", async () => {
    await saveCheckpoint(folder, stateAt(500));
    const header = JSON.parse(readFileSync(`${stem(500)}.json`, "utf8"));
    writeFileSync(`${stem(500)}.json`, JSON.stringify({ ...header, formatVersion: 2, more: true }));
    const loading = loadNewestCheckpoint(folder, shapes, silent);
    await expect(loading).rejects.toThrow("has format version 2, but this program reads version 1");
    await expect(loading).rejects.not.toBeInstanceOf(CorruptCheckpointError);
  });

  it("list every tensor that does not fit the model", async () => {
    await saveCheckpoint(folder, stateAt(500));
    const other = () => ({ "lstm.bias": [8], "predictor.bias": [1] });
    const loading = loadCheckpoint(stem(500), other);
    await expect(loading).rejects.toThrow("parameters/lstm.bias: expected [8], found [4]");
    await expect(loading).rejects.toThrow("parameters/predictor.bias: expected [1], found no such tensor");
    await expect(loading).rejects.toThrow("adam.v/decoder.kernel: expected no such tensor, found [2, 3]");
  });

  it("ask for the shapes of the configuration that was stored", async () => {
    await saveCheckpoint(folder, stateAt(500));
    await loadCheckpoint(stem(500), (stored) => {
      expect(stored).toEqual(config);
      return shapes();
    });
  });
});

describe("loadNewestCheckpoint", () => {
  it("is undefined before the first", async () => {
    expect(await loadNewestCheckpoint(folder, shapes, silent)).toBeUndefined();
  });

  it("goes by the number of the step", async () => {
    for (const step of [1000, 20, 500]) await saveCheckpoint(folder, stateAt(step));
    expect(await checkpointSteps(folder)).toEqual([20, 500, 1000]);
    expect((await loadNewestCheckpoint(folder, shapes, silent))!.step).toBe(1000);
  });

  it("does not see what a kill left: tensors without their JSON, and temporaries", async () => {
    for (const step of [500, 1000]) await saveCheckpoint(folder, stateAt(step));
    rmSync(`${stem(1000)}.json`);
    writeFileSync(join(folder.checkpoints, ".step-00001000.json.host~1~0123456789ab.tmp"), "{");
    expect((await loadNewestCheckpoint(folder, shapes, silent))!.step).toBe(500);
  });

  it("refuses a run whose configuration was edited, and names what differs and where", async () => {
    await saveCheckpoint(folder, stateAt(500));
    const edited = { ...config, seed: 12, backend: "wasm", threads: 2, batchSize: 32 } as const;
    const loading = loadNewestCheckpoint(new RunFolder(folder.path, edited), shapes, silent);
    await expect(loading).rejects.toThrow(OtherConfigurationError);
    await expect(loading).rejects.toMatchObject({
      differences: expect.arrayContaining([
        "seed: 11 → 12",
        'backend: "onnxruntime" → "wasm"',
        "threads: 0 → 2",
        "batchSize: 64 → 32",
      ]),
    });
    await expect(loading).rejects.toThrow(
      /step-00000500\.json was trained with other settings than .*config\.json has now.*undo.*start another run/s,
    );
  });

  it.each([
    ["the configuration alone", { config: { ...config, steps: 24_000 } }, OtherConfigurationError, "steps: 24000 → "],
    ["the step", { step: 400 }, CorruptCheckpointError, "step-00000500.json is corrupt: it was changed after"],
    ["the seed", { random: { generator: "philox4x32-10", seed: 1 } }, CorruptCheckpointError, "it was changed after"],
  ])("refuses a header in which %s was edited", async (_, change, type, message) => {
    await saveCheckpoint(folder, stateAt(500));
    const header = JSON.parse(readFileSync(`${stem(500)}.json`, "utf8"));
    writeFileSync(`${stem(500)}.json`, JSON.stringify({ ...header, ...change }));
    const loading = loadNewestCheckpoint(folder, shapes, silent);
    await expect(loading).rejects.toThrow(type);
    await expect(loading).rejects.toThrow(message);
  });

  it("refuses a header that was edited as the run's configuration was", async () => {
    await saveCheckpoint(folder, stateAt(500));
    const edited = { ...config, seed: 12 };
    const header = JSON.parse(readFileSync(`${stem(500)}.json`, "utf8"));
    writeFileSync(`${stem(500)}.json`, JSON.stringify({ ...header, config: edited }, null, 2));
    const loading = loadNewestCheckpoint(new RunFolder(folder.path, edited), shapes, silent);
    await expect(loading).rejects.toThrow(/No checkpoint .* is whole:.*it was changed after it was written/s);
  });

  it.each([
    ["truncated tensors", ".safetensors", (file: string) => truncateSync(file, 200)],
    ["empty tensors", ".safetensors", (file: string) => truncateSync(file, 0)],
    ["a flipped bit", ".safetensors", (file: string) => flipByte(file, 300)],
    ["missing tensors", ".safetensors", (file: string) => rmSync(file)],
    ["a truncated JSON", ".json", (file: string) => truncateSync(file, 50)],
    ["a JSON of something else", ".json", (file: string) => writeFileSync(file, '{"format":"other"}')],
  ])("falls back over %s to the one before, and says so", async (_, extension, damage) => {
    for (const step of [500, 1000]) await saveCheckpoint(folder, stateAt(step));
    damage(stem(1000) + extension);
    const notices: string[] = [];
    const loaded = await loadNewestCheckpoint(folder, shapes, (message) => notices.push(message));
    expect(loaded!.step).toBe(500);
    expect(notices).toEqual([expect.stringMatching(/step-00001000.*Using the checkpoint of step 500 instead/s)]);
  });

  it("fails, with every reason, when none is whole", async () => {
    for (const step of [500, 1000]) {
      await saveCheckpoint(folder, stateAt(step));
      truncateSync(`${stem(step)}.safetensors`, 10);
    }
    const loading = loadNewestCheckpoint(folder, shapes, silent);
    await expect(loading).rejects.toThrow(/No checkpoint .* is whole:.*step-00001000.*step-00000500/s);
  });
});

describe("keepNewestCheckpoints", () => {
  it("deletes the older ones, and tensors that never became a checkpoint", async () => {
    for (const step of [20, 500, 1000, 1500]) await saveCheckpoint(folder, stateAt(step));
    rmSync(`${stem(1500)}.json`);
    await keepNewestCheckpoints(folder, 2);
    expect(await checkpointSteps(folder)).toEqual([500, 1000]);
    expect(readdirSync(folder.checkpoints)).toHaveLength(4);
    expect(existsSync(`${stem(1500)}.safetensors`)).toBe(false);
  });

  it("never deletes the newest", async () => {
    await saveCheckpoint(folder, stateAt(500));
    await expect(keepNewestCheckpoints(folder, 0)).rejects.toThrow("At least 1 checkpoint must be kept, got 0");
    await keepNewestCheckpoints(folder, 1);
    expect(await checkpointSteps(folder)).toEqual([500]);
  });
});
