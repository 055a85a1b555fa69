import { describe, expect, it } from "vitest";
import { ConfigError, parseAirConfig } from "../src/config.js";

describe("parseAirConfig", () => {
  it("fills the defaults of the original multi-MNIST model", () => {
    expect(parseAirConfig({})).toEqual({
      imageSize: 50,
      channels: 1,
      objectSize: 28,
      maxSteps: 3,
      zWhatSize: 50,
      imagePooling: 1,
      convolution: null,
      embeddingSize: 0,
      recurrentInput: "image",
      glimpseInput: "image",
      lstmSize: 256,
      predictorSize: 200,
      encoderSize: 200,
      decoderSize: 200,
      decoderBias: -2,
      likelihood: { type: "gaussian", std: 0.3 },
      prior: { presence: 0.01, whereMean: [3, 0, 0], whereStd: [0.2, 1, 1] },
      whereParameterisation: "prior-offset",
    });
  });

  it("fills the defaults of the likelihood that is asked for", () => {
    expect(parseAirConfig({ likelihood: { type: "gaussian" } }).likelihood).toEqual({ type: "gaussian", std: 0.3 });
    expect(parseAirConfig({ likelihood: { type: "bernoulli" } }).likelihood).toEqual({
      type: "bernoulli",
      canvas: "union",
      pixelNoise: 0.05,
    });
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
    [{ convolution: { kernel: 9, stride: 2, channels: [] } }, "convolution.channels"],
    [{ imagePooling: 5, convolution: { kernel: 11, stride: 1, channels: [8] } }, "kernel must not exceed the side"],
    [
      { recurrentInput: "remainder", convolution: { kernel: 3, stride: 1, channels: [8] } },
      "needs recurrentInput image",
    ],
    [{ prior: { presence: 0 } }, "prior.presence"],
    [{ prior: { presence: 1 } }, "prior.presence"],
    [{ prior: { whereStd: [0.2, 1, 0] } }, "prior.whereStd.2"],
    [{ prior: { whereMean: [3, 0] } }, "prior.whereMean"],
    [{ likelihood: { type: "laplace" } }, "likelihood.type"],
    [{ likelihood: { type: "bernoulli", std: 0.3 } }, "std"],
    [{ likelihood: { type: "bernoulli", pixelNoise: 0.5 } }, "likelihood.pixelNoise"],
    [{ likelihood: { type: "bernoulli", canvas: "sum" } }, "likelihood.canvas"],
    [{ decoderBias: Number.NaN }, "decoderBias"],
    [{ whereParameterisation: "bounded" }, "windowSide: must be given if whereParameterisation is bounded"],
    [{ windowSide: [8, 20] }, "windowSide: must be given if whereParameterisation is bounded, and only then"],
    [{ whereParameterisation: "bounded", windowSide: [20, 8] }, "windowSide: must be two sides, the smaller first"],
    ["text", "top level"],
    [null, "top level"],
  ])("names what is wrong in %j", (input, named) => {
    expect(() => parseAirConfig(input)).toThrow(ConfigError);
    expect(() => parseAirConfig(input)).toThrow(named);
  });

  it("names every offending key at once", () => {
    expect(() => parseAirConfig({ imageSize: -1, channels: "three" })).toThrow(/imageSize.*\n.*channels/);
  });
});
