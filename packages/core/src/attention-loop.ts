/**
 * Attend, infer, repeat: runs an exported model's graphs over a batch of images. This module uses only onnxruntime's
 * common types, so that Node and web share it. Loading sessions and choosing devices is the runtimes' work.
 *
 * Every step is run as if its object were present. The presence probabilities p_t then give the posterior of the number
 * of objects n, q(n) = Π_{t≤n} p_t · (1 − p_{n+1}). The scene with n objects consists of the first n steps.
 */

import type { AirConfig } from "./config.js";
import { sceneValueNames } from "./graphs.js";
import { requireInteger } from "./integer-option.js";
import { RandomStream } from "./random.js";
import { EncodedImages, type InferenceSessions, type StepNoiseValues } from "./recurrence.js";
import type { Scene, SceneSummary } from "./scene.js";
import { type FittedJudgement, SceneBuilder, stepValues } from "./scene-builder.js";
import { decodeScenes } from "./scene-drawing.js";
import { runScenes } from "./scene-run.js";
import { inferAtZooms, zoomsOf } from "./zoom.js";

export { EARLY_STOP_TOLERANCE } from "./scene-builder.js";

/** Pixel values of a batch by default, at most, and the least and most images of such a batch. */
const DEFAULT_BATCH = { values: 2 ** 20, least: 16, most: 256 };

/** Numbers of the random streams that inference draws from. */
const LATENT_NOISE = 1001;
const COUNT_DRAW = 1002;

/**
 * Share of a batch that must be finished before the finished images leave it. Leaving has a price: the state of all
 * images that stay is copied.
 */
const LEAVING_SHARE = 1 / 8;

/** Options of `infer`. */
export interface InferenceOptions {
  /**
   * `mean` (default): latents are the posteriors' means and the count is the most probable one. `sample`: latents are
   * drawn from the posteriors and then the count from q(n).
   */
  readonly mode?: "mean" | "sample" | undefined;
  /** Seed of mode `sample`, 0 by default. The draws of an image depend on (seed, index of the image, step) only. */
  readonly seed?: number | undefined;
  /** Index of the first image, 0 by default: where the images of a set are given to several calls, the draws are those of one call. */
  readonly firstImage?: number | undefined;
  /** Most objects T to look for; the model's `maxSteps` by default. It may exceed the number of steps in training. */
  readonly steps?: number | undefined;
  /**
   * Whether to end the steps of an image once further objects are improbable, true by default. It never changes counts
   * or objects. The probability of all counts n ≥ t, which is below `EARLY_STOP_TOLERANCE`, is put on n = t. The result
   * is still a posterior, so the bound stays a bound; `elbo` changes by about that probability times the difference in
   * nats between the counts. Set it to false for evaluations.
   */
  readonly earlyStop?: boolean | undefined;
  /**
   * Whether to leave out objects that explain nothing: objects without which the image is no less probable, such as a
   * window that landed between two objects. This changes `count`, `objects` and `reconstruction` of a scene;
   * `countProbabilities`, `elbo` and the `presence` of each object stay as the steps gave them. Only models with a
   * Gaussian likelihood, whose canvas is the sum of its objects, support it; for them it is true by default in mode
   * `mean`.
   */
  readonly prune?: boolean | undefined;
  /**
   * Least score of an object: those below are left out of `count`, `objects` and `reconstruction`; `countProbabilities`, `elbo` and
   * `typical` stay as they are. By default no object is left out by its score.
   */
  readonly threshold?: number | undefined;
  /**
   * Shares of their size at which images are inferred: a list of numbers from 0.1 to 1, or `auto` for six from 1 down to 0.35.
   * Of each image the scene is kept that explains it best, see `inferAtZooms`: so objects are found that are up to three times
   * as large as those of training. A call takes as many times as long as there are zooms. By default images are inferred as they
   * are. Only for models with a Gaussian likelihood, in mode `mean`, without `onStep`.
   */
  readonly zoom?: "auto" | readonly number[] | undefined;
  /**
   * Whether scenes have their pixels, `mask`, `patch` and `reconstruction`, true by default. Without them a call takes less
   * time and memory; see {@link SummaryOptions}.
   */
  readonly pixels?: true | undefined;
  /**
   * Images that go through the graphs together; by default 256, or so few that they have a million pixel values, but not
   * below 16. It affects memory and speed only.
   */
  readonly batchSize?: number | undefined;
  /** Called, and awaited, after each step of each batch. */
  readonly onStep?: ((report: StepReport) => void | Promise<void>) | undefined;
  /**
   * Aborts the call, which then rejects with the signal's reason; checked between steps, or between batches where all
   * steps are run together.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `infer` for scenes without pixels: counts, boxes and latents alone. */
export interface SummaryOptions extends Omit<InferenceOptions, "pixels"> {
  /** Leaves `mask`, `patch` and `reconstruction` out of the scenes. */
  readonly pixels: false;
}

/** Values of one step for a batch of B images. The loop still uses the arrays: read or copy them, do not write to them. */
export interface StepReport {
  /** Number of the step, 1 for the first. */
  readonly step: number;
  /** Index of the batch's first image among the images of the call. */
  readonly firstImage: number;
  /** Probability p_t that this step's object is present, given that all objects before it are, `[B]`. */
  readonly presence: Float64Array;
  /** Scale and shift of the window, `[B, 3]`. */
  readonly zWhere: Float32Array;
  /** Appearance code of the object, `[B, Z]`. */
  readonly zWhat: Float32Array;
  /** Part of the image that the step looked at, `[B, C, O, O]`. */
  readonly glimpse: Float32Array;
  /** Patch that the step drew, `[B, C, O, O]`. */
  readonly patch: Float32Array;
  /** Canvas with all objects so far, `[B, C, S, S]`. */
  readonly canvas: Float32Array;
  /** KL divergence of the step's posterior of z_where and z_what from their prior, `[B]`, nats. */
  readonly kl: Float64Array;
  /** log p(image | canvas), `[B]`, nats. */
  readonly logLikelihood: Float32Array;
}

interface BatchOptions extends Pick<InferenceOptions, "onStep" | "signal"> {
  readonly mode: "mean" | "sample";
  readonly seed: number;
  /** Index of the call's first image. */
  readonly offset: number;
  readonly maxSteps: number;
  readonly earlyStop: boolean;
  readonly prune: boolean;
  readonly pixels: boolean;
  readonly threshold: number;
  readonly fitted: FittedJudgement;
}

/**
 * Infers the scene of every image.
 *
 * @param images `[B, C, S, S]`, intensities in [0, 1]; `toImageBatch` makes this array from pictures
 * @param fitted what the model's manifest has about typical images and scores; without it scenes have no `typical`, and the
 *   scores of objects are their presences
 * @throws {RangeError} for a length that is not a whole number of images, or an invalid option
 * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape; the message names the graph and the output
 */
export async function inferScenes(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  options: SummaryOptions,
  fitted?: FittedJudgement,
): Promise<SceneSummary[]>;
export async function inferScenes(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  options?: InferenceOptions,
  fitted?: FittedJudgement,
): Promise<Scene[]>;
export async function inferScenes(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  options?: InferenceOptions | SummaryOptions,
  fitted?: FittedJudgement,
): Promise<SceneSummary[]>;
export async function inferScenes(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  {
    mode = "mean",
    seed = 0,
    firstImage: offset = 0,
    steps = config.maxSteps,
    earlyStop = true,
    prune = mode === "mean" && config.likelihood.type === "gaussian",
    pixels = true,
    batchSize = defaultBatch(config),
    threshold = 0,
    zoom,
    ...rest
  }: InferenceOptions | SummaryOptions = {},
  fitted: FittedJudgement = {},
): Promise<SceneSummary[]> {
  const imageLength = config.channels * config.imageSize ** 2;
  if (images.length === 0 || images.length % imageLength !== 0) {
    throw new RangeError(`A batch of images has a positive multiple of ${imageLength} values, got ${images.length}`);
  }
  if (mode !== "mean" && mode !== "sample") throw new RangeError(`mode must be "mean" or "sample", got "${mode}"`);
  if (prune && config.likelihood.type !== "gaussian") {
    throw new RangeError(`prune is for models with a Gaussian likelihood; this one's is ${config.likelihood.type}`);
  }
  requireInteger("steps", steps, 1);
  requireInteger("batchSize", batchSize, 1);
  requireInteger("firstImage", offset, 0);
  const { onStep, signal } = rest;
  const zooms = zoom === undefined ? undefined : zoomsOf(zoom);
  if (zooms) refuseZoom(config, mode, onStep !== undefined);
  if (!(threshold >= 0 && threshold <= 1)) throw new RangeError(`threshold must be from 0 to 1, got ${threshold}`);
  // Limits and scores are fitted to scenes at the posterior means.
  const own = mode === "sample" ? {} : fitted;
  const whole = { mode, seed, offset, maxSteps: steps, earlyStop, prune, pixels, threshold, fitted: own };
  const options = { ...whole, onStep, signal };
  const scenes: SceneSummary[] = [];
  for (let first = 0; first * imageLength < images.length; first += batchSize) {
    const batch = images.subarray(first * imageLength, (first + batchSize) * imageLength);
    const found = zooms
      ? await inferBatchAtZooms(sessions, config, batch, first, options, zooms)
      : await inferBatch(sessions, config, batch, first, options);
    // Not push(...found): a batch may have more scenes than a call may have arguments.
    for (const scene of found) scenes.push(scene);
  }
  return scenes;
}

function refuseZoom({ likelihood }: AirConfig, mode: "mean" | "sample", hasOnStep: boolean): void {
  if (likelihood.type !== "gaussian") {
    throw new RangeError(`zoom is for models with a Gaussian likelihood; this one's is ${likelihood.type}`);
  }
  if (mode !== "mean") throw new RangeError(`zoom is for mode "mean", got mode "${mode}"`);
  if (hasOnStep)
    throw new RangeError("zoom runs the steps of an image several times, so it cannot be used with onStep");
}

async function inferBatchAtZooms(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  firstImage: number,
  options: BatchOptions,
  zooms: readonly number[],
): Promise<SceneSummary[]> {
  const { decoder } = sessions;
  if (!decoder) throw new Error("Inference at several zooms needs the session of the decoder");
  const { signal, pixels, threshold } = options;
  // The scenes are compared by their pixels, with all objects.
  const whole = { ...options, pixels: true, threshold: 0 };
  const scenes = await inferAtZooms(
    {
      config,
      infer: async (batch) => (await inferBatch(sessions, config, batch, firstImage, whole)) as Scene[],
      decode: (latents, own) => decodeScenes(decoder, config, latents, { signal }, own),
    },
    images,
    { zooms, threshold },
  );
  return pixels ? scenes : scenes.map(withoutPixels);
}

function withoutPixels({ reconstruction: _, objects, ...scene }: Scene): SceneSummary {
  return { ...scene, objects: objects.map(({ mask: _mask, patch: _patch, ...object }) => object) };
}

function defaultBatch({ channels, imageSize }: AirConfig): number {
  const { values, least, most } = DEFAULT_BATCH;
  return Math.min(most, Math.max(least, Math.floor(values / (channels * imageSize ** 2))));
}

async function inferBatch(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  firstImage: number,
  options: BatchOptions,
): Promise<SceneSummary[]> {
  const { mode, seed, offset, maxSteps, earlyStop, prune, pixels, threshold, fitted, signal } = options;
  const imageLength = config.channels * config.imageSize ** 2;
  const size = images.length / imageLength;
  const builders = Array.from({ length: size }, (_, i) => {
    const countDraw =
      mode === "sample" ? new RandomStream(seed, COUNT_DRAW, offset + firstImage + i).uniform() : undefined;
    return new SceneBuilder(countDraw, earlyStop);
  });
  signal?.throwIfAborted();
  const isWhole = mode === "mean" && maxSteps === config.maxSteps && options.onStep === undefined;
  const sceneGraph = isWhole ? await sessions.sceneGraph?.(size) : undefined;
  const batch = { config, images, firstImage, builders };
  const { emptyLogLikelihood, free } = sceneGraph
    ? await runScenes(sceneGraph, { ...batch, patches: pixels })
    : { emptyLogLikelihood: await attendStepByStep(sessions, batch, options), free: undefined };
  signal?.throwIfAborted();
  const scenes = builders.map((image, i) => {
    const own = images.subarray(i * imageLength, (i + 1) * imageLength);
    return image.scene(config, emptyLogLikelihood[i]!, maxSteps, { image: own, prune, pixels, threshold, fitted });
  });
  free?.();
  return scenes;
}

interface Batch {
  readonly config: AirConfig;
  /** `[B, C, S, S]` */
  readonly images: Float32Array;
  readonly firstImage: number;
  /** Builders of the images' scenes, which are given the steps, `[B]`. */
  readonly builders: readonly SceneBuilder[];
}

/** Runs one step at a time, as many as the images need. Returns log p(image | empty canvas), `[B]`, nats. */
async function attendStepByStep(
  sessions: InferenceSessions,
  { config, images, firstImage, builders }: Batch,
  { mode, seed, offset, maxSteps, onStep, signal, pixels }: BatchOptions,
): Promise<Float32Array> {
  const encoded = await EncodedImages.encode(sessions, config, images, firstImage);
  const trajectory = encoded.start();
  const read = sceneValueNames.filter((name) => name !== "patch" || pixels || onStep !== undefined);
  const outputs = [...read, ...(onStep ? ["glimpse"] : [])];
  /** Indices, in the first batch, of the images that are still in the batch. */
  let rows = [...builders.keys()];
  try {
    for (let step = 1; step <= maxSteps; step++) {
      signal?.throwIfAborted();
      const noise = mode === "sample" ? newNoise(rows.length, config.zWhatSize) : undefined;
      if (noise) rows.forEach((image, row) => void drawNoise(noise, row, seed, offset + firstImage + image, step));
      const results = await trajectory.step(outputs, noise);
      const values = stepValues(await results.readAll(read));
      rows.forEach((image, row) => void builders[image]!.add(values, row));
      if (onStep) {
        const { klWhere, klWhat, ...report } = values;
        const kl = Float64Array.from(klWhere, (where, i) => where + klWhat[i]!);
        await onStep({ ...report, step, firstImage, kl, glimpse: await results.read("glimpse") });
      }

      const staying = [...rows.keys()].filter((row) => builders[rows[row]!]!.needsStep);
      if (staying.length === 0) break;
      // A report covers the whole batch, so no image may leave it.
      if (trajectory.canNarrow && !onStep && staying.length <= (1 - LEAVING_SHARE) * rows.length) {
        trajectory.narrow(staying);
        rows = staying.map((row) => rows[row]!);
      }
    }
  } finally {
    trajectory.dispose();
    encoded.dispose();
  }
  return encoded.emptyLogLikelihood;
}

type WritableNoise = Readonly<Record<keyof StepNoiseValues, Float32Array<ArrayBuffer>>>;

function newNoise(batch: number, zWhatSize: number): WritableNoise {
  return { where: new Float32Array(batch * 3), what: new Float32Array(batch * zWhatSize) };
}

/** Draws the noise of one step of an image and writes it into row `row`. */
function drawNoise({ where, what }: WritableNoise, row: number, seed: number, image: number, step: number): void {
  const rows = where.length / 3;
  const zWhatSize = what.length / rows;
  const stream = new RandomStream(seed, LATENT_NOISE, image, step);
  stream.fillNormal(where.subarray(3 * row, 3 * (row + 1)));
  stream.fillNormal(what.subarray(zWhatSize * row, zWhatSize * (row + 1)));
}
