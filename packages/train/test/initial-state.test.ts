import { stateParts } from "@air-onnx/trainer";
import { expect, it } from "vitest";
import { parseTrainConfig } from "../src/config.js";
import { checkpointShapes, initialState } from "../src/initial-state.js";
import { initialParameters } from "../src/model/parameters.js";

it.each(["marginal", "nvil"] as const)(
  "training by %s starts from the seed's parameters and zero moments",
  (estimator) => {
    const model = { lstmSize: 4, embeddingSize: 3, zWhatSize: 2, predictorSize: 3, encoderSize: 3, decoderSize: 3 };
    const config = parseTrainConfig({ dataset: "multi-strokes", estimator, model, seed: 5 });
    const state = initialState(config);
    expect(state.parameters).toMatchObject(initialParameters(config.model, 5));
    for (const part of stateParts) {
      const shapes = Object.fromEntries(Object.entries(state[part]).map(([name, { shape }]) => [name, shape]));
      expect(shapes).toEqual(checkpointShapes(config));
    }
    for (const { data } of [...Object.values(state.firstMoment), ...Object.values(state.secondMoment)]) {
      expect(data.every((value) => value === 0)).toBe(true);
    }
  },
);
