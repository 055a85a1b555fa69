import { describe, expect, it } from "vitest";
import { parseAirConfig } from "../src/config.js";
import { ConfigError } from "../src/errors.js";

const seenThrough = (changes: object) => ({
  type: "image",
  convolution: { kernel: 3, stride: 1, channels: [8], ...changes },
});

describe("parseAirConfig", () => {
  it("fills the defaults of the original multi-MNIST model", () => {
    expect(parseAirConfig({})).toEqual({
      imageSize: 50,
      channels: 1,
      objectSize: 28,
      maxSteps: 3,
      stepNetwork: { type: "lstm" },
      zWhatSize: 50,
      imagePooling: 1,
      embeddingSize: 0,
      lstmInput: { type: "image", convolution: null },
      glimpseInput: "image",
      lstmSize: 256,
      predictorSize: 200,
      encoderSize: 200,
      decoderSize: 200,
      decoderBias: -2,
      likelihood: { type: "gaussian", std: 0.3 },
      prior: { presence: 0.01, whereMean: [3, 0, 0], whereStd: [0.2, 1, 1] },
      where: { type: "prior-offset" },
    });
  });

  it("fills in the defaults of the chosen likelihood", () => {
    expect(parseAirConfig({ likelihood: { type: "gaussian" } }).likelihood).toEqual({ type: "gaussian", std: 0.3 });
    expect(parseAirConfig({ likelihood: { type: "bernoulli" } }).likelihood).toEqual({
      type: "bernoulli",
      canvas: "union",
      pixelNoise: 0.05,
    });
  });

  it("fills the defaults of the recurrent network's input that is asked for", () => {
    for (const type of ["image", "image-and-remainder"] as const) {
      expect(parseAirConfig({ lstmInput: { type } }).lstmInput).toEqual({ type, convolution: null });
    }
    expect(parseAirConfig({ lstmInput: { type: "remainder" } }).lstmInput).toEqual({ type: "remainder" });
  });

  it("is a fixed point: a parsed configuration parses to itself", () => {
    const config = parseAirConfig({ imageSize: 64, channels: 3, objectSize: 18, prior: { presence: 0.5 } });
    expect(parseAirConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each([
    [{ imageSise: 50 }, "imageSise"],
    [{ imageSize: 50.5 }, "imageSize"],
    [{ imageSize: 0 }, "imageSize"],
    [{ maxSteps: -1 }, "maxSteps"],
    [{ objectSize: 51 }, "objectSize must not exceed imageSize"],
    [{ imagePooling: 3 }, "imagePooling must divide imageSize"],
    [{ embeddingSize: -1 }, "embeddingSize"],
    [{ lstmInput: seenThrough({ channels: [] }) }, "lstmInput.convolution.channels"],
    [{ imagePooling: 5, lstmInput: seenThrough({ kernel: 11 }) }, "kernel must not exceed the side"],
    [{ lstmInput: { ...seenThrough({}), type: "remainder" } }, 'lstmInput: Unrecognized key: "convolution"'],
    [{ lstmInput: { type: "canvas" } }, "lstmInput.type: must have type image, remainder or image-and-remainder"],
    [{ lstmInput: { convolution: null } }, "lstmInput.type: must have type image"],
    [{ prior: { presence: 0 } }, "prior.presence"],
    [{ prior: { presence: 1 } }, "prior.presence"],
    [{ prior: { whereStd: [0.2, 1, 0] } }, "prior.whereStd.2"],
    [{ prior: { whereMean: [3, 0] } }, "prior.whereMean"],
    [{ likelihood: { type: "laplace" } }, "likelihood.type"],
    [{ likelihood: { type: "bernoulli", std: 0.3 } }, "std"],
    [{ likelihood: { type: "bernoulli", pixelNoise: 0.5 } }, "likelihood.pixelNoise"],
    [{ likelihood: { type: "bernoulli", canvas: "sum" } }, "likelihood.canvas"],
    [{ decoderBias: Number.NaN }, "decoderBias"],
    [{ where: { type: "bounded" } }, "where.side: must be two sides, the smaller first"],
    [{ where: { type: "absolute", side: [8, 20] } }, 'where: Unrecognized key: "side"'],
    [{ where: { side: [8, 20] } }, "where.type: must have type prior-offset, absolute or bounded"],
    [{ where: "bounded" }, "where: must have type prior-offset, absolute or bounded"],
    [{ where: { type: "bounded", side: [20, 8] } }, "where.side: must be two sides, the smaller first"],
    [{ where: { type: "bounded", side: [8, 8] } }, "where.side: must be two sides, the smaller first"],
    ["text", "top level"],
    [null, "top level"],
  ])("names what is wrong in %j", (input, named) => {
    expect(() => parseAirConfig(input)).toThrow(ConfigError);
    expect(() => parseAirConfig(input)).toThrow(named);
  });

  it.each([
    [{ maxSteps: 1e9 }, "maxSteps"],
    [{ imageSize: 513 }, "imageSize"],
    [{ channels: 1e6 }, "channels"],
    [{ objectSize: 2 ** 31 }, "objectSize"],
    [{ zWhatSize: 5000 }, "zWhatSize"],
    [{ lstmSize: 1e12 }, "lstmSize"],
    [{ predictorSize: 5000 }, "predictorSize"],
    [{ encoderSize: 5000 }, "encoderSize"],
    [{ decoderSize: 5000 }, "decoderSize"],
    [{ embeddingSize: 5000 }, "embeddingSize"],
    [{ lstmInput: seenThrough({ kernel: 1e6 }) }, "lstmInput.convolution.kernel"],
    [{ lstmInput: seenThrough({ stride: 1e6 }) }, "lstmInput.convolution.stride"],
    [{ lstmInput: seenThrough({ channels: [1e6] }) }, "lstmInput.convolution.channels.0"],
    [{ lstmInput: seenThrough({ channels: new Array(17).fill(1) }) }, "lstmInput.convolution.channels"],
    [{ imageSize: 512, channels: 2 }, "imageSize: an image must have at most 262144 values"],
    [{ imageSize: 500, maxSteps: 5 }, "maxSteps: the canvases of all steps must have at most 1048576 values"],
    [{ maxSteps: 128, zWhatSize: 513 }, "maxSteps: the noise of all steps must have at most 65536 values"],
  ])("refuses sizes beyond what can be run: %j", (input, named) => {
    expect(() => parseAirConfig(input)).toThrow(ConfigError);
    expect(() => parseAirConfig(input)).toThrow(`\n  ${named}`);
  });

  it("accepts every size up to its limit", () => {
    expect(parseAirConfig({ imageSize: 512, objectSize: 512, maxSteps: 4, lstmSize: 4096 }).imageSize).toBe(512);
    expect(parseAirConfig({ imageSize: 64, channels: 64, objectSize: 8 }).channels).toBe(64);
    expect(parseAirConfig({ imageSize: 50, maxSteps: 128, zWhatSize: 512 }).maxSteps).toBe(128);
  });

  it("keeps its message short, however many keys are wrong", () => {
    const keys = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key${i}`, 1]));
    expect(() => parseAirConfig(keys)).toThrow(/^.{1,1000}$/s);
  });

  it("lists the offending keys as data, each unknown one by itself", () => {
    const issuesOf = (input: unknown): unknown => {
      try {
        return parseAirConfig(input);
      } catch (error) {
        expect(error).toMatchObject({ kind: "settings", source: "model configuration" });
        return (error as ConfigError).issues;
      }
    };
    expect(issuesOf({ lstmSize: -1, likelihood: { type: "gaussian", mean: 1, scale: 2 } })).toEqual([
      { kind: "invalid", key: "lstmSize", message: expect.stringContaining(">0") },
      { kind: "unknown", key: "likelihood.mean", message: expect.any(String) },
      { kind: "unknown", key: "likelihood.scale", message: expect.any(String) },
    ]);
    expect(issuesOf([])).toMatchObject([{ kind: "invalid", key: "" }]);
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key${i}`, 1]));
    expect(issuesOf(many)).toHaveLength(20);
    expect(issuesOf({ ["k".repeat(100_000)]: 1 })).toMatchObject([{ kind: "unknown", key: `${"k".repeat(500)}…` }]);
  });

  it("names every offending key at once", () => {
    expect(() => parseAirConfig({ imageSize: -1, channels: "three" })).toThrow(/imageSize.*\n.*channels/);
  });
});
