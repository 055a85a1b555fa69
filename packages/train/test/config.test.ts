import { ConfigError } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { describeConfigDifference, parseTrainConfig } from "../src/config.js";
import { datasetNames } from "../src/data/dataset.js";

const failure = (input: unknown): string => {
  try {
    parseTrainConfig(input);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error("The configuration was accepted");
};

describe("parseTrainConfig", () => {
  it("needs nothing but the name of a dataset", () => {
    for (const dataset of datasetNames) {
      const config = parseTrainConfig({ dataset });
      expect(config.dataset).toBe(dataset);
      expect(config.batchSize).toBe(64);
      expect(config.model.maxSteps).toBe(3);
      expect(config.optimizer).toEqual({
        learningRate: 1e-3,
        finalLearningRate: 1e-4,
        warmupSteps: 200,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        clipNorm: 10,
      });
    }
  });

  it("keeps what is given, and fills in the rest of the same section", () => {
    const config = parseTrainConfig({ dataset: "multi-strokes", steps: 4000, optimizer: { clipNorm: 5 } });
    expect(config.steps).toBe(4000);
    expect(config.optimizer.clipNorm).toBe(5);
    expect(config.optimizer.learningRate).toBe(1e-3);
  });

  it("reads back what it wrote as JSON", () => {
    for (const dataset of datasetNames) {
      const config = parseTrainConfig({ dataset, seed: 7 });
      expect(parseTrainConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    }
  });

  it("lists the datasets when none or an unknown one is named", () => {
    for (const input of [{}, { dataset: "mnist" }]) {
      expect(failure(input)).toContain("dataset: must be one of multi-strokes, multi-mnist");
    }
    expect(failure("fast")).toContain("training configuration");
  });

  it("names an unknown key, at any depth", () => {
    expect(failure({ dataset: "multi-mnist", learningRate: 1 })).toContain('"learningRate"');
    expect(failure({ dataset: "multi-mnist", optimizer: { beta3: 1 } })).toMatch(/optimizer: .*"beta3"/);
    expect(failure({ dataset: "multi-mnist", model: { depth: 1 } })).toMatch(/model: .*"depth"/);
  });

  it("takes a part of the fixed set, or any number of drawn images", () => {
    const sizes = { trainSize: 60_000, testSize: 50, evaluateImages: 50 };
    expect(parseTrainConfig({ dataset: "multi-strokes", ...sizes })).toMatchObject({ ...sizes, dataSeed: 0 });
    expect(failure({ dataset: "multi-mnist", ...sizes })).toContain("trainSize: ");
    expect(parseTrainConfig({ dataset: "multi-mnist" })).toMatchObject({ trainSize: 50_000, testSize: 10_000 });
    expect(failure({ dataset: "multi-mnist", dataSeed: 1 })).toContain('"dataSeed"');
  });

  it.each([
    [{ evaluateEvery: 510 }, "evaluateEvery: must be a multiple of stepsPerRun (20), such as 520; got 510"],
    [{ checkpointEvery: 5 }, "checkpointEvery: must be a multiple of stepsPerRun (20), such as 20; got 5"],
    [{ steps: 1001 }, "steps: must be a multiple of stepsPerRun (20), such as 1000; got 1001"],
    [{ steps: 100 }, "optimizer.warmupSteps: must not exceed steps (100), got 200"],
    [
      { optimizer: { learningRate: 1e-5 } },
      "optimizer.finalLearningRate: must not exceed optimizer.learningRate (0.00001), got 0.0001",
    ],
    [{ evaluateImages: 10_001 }, "evaluateImages: must not exceed testSize (10000), got 10001"],
    [{ batchSize: 50_001 }, "batchSize: must not exceed trainSize (50000), got 50001"],
    [{ model: { imageSize: 64 } }, "model.imageSize: must be 50, as in the images of dataset multi-mnist; got 64"],
    [{ model: { channels: 3 } }, "model.channels: must be 1, as in the images of dataset multi-mnist; got 3"],
    [{ backend: "gpu" }, "backend: "],
    [{ seed: -1 }, "seed: "],
    [{ optimizer: { learningRate: Number.NaN } }, "optimizer.learningRate: "],
    [{ threads: 1.5 }, "threads: "],
  ])("refuses %j and says why", (settings, message) => {
    expect(failure({ dataset: "multi-mnist", ...settings })).toContain(message);
  });

  it("names all that is wrong at once", () => {
    const message = failure({ dataset: "multi-mnist", evaluateEvery: 510, checkpointEvery: 510 });
    expect(message).toContain("evaluateEvery");
    expect(message).toContain("checkpointEvery");
  });
});

describe("describeConfigDifference", () => {
  const base = parseTrainConfig({ dataset: "multi-mnist" });

  it("is empty for equal configurations", () => {
    expect(describeConfigDifference(base, parseTrainConfig({ dataset: "multi-mnist" }))).toEqual([]);
  });

  it("shows each changed setting with both values", () => {
    const changed = parseTrainConfig({
      dataset: "multi-mnist",
      backend: "wasm",
      optimizer: { learningRate: 2e-3 },
      model: { prior: { whereMean: [4, 0, 0] } },
    });
    expect(describeConfigDifference(base, changed).sort()).toEqual([
      'backend: "onnxruntime" → "wasm"',
      "model.prior.whereMean: [3,0,0] → [4,0,0]",
      "optimizer.learningRate: 0.001 → 0.002",
    ]);
  });

  it("shows settings that only one of them has", () => {
    const lines = describeConfigDifference(base, parseTrainConfig({ dataset: "multi-strokes", steps: base.steps }));
    expect(lines).toContain('dataset: "multi-mnist" → "multi-strokes"');
    expect(lines).toContain("dataSeed: (not set) → 0");
  });
});
