import { ConfigError } from "@air-onnx/core";
import { datasetNames, drawnSet, MAX_DATA_SEED } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import { describeConfigDifference, parseTrainConfig } from "../src/config.js";

const failure = (input: unknown): string => {
  try {
    parseTrainConfig(input);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error("The configuration was accepted");
};

/** The least that each dataset needs to be told. */
const least = datasetNames.map((dataset) =>
  dataset === "npz" || dataset === "png-folder" ? { dataset, path: "images" } : { dataset },
);

describe("parseTrainConfig", () => {
  it("needs nothing but the name of a dataset, or the path of one's own", () => {
    for (const input of least) {
      const { dataset } = input;
      const config = parseTrainConfig(input);
      expect(config.dataset).toBe(dataset);
      expect(config.batchSize).toBe(64);
      const { architecture, model } = drawnSet(dataset)?.preset ?? {};
      expect(config.model.maxSteps).toBe(model?.maxSteps ?? (architecture === "local" ? 8 : 3));
      expect(config.optimizer).toEqual({
        learningRate: 2e-3,
        finalLearningRate: 1e-4,
        baselineLearningRate: 1e-2,
        warmupSteps: 200,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        clipNorm: 10,
      });
    }
  });

  it("takes a preprocessing with as many polarities as the images have channels", () => {
    const preprocessing = { backgroundDegree: 2, polarity: ["dark"], contrast: [0.2, 0.5] };
    const input = { dataset: "png-folder", path: "images", preprocessing };
    expect(parseTrainConfig(input).preprocessing).toEqual({ ...preprocessing, noise: 2 });
    expect(parseTrainConfig({ dataset: "png-folder", path: "images" }).preprocessing).toBeNull();
    expect(parseTrainConfig({ dataset: "dark-cells" }).preprocessing).toMatchObject({ polarity: ["dark"] });
    expect(parseTrainConfig({ dataset: "dark-cells", preprocessing: null }).preprocessing).toBeNull();
    expect(failure({ ...input, model: { channels: 3 } })).toMatch(
      /preprocessing\.polarity: must have one entry for each channel \(3\), got 1/,
    );
  });

  it("keeps what is given, and fills in the rest of the same section", () => {
    const config = parseTrainConfig({ dataset: "multi-strokes", steps: 4000, optimizer: { clipNorm: 5 } });
    expect(config.steps).toBe(4000);
    expect(config.optimizer.clipNorm).toBe(5);
    expect(config.optimizer.learningRate).toBe(2e-3);
  });

  it("has sizes by name, which the model's own settings override", () => {
    const sizes = (input: object): object => parseTrainConfig({ dataset: "multi-mnist", ...input }).model;
    const compact = {
      imagePooling: 2,
      lstmInput: { type: "image", convolution: { kernel: 9, stride: 2, channels: [64, 32] } },
      embeddingSize: 256,
      encoderSize: 400,
      decoderSize: 400,
    };
    expect(sizes({})).toMatchObject(compact);
    expect(sizes({ model: { encoderSize: 300 } })).toMatchObject({ ...compact, encoderSize: 300 });
    expect(sizes({ architecture: "reference", model: { lstmSize: 64 } })).toMatchObject({
      imagePooling: 1,
      lstmInput: { type: "image", convolution: null },
      embeddingSize: 0,
      lstmSize: 64,
      encoderSize: 200,
      decoderSize: 200,
    });
    // Squares of two pixels would not fill the image.
    expect(parseTrainConfig({ dataset: "npz", path: "x.npz", model: { imageSize: 51 } }).model.imagePooling).toBe(1);
    expect(failure({ dataset: "multi-mnist", architecture: "huge" })).toContain("architecture");
  });

  it("has no convolution where its kernel would not fit", () => {
    const small = { dataset: "npz", path: "x.npz", model: { imageSize: 16, objectSize: 8 } };
    expect(parseTrainConfig(small).model.lstmInput).toEqual({ type: "image", convolution: null });
  });

  it("takes another type of input or window without the settings of the preset's", () => {
    const modelOf = (dataset: string, model: object) => parseTrainConfig({ dataset, model }).model;
    expect(modelOf("multi-mnist", { lstmInput: { type: "remainder" } }).lstmInput).toEqual({ type: "remainder" });
    expect(modelOf("multi-mnist", { lstmInput: { type: "image-and-remainder" } }).lstmInput).toEqual({
      type: "image-and-remainder",
      convolution: null,
    });
    expect(modelOf("multi-mnist", { lstmInput: { convolution: null } }).lstmInput).toEqual({
      type: "image",
      convolution: null,
    });
    expect(modelOf("multi-mnist", { lstmInput: { convolution: { kernel: 7 } } }).lstmInput).toEqual({
      type: "image",
      convolution: { kernel: 7, stride: 2, channels: [64, 32] },
    });
    const compact64 = { dataset: "multi-mnist-64", architecture: "compact" };
    const whereOf = (where: object) => parseTrainConfig({ ...compact64, model: { where } }).model.where;
    expect(whereOf({ type: "absolute" })).toEqual({ type: "absolute" });
    expect(whereOf({ side: [8, 20] })).toMatchObject({ type: "bounded", side: [8, 20] });
    expect(failure({ dataset: "multi-mnist", model: { where: { side: [8, 20] } } })).toContain(
      'model.where: Unrecognized key: "side"',
    );
  });

  const convolution = { kernel: 9, stride: 2, channels: [64, 32] };
  it.each([
    [
      "multi-mnist",
      { recurrentInput: "image-and-remainder" },
      { lstmInput: { type: "image-and-remainder", convolution } },
    ],
    ["multi-mnist", { convolution: null }, { lstmInput: { type: "image", convolution: null } }],
    ["multi-mnist", { recurrentInput: "remainder", convolution: null }, { lstmInput: { type: "remainder" } }],
    ["multi-mnist-64", { recurrentInput: "image" }, { lstmInput: { type: "image", convolution: null } }],
    ["multi-mnist-64", { windowSide: [8, 20] }, { where: { type: "bounded", side: [8, 20] } }],
    ["multi-mnist", { recurrentInput: "remainder" }, "model.convolution: must be null if recurrentInput is remainder"],
    ["multi-mnist", { windowSide: [8, 20] }, "model.windowSide: must be given if whereParameterisation is bounded"],
    ["multi-mnist-64", { whereParameterisation: "absolute" }, "model.windowSide: must be given if"],
  ])("reads a model of the first form above the preset of %s: %j", (dataset, model, expected) => {
    if (typeof expected === "string") expect(failure({ dataset, model })).toContain(`\n  ${expected}`);
    else expect(parseTrainConfig({ dataset, model })).toEqual(parseTrainConfig({ dataset, model: expected }));
  });

  it("reads what was saved in the first form", () => {
    for (const input of [...least, { dataset: "multi-mnist", model: { lstmInput: { type: "remainder" } } }]) {
      const config = parseTrainConfig(input);
      const { lstmInput, where, ...model } = config.model;
      const first = {
        recurrentInput: lstmInput.type,
        convolution: lstmInput.type === "remainder" ? null : lstmInput.convolution,
        whereParameterisation: where.type,
        ...(where.type === "bounded" ? { windowSide: where.side } : {}),
      };
      expect(parseTrainConfig(JSON.parse(JSON.stringify({ ...config, model: { ...model, ...first } })))).toEqual(
        config,
      );
    }
  });

  it("takes null for a schedule that its dataset has and a run does not want", () => {
    expect(parseTrainConfig({ dataset: "multi-mnist" }).presencePriorSchedule).not.toBeNull();
    const without = parseTrainConfig({ dataset: "multi-mnist", presencePriorSchedule: null });
    expect(without.presencePriorSchedule).toBeNull();
    expect(parseTrainConfig(JSON.parse(JSON.stringify(without)))).toEqual(without);
  });

  it("reads back what it wrote as JSON", () => {
    for (const input of [...least, { dataset: "multi-mnist", stream: true }]) {
      const config = parseTrainConfig({ ...input, seed: 7 });
      expect(parseTrainConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    }
  });

  it("lists the datasets when none or an unknown one is named", () => {
    for (const input of [{}, { dataset: "mnist" }]) {
      expect(failure(input)).toContain(`dataset: must be one of ${datasetNames.join(", ")}`);
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
    expect(failure({ dataset: "multi-strokes", dataSeed: MAX_DATA_SEED + 1 })).toContain("dataSeed: ");
  });

  it("gives each dataset a model of its form", () => {
    expect(parseTrainConfig({ dataset: "multi-mnist-64" }).model).toMatchObject({
      imageSize: 64,
      channels: 1,
      objectSize: 18,
      maxSteps: 8,
      stepNetwork: { type: "local" },
      where: { type: "bounded", side: [14, 18], centre: "free" },
    });
    expect(parseTrainConfig({ dataset: "multi-dsprites-64" }).model).toMatchObject({ imageSize: 64, channels: 3 });
    expect(parseTrainConfig({ dataset: "multi-strokes", model: { imageSize: 64 } }).model.imageSize).toBe(64);
  });

  it("has no size of a stream", () => {
    const config = parseTrainConfig({ dataset: "multi-mnist", stream: true, batchSize: 60_000 });
    expect(config).not.toHaveProperty("trainSize");
    expect(failure({ dataset: "multi-mnist", stream: true, trainSize: 10 })).toContain(
      "trainSize: must be left out, as a stream has no end",
    );
    expect(failure({ dataset: "npz", path: "x.npz", stream: true })).toContain('"stream"');
  });

  it("refuses a form that the dataset cannot have", () => {
    expect(failure({ dataset: "multi-strokes", maxCount: 4 })).toContain(
      "maxCount: must not exceed model.maxSteps (3), the most objects the model can find; got 4",
    );
    expect(failure({ dataset: "multi-strokes", model: { imageSize: 27, objectSize: 20 } })).toContain(
      "model.imageSize: must be at least 28, the largest digit of dataset multi-strokes; got 27",
    );
    expect(failure({ dataset: "multi-mnist-64", patchSize: 65 })).toContain(
      "patchSize: must not exceed the side of the image (64), got 65",
    );
    expect(failure({ dataset: "multi-dsprites-64", model: { channels: 1 } })).toContain("model.channels: must be 3");
    expect(failure({ dataset: "npz" })).toContain("path: ");
    expect(failure({ dataset: "png-folder", path: "x", testFraction: 1 })).toContain("testFraction: ");
  });

  it.each([
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
    [{ estimator: "reinforce" }, "estimator: "],
    [{ presencePriorSchedule: { from: 0, share: 0.1 } }, "presencePriorSchedule.from: "],
    [{ presencePriorSchedule: { from: 0.5, share: 1.5 } }, "presencePriorSchedule.share: "],
    [{ curriculum: [0.1, 0.1, 0.1] }, "curriculum: must have fewer stages than model.maxSteps (3), got 3"],
    [{ curriculum: [0.6, 0.5] }, "curriculum: must leave some steps to the whole model"],
    [{ curriculum: [0] }, "curriculum.0: "],
    [{ optimizer: { learningRate: Number.NaN } }, "optimizer.learningRate: "],
    [{ threads: 1.5 }, "threads: "],
  ])("refuses %j and says why", (settings, message) => {
    expect(failure({ dataset: "multi-mnist", ...settings })).toContain(message);
  });

  it("names all that is wrong at once", () => {
    const message = failure({ dataset: "multi-mnist", evaluateEvery: 0, checkpointEvery: 0 });
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
      optimizer: { learningRate: 3e-3 },
      model: { prior: { whereMean: [4, 0, 0] } },
    });
    expect(describeConfigDifference(base, changed).sort()).toEqual([
      'backend: "onnxruntime" → "wasm"',
      "model.prior.whereMean: [3,0,0] → [4,0,0]",
      "optimizer.learningRate: 0.002 → 0.003",
    ]);
  });

  it("shows settings that only one of them has", () => {
    const lines = describeConfigDifference(base, parseTrainConfig({ dataset: "multi-strokes", steps: base.steps }));
    expect(lines).toContain('dataset: "multi-mnist" → "multi-strokes"');
    expect(lines).toContain("dataSeed: (not set) → 0");
  });
});
