/**
 * The configuration of a training run: data, model, objective, optimizer and schedules. All defaults are in this file, except
 * those of the data sets, which are in their definitions.
 *
 * A run is a function of its configuration: two runs with equal configurations end with equal parameters, on one machine with
 * one thread.
 */
import {
  airConfigSchema,
  defaultAirConfig,
  overlay,
  parseWith,
  preprocessingSchema,
  upgradeAirConfig,
} from "@air-onnx/core";
import {
  augmentationSchema,
  type DatasetName,
  type DatasetSettings,
  datasetConflicts,
  datasetNames,
  datasetSettings,
  drawnSet,
} from "@air-onnx/scenes";
import { z } from "zod";

import { architectureNames, architectures } from "./architectures.js";

const count = z.int().positive();
const seed = z.int().nonnegative();
const probability = z.number().gt(0).lt(1);
const decayRate = z.number().gte(0).lt(1);
/** A positive number that is neither zero nor infinite in float32, and whose square is neither. */
const positive = z.number().min(1e-18).max(1e18);

const optimizerSchema = z.strictObject({
  /** Adam's step size at the end of the warm-up. */
  learningRate: z.number().positive().default(2e-3),
  /** Adam's step size at the last step, reached along half a cosine. */
  finalLearningRate: z.number().nonnegative().default(1e-4),
  /** `learningRate` of the baseline of the estimator nvil. It follows the same schedule in proportion. */
  baselineLearningRate: z.number().positive().default(1e-2),
  /** Steps over which the step size rises linearly from 0. */
  warmupSteps: z.int().nonnegative().default(200),
  beta1: decayRate.default(0.9),
  beta2: decayRate.default(0.999),
  epsilon: positive.default(1e-8),
  /** Largest global norm of the gradients; larger ones are scaled down to it. The baseline has a norm of its own. */
  clipNorm: positive.default(10),
});

const settings = {
  /** Name of the settings that are the defaults of networks and their training, see `architectures`. */
  architecture: z.enum(architectureNames).default("compact"),
  model: airConfigSchema.prefault({}),
  /**
   * Preprocessing of all images, in training and by the exported model; null if objects are bright on black already.
   * `fitPreprocessing` of @air-onnx/scenes finds it.
   */
  preprocessing: preprocessingSchema.nullable().default(null),
  /** Random changes of each training image, for small sets; null for none. Held-out images stay as they are. */
  augmentation: augmentationSchema.nullable().default(null),
  /**
   * Estimator of the gradient of the ELBO. `marginal` sums over the count of objects exactly. `guided` does so, too, and learns the
   * count from the evidence of the trajectory at first. `nvil`, the paper's estimator, samples the count and learns a baseline.
   * `optimal-count` sums over the count, which follows the evidence throughout; it is for local step networks.
   */
  estimator: z.enum(["guided", "marginal", "nvil", "optimal-count"]).default("marginal"),
  /** Share of the steps over which the evidence loses its weight in the estimator `guided`; the others ignore it. */
  evidenceShare: z.number().gt(0).lte(1).default(0.5),
  /**
   * Backend that computes the training steps: one traced ONNX graph in onnxruntime, on the CPU, CUDA or WebGPU; or
   * TensorFlow.js op by op, in TensorFlow (on the CPU or a GPU), on WebGPU, in WebAssembly or in plain JavaScript (`cpu`).
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
  /** Threads of the backend; 0 lets onnxruntime choose. */
  threads: z.int().nonnegative().default(0),
  /** Seed of the initial parameters, the order of the images and the noise. */
  seed: seed.default(0),
  steps: count.default(12_000),
  /**
   * Numbers of steps after which the run was complete and was extended, ascending; see `extendRun`. Schedules are of the steps
   * before the first of them. After each, the learning rate rises once more, to a half of its peak, and falls as before.
   */
  extendedAt: z.array(count).default([]),
  batchSize: count.default(64),
  /** Training steps inside one run of the traced graph. */
  stepsPerRun: count.default(20),
  optimizer: optimizerSchema.prefault({}),
  /**
   * Schedule of the prior probability of one more object during training. Its log-odds move linearly over the first `share`
   * of the steps, from those of `from` to those of `to`; `to` is model.prior.presence if it is left out. Null keeps the
   * prior at model.prior.presence. Evaluations always use model.prior.presence.
   */
  presencePriorSchedule: z
    .strictObject({ from: probability, to: probability.optional(), share: z.number().gt(0).lte(1) })
    .nullable()
    .default(null),
  /** How places are tried out by the estimator optimal-count, which the others ignore. */
  placeExploration: z
    .strictObject({
      /** Scale of the noise on the values of places: from `from` to `to`, exponentially over the first `share` of the steps. */
      temperature: z
        .strictObject({
          from: positive.default(1),
          to: positive.default(0.1),
          share: z.number().gt(0).lte(1).default(0.15),
        })
        .prefault({}),
      /** Steps over which the bound of exactly one object loses its weight. */
      firstObjectSteps: count.default(400),
    })
    .prefault({}),
  /**
   * Most objects that the model looks for in training images, at most `model.maxSteps`, which is what it looks for in
   * evaluations and after. Null for model.maxSteps. A model that counts on beyond its training images looks for more.
   */
  trainingMaxSteps: count.nullable().default(null),
  /**
   * Shares of the training steps in which the model may find at most 1 object, at most 2, and so on. In the rest it may find
   * as many as `trainingMaxSteps` says. See curriculum.ts.
   */
  curriculum: z.array(z.number().gt(0).lt(1)).default([]),
  /**
   * Composed images: from some step on, most images of a batch are composed of cut-outs of training images in which the model
   * found one object. They show it more objects than the training images have. Null for none. Only the estimator
   * optimal-count learns from them.
   */
  composition: z
    .strictObject({
      /** Share of the training steps before the first composed image. */
      after: z.number().gt(0).lt(1).default(0.35),
      /** Share of a batch that is composed. */
      share: z.number().gt(0).lt(1).default(0.6),
      /** Most objects of a composed image. */
      maxObjects: count.default(5),
      /** Whether images are composed anew where intensities add up to more than 1, or cut off there. */
      overlap: z.enum(["redraw", "clip"]).default("clip"),
    })
    .nullable()
    .default(null),
  /** Steps between evaluations on held-out images. */
  evaluateEvery: count.default(500),
  /** Number of held-out images in an evaluation. */
  evaluateImages: count.default(2000),
  /** Steps between checkpoints. */
  checkpointEvery: count.default(500),
};

/** The schema of a data set's settings together with those of every run. */
type ConfigOf<D extends DatasetName> = z.ZodObject<DatasetSettings[D] & typeof settings, z.core.$strict>;
type AnyConfig = { [D in DatasetName]: ConfigOf<D> }[DatasetName];

const [first, ...others] = datasetNames.map(
  (name) => z.strictObject({ ...datasetSettings[name], ...settings }) as unknown as AnyConfig,
);

/** The schema of {@link TrainConfig}, which is checked after defaults are filled in. */
export const trainConfigSchema = z.discriminatedUnion("dataset", [first!, ...others]).superRefine((config, context) => {
  const reject = (path: string, message: string): void => {
    context.addIssue({ code: "custom", path: path.split("."), message });
  };
  const { model, optimizer, steps } = config;
  if ((config.estimator === "optimal-count") !== (model.stepNetwork.type === "local")) {
    reject("estimator", "must be optimal-count if model.stepNetwork is local, and only then");
  }
  if (config.estimator === "optimal-count" && model.likelihood.type !== "gaussian") {
    reject("model.likelihood.type", "must be gaussian for the estimator optimal-count");
  }
  const { curriculum, composition } = config;
  const curriculumShare = curriculum.reduce((sum, share) => sum + share, 0);
  if (composition) {
    if (config.estimator !== "optimal-count") reject("composition", "needs the estimator optimal-count");
    if (curriculumShare > composition.after) {
      reject(
        "composition.after",
        `must not be before the curriculum ends, at a share of ${curriculumShare} of the steps`,
      );
    }
    const composed = Math.round(composition.share * config.batchSize);
    if (composed === 0 || composed === config.batchSize) {
      reject("composition.share", `must leave both kinds of images in a batch of ${config.batchSize}`);
    }
  }
  const { trainingMaxSteps } = config;
  if (trainingMaxSteps !== null && trainingMaxSteps > model.maxSteps) {
    reject("trainingMaxSteps", `must not exceed model.maxSteps (${model.maxSteps}), got ${trainingMaxSteps}`);
  }
  const [most, mostKey] =
    trainingMaxSteps === null ? [model.maxSteps, "model.maxSteps"] : [trainingMaxSteps, "trainingMaxSteps"];
  if (curriculum.length > 0 && curriculum.length >= most) {
    reject("curriculum", `must have fewer stages than ${mostKey} (${most}), got ${curriculum.length}`);
  }
  if (curriculumShare >= 1) {
    reject("curriculum", "must leave some steps to the whole model: the sum of the shares must be below 1");
  }
  const ends = [...config.extendedAt, steps];
  if (ends.some((end, i) => i > 0 && end <= ends[i - 1]!)) {
    reject("extendedAt", `must ascend, and stay below steps (${steps}), got ${config.extendedAt.join(", ")}`);
  }
  if (optimizer.warmupSteps > ends[0]!) {
    reject("optimizer.warmupSteps", `must not exceed steps (${ends[0]}), got ${optimizer.warmupSteps}`);
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
  const { preprocessing } = config;
  if (preprocessing && preprocessing.polarity.length !== model.channels) {
    const { length } = preprocessing.polarity;
    reject("preprocessing.polarity", `must have one entry for each channel (${model.channels}), got ${length}`);
  }
  if (config.augmentation && config.augmentation.shift >= model.imageSize) {
    const { shift } = config.augmentation;
    reject("augmentation.shift", `must be below model.imageSize (${model.imageSize}), got ${shift}`);
  }
  for (const [key, message] of datasetConflicts(config, model)) reject(key, message);
});

/** A complete, valid configuration of a training run. */
export type TrainConfig = z.output<typeof trainConfigSchema>;
/** Number of steps that the schedules of a run are of: all that it was started with. */
export function scheduledSteps({ steps, extendedAt }: Pick<TrainConfig, "steps" | "extendedAt">): number {
  return extendedAt[0] ?? steps;
}

/** A configuration as a user writes it: what is left out gets its default. */
export type TrainConfigInput = z.input<typeof trainConfigSchema>;

/** The settings of `dataset` that differ from the defaults of the schema. */
function presetOf(dataset: DatasetName): Partial<z.input<z.ZodObject<typeof settings>>> & { trainSize?: number } {
  const set = drawnSet(dataset);
  if (!set) return {};
  const { imageSize, channels, sizes, preset } = set;
  return { ...preset, trainSize: sizes.train, model: { imageSize, channels, ...preset.model } };
}

const choices = z.looseObject({
  dataset: z.enum(datasetNames, { error: `must be one of ${datasetNames.join(", ")}` }),
  architecture: z.enum(architectureNames).optional(),
  stream: z.unknown().optional(),
});

/** The side of the images, if the input has one. The full schema checks it later. */
const imageSizeOf = z.looseObject({ model: z.looseObject({ imageSize: z.int() }) });

/**
 * Completes and validates a configuration. Settings that `input` leaves out come from the preset of its data set, from its
 * architecture, and then from the defaults. A union such as `model.likelihood` whose `type` in `input` differs from theirs is
 * not mixed with theirs. Models of the first form are read too, see `upgradeAirConfig` of @air-onnx/core.
 *
 * @throws {ConfigError} naming every offending key and what was expected of it.
 */
export function parseTrainConfig(input: TrainConfigInput | unknown): TrainConfig {
  const what = "training configuration";
  const { dataset, architecture: chosen, stream } = parseWith(choices, input, what);
  const preset = presetOf(dataset);
  const architecture = chosen ?? preset.architecture ?? "compact";
  // A stream has no size.
  if (stream === true) delete preset.trainSize;
  const defaults = defaultAirConfig();
  const imageSize = imageSizeOf.safeParse(overlay(preset, input)).data?.model.imageSize ?? defaults.imageSize;
  const { model: networks, training, required } = architectures[architecture];
  // A preset that names an architecture is made for it; another one knows nothing of how that is trained.
  const isMadeForIt = preset.architecture === architecture;
  const base = {
    ...(isMadeForIt ? { ...training, ...preset } : { ...preset, ...training }),
    architecture,
    composition:
      training?.composition && preset.composition !== null ? { ...training.composition, ...preset.composition } : null,
    trainingMaxSteps: (isMadeForIt ? preset.trainingMaxSteps : undefined) ?? training?.trainingMaxSteps ?? null,
    model: overlay(overlay(overlay(defaults, networks(imageSize)), preset.model), required),
  };
  const { model, ...others } = input as Record<string, unknown>;
  const given = { ...others, model: upgradeAirConfig(model, base.model, what, "model.") };
  return parseWith(trainConfigSchema, overlay(base, given), what);
}

/**
 * Lists the settings in which `b` differs from `a`, one line each, such as `optimizer.learningRate: 0.001 → 0.002`.
 */
export function describeConfigDifference(a: TrainConfig, b: TrainConfig): string[] {
  const before = new Map(leaves(a));
  const after = new Map(leaves(b));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => `${key}: ${before.get(key) ?? "(not set)"} → ${after.get(key) ?? "(not set)"}`);
}

/** All settings as pairs of dotted key and JSON value. */
function leaves(value: unknown, path: readonly string[] = []): [key: string, json: string][] {
  if (isRecord(value)) return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  return [[path.join("."), JSON.stringify(value)]];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
