import { parseAirConfig } from "@air-onnx/core";
import { expect, it } from "vitest";
import { initialParameters, parameter, parameterShapes } from "../../src/model/parameters.js";
import { nvil } from "../../src/objective/nvil.js";
import { tinyConfig } from "./tiny.js";

it("the default model has 3.28 million parameters", () => {
  const sizes = Object.values(parameterShapes(parseAirConfig({}))).map((shape) => shape.reduce((a, b) => a * b, 1));
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(3_276_155);
});

it("initial values depend on the seed alone and are uniform over their interval", () => {
  const config = tinyConfig({
    lstmInput: { type: "image", convolution: { kernel: 3, stride: 3, channels: [8, 5] } },
    embeddingSize: 12,
  });
  const values = initialParameters(config, 7);
  expect(initialParameters(config, 7)).toEqual(values);
  expect(initialParameters(config, 8)).not.toEqual(values);
  expect(Object.keys(values)).toEqual(Object.keys(parameterShapes(config)));

  const bounds = {
    "lstm.image_kernel": 1 / Math.sqrt(config.lstmSize),
    "lstm.bias": 1 / Math.sqrt(config.lstmSize),
    "lstm.convolution0_kernel": Math.sqrt(6 / 3 ** 2),
    "lstm.convolution1_kernel": Math.sqrt(6 / 8),
    "lstm.embedding_kernel": Math.sqrt(6 / (3 ** 2 * 5)),
    "encoder.hidden_kernel": Math.sqrt(6 / config.objectSize ** 2),
    "decoder.output_bias": 1 / Math.sqrt(config.decoderSize),
  };
  for (const [name, bound] of Object.entries(bounds)) {
    const { shape, data } = values[name]!;
    expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
    const largest = Math.max(...data.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.75 * bound);
    expect(Math.abs(data.reduce((a, b) => a + b, 0) / data.length)).toBeLessThan(0.35 * bound);
  }
});

it("layers with ReLUs start with biases of zero", () => {
  const values = initialParameters(tinyConfig({ embeddingSize: 12 }), 1);
  for (const name of ["lstm.embedding_bias", "predictor.hidden_bias", "encoder.hidden_bias", "decoder.hidden_bias"]) {
    expect(new Set(values[name]!.data)).toEqual(new Set([0]));
  }
});

it("a layer's initial values do not depend on the sizes of the others", () => {
  const small = initialParameters(tinyConfig({ encoderSize: 8 }), 1);
  const large = initialParameters(tinyConfig({ encoderSize: 80 }), 1);
  expect(large["decoder.output_kernel"]).toEqual(small["decoder.output_kernel"]);
  expect(large["encoder.hidden_bias"]!.data.length).toBe(80);
});

it("an estimator's own parameters do not change the model's initial values", () => {
  const config = tinyConfig();
  const own = nvil.parameters(config);
  const all = initialParameters(config, 3, own);
  expect(Object.keys(all)).toEqual([...Object.keys(parameterShapes(config)), ...Object.keys(own)]);
  expect(all).toMatchObject(initialParameters(config, 3));
  for (const [name, shape] of Object.entries(own)) expect(all[name]!.shape).toEqual(shape);
  const largest = Math.max(...all["baseline.lstm.image_kernel"]!.data.map(Math.abs));
  expect(largest).toBeCloseTo(1 / Math.sqrt(config.lstmSize), 2);
});

it("a missing parameter is named", () => {
  expect(() => parameter({}, "lstm.bias")).toThrow("lstm.bias is missing");
});
