/**
 * One training run as a value: data, model, objective, optimiser and schedule, with every default in this file.
 *
 * A run is a function of this configuration: two runs with equal ones give equal parameters on one machine and thread.
 */
import { airConfigSchema, parseWith } from "@air-onnx/core";
import { z } from "zod";
import { type DatasetName, datasetNames } from "./data/dataset.js";
import { MULTI_MNIST_IMAGE_SIZE, originalMultiMnist } from "./data/multi-mnist.js";

const count = z.int().positive();
const seed = z.int().nonnegative();
const decayRate = z.number().gte(0).lt(1);

const optimizerSchema = z.strictObject({
  /** Adam's step size at the end of the warm-up. */
  learningRate: z.number().positive().default(1e-3),
  /** Adam's step size at the last step, reached along half a cosine. */
  finalLearningRate: z.number().nonnegative().default(1e-4),
  /** Steps over which the step size rises linearly from 0. */
  warmupSteps: z.int().nonnegative().default(200),
  beta1: decayRate.default(0.9),
  beta2: decayRate.default(0.999),
  epsilon: z.number().positive().default(1e-8),
  /** Gradients whose global norm is larger are scaled down to it. */
  clipNorm: z.number().positive().default(10),
});

const settings = {
  model: airConfigSchema.prefault({}),
  /** How the gradient of the ELBO is had: `marginal` sums over the object count exactly. */
  estimator: z.enum(["marginal"]).default("marginal"),
  /** What computes a training step: one traced ONNX graph, or TensorFlow.js op by op. */
  backend: z.enum(["onnxruntime", "cpu", "wasm"]).default("onnxruntime"),
  /** Threads of the backend; 0 leaves the choice to onnxruntime. */
  threads: z.int().nonnegative().default(0),
  /** Of the initial parameters, the order of the images and the noise. */
  seed: seed.default(0),
  steps: count.default(11_000),
  batchSize: count.default(64),
  /** Training steps inside one run of the traced graph. */
  stepsPerRun: count.default(20),
  optimizer: optimizerSchema.prefault({}),
  /** Steps between evaluations on held-out images. */
  evaluateEvery: count.default(500),
  /** Held-out images of one evaluation. */
  evaluateImages: count.default(2000),
  /** Steps between checkpoints. */
  checkpointEvery: count.default(500),
};

const multiMnistTest = originalMultiMnist.testSize;
const multiMnistTrain = originalMultiMnist.size - multiMnistTest;

export const trainConfigSchema = z
  .discriminatedUnion("dataset", [
    z.strictObject({
      dataset: z.literal("multi-mnist"),
      ...settings,
      /** Images to train on, and held out for evaluation: the first of each split of the fixed set. */
      trainSize: count.max(multiMnistTrain).default(multiMnistTrain),
      testSize: count.max(multiMnistTest).default(multiMnistTest),
    }),
    z.strictObject({
      dataset: z.literal("multi-strokes"),
      ...settings,
      /** Images drawn to train on, and held out for evaluation. */
      trainSize: count.default(20_000),
      testSize: count.default(2000),
      /** Of the images themselves: runs with different `seed` can share them. */
      dataSeed: seed.default(0),
    }),
  ])
  .superRefine((config, context) => {
    const reject = (path: string, message: string): void => {
      context.addIssue({ code: "custom", path: path.split("."), message });
    };
    const { model, optimizer, steps, stepsPerRun } = config;
    for (const key of ["steps", "evaluateEvery", "checkpointEvery"] as const) {
      const value = config[key];
      if (value % stepsPerRun !== 0) {
        const multiple = Math.max(1, Math.round(value / stepsPerRun)) * stepsPerRun;
        reject(key, `must be a multiple of stepsPerRun (${stepsPerRun}), such as ${multiple}; got ${value}`);
      }
    }
    if (optimizer.warmupSteps > steps) {
      reject("optimizer.warmupSteps", `must not exceed steps (${steps}), got ${optimizer.warmupSteps}`);
    }
    if (optimizer.finalLearningRate > optimizer.learningRate) {
      const { learningRate, finalLearningRate } = optimizer;
      reject(
        "optimizer.finalLearningRate",
        `must not exceed optimizer.learningRate (${learningRate}), got ${finalLearningRate}`,
      );
    }
    const { trainSize, testSize, batchSize, evaluateImages } = config;
    if (batchSize > trainSize) reject("batchSize", `must not exceed trainSize (${trainSize}), got ${batchSize}`);
    if (evaluateImages > testSize) {
      reject("evaluateImages", `must not exceed testSize (${testSize}), got ${evaluateImages}`);
    }
    // multi-strokes has the form of multi-mnist.
    const form = { imageSize: MULTI_MNIST_IMAGE_SIZE, channels: 1 };
    for (const key of ["imageSize", "channels"] as const) {
      if (model[key] !== form[key]) {
        reject(
          `model.${key}`,
          `must be ${form[key]}, as in the images of dataset ${config.dataset}; got ${model[key]}`,
        );
      }
    }
  });

export type TrainConfig = z.output<typeof trainConfigSchema>;
export type TrainConfigInput = z.input<typeof trainConfigSchema>;

/** What each data set changes in the schema's defaults. */
export const trainPresets: { readonly [D in DatasetName]: Extract<TrainConfigInput, { dataset: D }> } = {
  "multi-mnist": { dataset: "multi-mnist" },
  "multi-strokes": { dataset: "multi-strokes", steps: 3000 },
};

const datasetChoice = z.looseObject({
  dataset: z.enum(datasetNames, { error: `must be one of ${datasetNames.join(", ")}` }),
});

/**
 * Fills what `input` leaves out, from the preset of its dataset and then from the defaults, and validates.
 *
 * @throws {ConfigError} naming every offending key and what was expected of it.
 */
export function parseTrainConfig(input: TrainConfigInput | unknown): TrainConfig {
  const what = "training configuration";
  const { dataset } = parseWith(datasetChoice, input, what);
  return parseWith(trainConfigSchema, overlay(trainPresets[dataset], input), what);
}

/**
 * Every setting in which `b` differs from `a`, one line each, such as `optimizer.learningRate: 0.001 → 0.002`; none if
 * they are equal.
 */
export function describeConfigDifference(a: TrainConfig, b: TrainConfig): string[] {
  const before = new Map(leaves(a));
  const after = new Map(leaves(b));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => `${key}: ${before.get(key) ?? "(not set)"} → ${after.get(key) ?? "(not set)"}`);
}

/** `base` with the settings of `top` in their place, object by object; lists are replaced whole. */
function overlay(base: unknown, top: unknown): unknown {
  if (!isRecord(base) || !isRecord(top)) return top === undefined ? base : top;
  const keys = new Set([...Object.keys(base), ...Object.keys(top)]);
  return Object.fromEntries([...keys].map((key) => [key, overlay(base[key], top[key])]));
}

/** Each setting by its dotted key, as JSON. */
function leaves(value: unknown, path: readonly string[] = []): [key: string, json: string][] {
  if (isRecord(value)) return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  return [[path.join("."), JSON.stringify(value)]];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
