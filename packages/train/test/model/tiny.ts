/**
 * Models small enough for finite differences, with parameters and noise from a seed.
 */
import { type AirConfig, type AirConfigInput, parseAirConfig, RandomStream } from "@air-onnx/core";
import * as tf from "@tensorflow/tfjs";
import { initialParameters } from "../../src/model/parameters.js";

export function tinyConfig(overrides: AirConfigInput = {}): AirConfig {
  return parseAirConfig({
    imageSize: 9,
    objectSize: 5,
    maxSteps: 3,
    zWhatSize: 4,
    lstmSize: 6,
    predictorSize: 7,
    encoderSize: 8,
    decoderSize: 8,
    ...overrides,
  });
}

/** Settings for bounded windows, whose sides are 3 to 8 of the image's 9 pixels. */
export const boundedWindows: AirConfigInput = {
  where: { type: "bounded", side: [3, 8] },
  prior: { whereMean: [0, 0, 0], whereStd: [1, 1, 1] },
};

/** Settings for a local step network with places two pixels apart, of which the image of 9 pixels has 5 a side. */
export const localSteps: AirConfigInput = {
  stepNetwork: { type: "local", kernel: 3, stride: 2, contextKernel: 3, channels: [4, 5] },
  glimpseInput: "remainder",
  where: { type: "bounded", side: [3, 8], centre: "free" },
  prior: { whereMean: [0, 0, 0], whereStd: [1, 0.6, 0.6] },
};

export function tinyParameters(config: AirConfig, seed: number): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(initialParameters(config, seed)).map(([name, { shape, data }]) => [
      name,
      tf.tensor(data, [...shape]),
    ]),
  );
}

export function normal(shape: number[], seed: number): tf.Tensor {
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
  return tf.tensor(new RandomStream(seed).fillNormal(data), shape);
}

export function uniform(shape: number[], seed: number): tf.Tensor {
  const stream = new RandomStream(seed);
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
  return tf.tensor(
    data.map(() => stream.uniform()),
    shape,
  );
}
