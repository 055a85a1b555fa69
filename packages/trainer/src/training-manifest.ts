/**
 * The training manifest, `training.json`: everything that a program needs to train a model with an ONNX runtime alone. Random
 * numbers are those of `RandomStream` in @air-onnx/core.
 */
import {
  airConfigSchema,
  ConfigError,
  MAX_MANIFEST_BYTES,
  manifestFileSchema,
  parseJson,
  parseWith,
} from "@air-onnx/core";
import { z } from "zod";
import { scheduledNames } from "./schedules.js";
import { stateParts } from "./training-state.js";

/** Name of the training manifest in its folder. */
export const TRAINING_MANIFEST_FILE = "training.json";
/** Version of the training manifest's format. It is increased when readers of the old format could misread the new one. */
export const TRAINING_MANIFEST_VERSION = 1;

/**
 * Most elements of all parameters together, and of the inputs of one step: as many as a graph's file may have. Training keeps three
 * arrays of the size of the parameters, and WebAssembly has 4 GB of memory.
 */
const MOST_ELEMENTS = 2 ** 26;
const MOST_IMAGES = 2 ** 16;
const MOST_TENSORS = 1000;
const MOST_STAGES = 64;

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function elementsOfAll(tensors: readonly { readonly shape: readonly number[] }[]): number {
  return tensors.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
}

const name = z.string().min(1).max(200);
const shape = z
  .array(z.int().positive())
  .max(6)
  .refine((sides) => elementsOf(sides) <= MOST_ELEMENTS, {
    message: `a tensor must have at most ${MOST_ELEMENTS} elements`,
  });
const probability = z.number().gt(0).lt(1);
const updates = z.number().nonnegative();

const perStepSchema = z.strictObject({
  /** Name of the graph's input, which takes `[K, …shape]` for K steps. */
  input: name,
  /** Shape of one step's value. */
  shape,
  /**
   * What it holds: training images, intensities in [0, 1]; noise, drawn in the order of this list from stream
   * (0x6e6f6973, steps done before) of the seed; or the value of a schedule.
   */
  holds: z.enum(["images", "normal", "uniform", ...scheduledNames]),
});

const stageSchema = z.strictObject({
  /** The graph of this stage. */
  file: manifestFileSchema,
  /** Number of steps done when the stage begins. */
  begin: z.int().nonnegative(),
  /** Number of steps done when the stage ends. */
  end: z.int().positive(),
  /** Most objects that the model looks for in this stage. */
  maxSteps: z.int().positive(),
  /** Every tensor of the state: input before the first step, output after the last. */
  state: z
    .array(z.strictObject({ part: z.enum(stateParts), parameter: name, shape, input: name, output: name }))
    .max(3 * MOST_TENSORS),
  /** Inputs with a value for each step. */
  perStep: z.array(perStepSchema).max(MOST_TENSORS),
  /** Outputs with one number of each step, `[K]`: `loss` is what training minimises, nats per image. */
  metrics: z.array(z.strictObject({ name, output: name })).max(MOST_TENSORS),
});

/** The schema of {@link TrainingManifest}; unknown keys are refused. */
export const trainingManifestSchema = z
  .strictObject({
    format: z.literal("air-onnx-training"),
    formatVersion: z.literal(TRAINING_MANIFEST_VERSION),
    name,
    /** The model that is trained. */
    model: airConfigSchema,
    /** Conversion of the pixels of images that the trained model is given: value / scale. */
    normalisation: z.strictObject({ scale: z.number().positive() }),
    opset: z.int().positive(),
    /** Estimator of the gradient of the bound. */
    estimator: name,
    /** The images that it is made for: a data set of @air-onnx/scenes and its settings. */
    data: z.strictObject({
      dataset: name,
      settings: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
    }),
    /** Images of one step. */
    batchSize: z.int().positive().max(MOST_IMAGES),
    /** Steps of the whole training. */
    steps: z.int().positive(),
    /** Consecutive graphs: a curriculum has several. */
    stages: z.array(stageSchema).min(1).max(MOST_STAGES),
    /**
     * Every parameter: uniform over [-bound, bound), drawn from stream (0x696e6974, index) of the seed as (2u - 1)·bound, or
     * `values`. Adam's moments start at 0.
     */
    parameters: z
      .array(
        z.strictObject({
          name,
          shape,
          bound: z.number().nonnegative(),
          values: z.array(z.number()).optional(),
          /** Whether it belongs to the model, or to the estimator alone. */
          of: z.enum(["model", "estimator"]),
        }),
      )
      .min(1)
      .max(MOST_TENSORS),
    /** How scheduled inputs follow from the update t = 1, 2, …. */
    schedules: z.strictObject({
      learningRate: z.strictObject({
        peak: z.number().positive(),
        floor: z.number().nonnegative(),
        warmupSteps: updates,
        totalSteps: updates,
      }),
      adam: z.strictObject({ beta1: z.number().gte(0).lt(1), beta2: z.number().gte(0).lt(1) }),
      presencePrior: z.strictObject({ from: probability, to: probability, steps: updates }),
      placeTemperature: z
        .strictObject({ from: z.number().positive(), to: z.number().positive(), steps: z.number().positive() })
        .optional(),
      firstObjectSteps: z.number().positive().optional(),
      evidenceSteps: z.number().positive().optional(),
    }),
    /** The graph that evaluates the model with the parameters as inputs. */
    evaluation: manifestFileSchema,
    /** Graphs of the trained model without their weights: the constants that parameters are put into. */
    graphs: z.record(
      z.enum(["encoder", "step", "decoder", "scene"]),
      z.strictObject({ file: manifestFileSchema, weights: z.record(name, name) }),
    ),
  })
  .superRefine(({ stages, steps, parameters, graphs }, context) => {
    const reject = (path: PropertyKey[], message: string): void => {
      context.addIssue({ code: "custom", path, message });
    };
    if (elementsOfAll(parameters) > MOST_ELEMENTS) {
      reject(["parameters"], `must have at most ${MOST_ELEMENTS} elements together`);
    }
    parameters.forEach(({ shape, values }, i) => {
      if (values && values.length !== elementsOf(shape)) {
        reject(["parameters", i, "values"], `must be ${elementsOf(shape)}, as the shape has elements`);
      }
    });
    const shapes = new Map(parameters.map((each) => [each.name, each.shape.join()]));
    let begin = 0;
    stages.forEach((stage, i) => {
      if (stage.begin !== begin || stage.end <= begin) reject(["stages", i], "must begin where the one before ends");
      begin = stage.end;
      if (elementsOfAll(stage.perStep) > MOST_ELEMENTS) {
        reject(["stages", i, "perStep"], `must have at most ${MOST_ELEMENTS} elements together`);
      }
      const found = new Set(stage.state.map(({ part, parameter }) => `${part}/${parameter}`));
      if (found.size !== stage.state.length || found.size !== stateParts.length * shapes.size) {
        reject(["stages", i, "state"], "must have each part of each parameter once");
      }
      for (const { parameter, shape } of stage.state) {
        if (shapes.get(parameter) !== shape.join()) reject(["stages", i, "state"], `${parameter} has another shape`);
      }
    });
    if (begin !== steps) reject(["stages"], `must end at step ${steps}`);
    for (const [graph, { weights }] of Object.entries(graphs)) {
      for (const parameter of Object.values(weights)) {
        if (!shapes.has(parameter)) reject(["graphs", graph, "weights"], `there is no parameter ${parameter}`);
      }
    }
  });

/** The content of a valid training manifest. */
export type TrainingManifest = z.output<typeof trainingManifestSchema>;
/** One stage of a training: consecutive steps with the same graph. */
export type TrainingStage = TrainingManifest["stages"][number];

/**
 * Parses and validates a training manifest.
 *
 * @param text the manifest as text or as the bytes of its file
 * @param source name of the manifest in error messages
 * @throws {ConfigError} if it is too long, not JSON or not of this form; the message names `source` and the offending keys
 */
export function parseTrainingManifest(text: string | Uint8Array, source: string): TrainingManifest {
  const what = `training manifest ${source}`;
  if (text.length > MAX_MANIFEST_BYTES) {
    throw new ConfigError(`The ${what} is too long: it may have ${MAX_MANIFEST_BYTES} bytes`, {
      kind: "size",
      source: what,
    });
  }
  return parseWith(trainingManifestSchema, parseJson(text, `The ${what}`), what);
}
