/**
 * One training run as a value: data, model, objective, optimiser and schedule, with every default in this file but those
 * of the data sets, which are in their definitions.
 *
 * A run is a function of this configuration: two runs with equal ones give equal parameters on one machine and thread.
 */
import {
  type AirConfigInput,
  airConfigSchema,
  type Convolution,
  defaultAirConfig,
  overlay,
  parseWith,
  upgradeAirConfig,
} from "@air-onnx/core";
import {
  type DatasetName,
  type DatasetSettings,
  datasetConflicts,
  datasetNames,
  datasetSettings,
  drawnSet,
} from "@air-onnx/scenes";
import { z } from "zod";

const count = z.int().positive();
const seed = z.int().nonnegative();
const probability = z.number().gt(0).lt(1);
const decayRate = z.number().gte(0).lt(1);

const optimizerSchema = z.strictObject({
  /** Adam's step size at the end of the warm-up. */
  learningRate: z.number().positive().default(2e-3),
  /** Adam's step size at the last step, reached along half a cosine. */
  finalLearningRate: z.number().nonnegative().default(1e-4),
  /** As `learningRate`, of the baseline of estimator nvil; it rises and falls in the same proportions. */
  baselineLearningRate: z.number().positive().default(1e-2),
  /** Steps over which the step size rises linearly from 0. */
  warmupSteps: z.int().nonnegative().default(200),
  beta1: decayRate.default(0.9),
  beta2: decayRate.default(0.999),
  epsilon: z.number().positive().default(1e-8),
  /** Gradients whose global norm is larger are scaled down to it, those of the model and of a baseline apart. */
  clipNorm: z.number().positive().default(10),
});

const settings = {
  /** Which sizes the model has where `model` does not say otherwise, see {@link architectures}. */
  architecture: z.enum(["compact", "reference"]).default("compact"),
  model: airConfigSchema.prefault({}),
  /**
   * How the gradient of the ELBO is had: `marginal` sums over the object count exactly; `nvil`, the paper's, samples it
   * and learns a baseline.
   */
  estimator: z.enum(["marginal", "nvil"]).default("marginal"),
  /**
   * What computes a training step: one traced ONNX graph in onnxruntime, on the CPU, CUDA or WebGPU; or TensorFlow.js op by
   * op, in TensorFlow (on the CPU or a GPU), on WebGPU, in WebAssembly or in plain JavaScript (`cpu`).
   */
  backend: z
    .enum([
      "onnxruntime",
      "onnxruntime-cuda",
      "onnxruntime-webgpu",
      "tensorflow",
      "tensorflow-gpu",
      "webgpu",
      "wasm",
      "cpu",
    ])
    .default("onnxruntime"),
  /** Threads of the backend; 0 leaves the choice to onnxruntime. */
  threads: z.int().nonnegative().default(0),
  /** Of the initial parameters, the order of the images and the noise. */
  seed: seed.default(0),
  steps: count.default(12_000),
  batchSize: count.default(64),
  /** Training steps inside one run of the traced graph. */
  stepsPerRun: count.default(20),
  optimizer: optimizerSchema.prefault({}),
  /**
   * The prior probability of one more object in training: its log-odds move in a line over the first `share` of the steps,
   * from those of `from` to those of `to`, or of model.prior.presence if that is left out. Null for the model's own
   * throughout. Evaluation always takes the model's own.
   */
  presencePriorSchedule: z
    .strictObject({ from: probability, to: probability.optional(), share: z.number().gt(0).lte(1) })
    .nullable()
    .default(null),
  /**
   * Shares of the steps in which the model may find at most 1 object, at most 2, …; in what is left, all of
   * `model.maxSteps`. See curriculum.ts.
   */
  curriculum: z.array(z.number().gt(0).lt(1)).default([]),
  /** Steps between evaluations on held-out images. */
  evaluateEvery: count.default(500),
  /** Held-out images of one evaluation. */
  evaluateImages: count.default(2000),
  /** Steps between checkpoints. */
  checkpointEvery: count.default(500),
};

/** A data set's settings with those of every run. */
type ConfigOf<D extends DatasetName> = z.ZodObject<DatasetSettings[D] & typeof settings, z.core.$strict>;
type AnyConfig = { [D in DatasetName]: ConfigOf<D> }[DatasetName];

const [first, ...others] = datasetNames.map(
  (name) => z.strictObject({ ...datasetSettings[name], ...settings }) as unknown as AnyConfig,
);

export const trainConfigSchema = z.discriminatedUnion("dataset", [first!, ...others]).superRefine((config, context) => {
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
  const { curriculum } = config;
  if (curriculum.length > 0 && curriculum.length >= model.maxSteps) {
    reject("curriculum", `must have fewer stages than model.maxSteps (${model.maxSteps}), got ${curriculum.length}`);
  }
  if (curriculum.reduce((sum, share) => sum + share, 0) >= 1) {
    reject("curriculum", "must leave some steps to the whole model: the sum of the shares must be below 1");
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
  if ("testSize" in config) {
    const { trainSize, testSize, batchSize, evaluateImages } = config;
    if (trainSize !== undefined && batchSize > trainSize) {
      reject("batchSize", `must not exceed trainSize (${trainSize}), got ${batchSize}`);
    }
    if (evaluateImages > testSize) {
      reject("evaluateImages", `must not exceed testSize (${testSize}), got ${evaluateImages}`);
    }
  }
  for (const [key, message] of datasetConflicts(config, model)) reject(key, message);
});

export type TrainConfig = z.output<typeof trainConfigSchema>;
export type TrainConfigInput = z.input<typeof trainConfigSchema>;

/**
 * The sizes of the model's networks, by name:
 *
 * - `compact`, the default, sees the image at a half or a quarter of its resolution, through a convolution about the size
 *   of an object and a small hidden layer.
 * - `reference`: those of the reference implementation, which are the model configuration's own defaults. The recurrent
 *   network sees every pixel.
 */
export const architectures: {
  readonly [A in TrainConfig["architecture"]]: (imageSize: number) => AirConfigInput;
} = {
  compact: (imageSize) => ({
    imagePooling: poolingOf(imageSize),
    lstmInput: { type: "image", convolution: compactConvolution(imageSize / poolingOf(imageSize)) },
    embeddingSize: 256,
    encoderSize: 400,
    decoderSize: 400,
  }),
  reference: () => ({}),
};

/** 50 pixels are seen as 25, 64 as 16. */
function poolingOf(imageSize: number): number {
  if (imageSize >= 64 && imageSize % 4 === 0) return 4;
  return imageSize % 2 === 0 ? 2 : 1;
}

/** Kernels of 9 pooled pixels, the size of an object; none where so large a one would not fit. */
function compactConvolution(side: number): Convolution | null {
  return side < 9 ? null : { kernel: 9, stride: 2, channels: [64, 32] };
}

/** What `dataset` changes in the schema's defaults. */
function presetOf(dataset: DatasetName): Partial<z.input<z.ZodObject<typeof settings>>> & { trainSize?: number } {
  const set = drawnSet(dataset);
  if (!set) return {};
  const { imageSize, channels, sizes, preset } = set;
  return { ...preset, trainSize: sizes.train, model: { imageSize, channels, ...preset.model } };
}

const choices = z.looseObject({
  dataset: z.enum(datasetNames, { error: `must be one of ${datasetNames.join(", ")}` }),
  architecture: settings.architecture,
  stream: z.unknown().optional(),
});

/** The side of the images, if the input has it in its place; whether it is valid is for the schema to say. */
const imageSizeOf = z.looseObject({ model: z.looseObject({ imageSize: z.int() }) });

/**
 * Fills what `input` leaves out, from the preset of its dataset, its architecture and then the defaults, and validates.
 * Where `input` chooses another `type` than these, nothing of theirs is left in its place. Models of the first form are
 * read too, see `upgradeAirConfig` of @air-onnx/core.
 *
 * @throws {ConfigError} naming every offending key and what was expected of it.
 */
export function parseTrainConfig(input: TrainConfigInput | unknown): TrainConfig {
  const what = "training configuration";
  const { dataset, architecture, stream } = parseWith(choices, input, what);
  const preset = presetOf(dataset);
  // A stream has no size.
  if (stream === true) delete preset.trainSize;
  const defaults = defaultAirConfig();
  const imageSize = imageSizeOf.safeParse(overlay(preset, input)).data?.model.imageSize ?? defaults.imageSize;
  const base = {
    ...preset,
    model: overlay(overlay(defaults, architectures[architecture](imageSize)), preset.model),
  };
  const { model, ...others } = input as Record<string, unknown>;
  const given = { ...others, model: upgradeAirConfig(model, base.model, what, "model.") };
  return parseWith(trainConfigSchema, overlay(base, given), what);
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

/** Each setting by its dotted key, as JSON. */
function leaves(value: unknown, path: readonly string[] = []): [key: string, json: string][] {
  if (isRecord(value)) return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  return [[path.join("."), JSON.stringify(value)]];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
