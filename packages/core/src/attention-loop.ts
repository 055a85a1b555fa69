/**
 * Attend, infer, repeat: drives an exported model's graphs over a batch of images. It knows onnxruntime's common types
 * only, so that Node and web share it; loading sessions and choosing devices is the runtimes' work.
 *
 * Every step is run with presence taken as 1. What the presence probabilities p_t say about the number of objects n is
 * read afterwards: q(n) = Π_{t≤n} p_t · (1 − p_{n+1}), and the scene of count n is the first n steps.
 */
import { AttendedImage, stepValues } from "./attended-image.js";
import type { AirConfig } from "./config.js";
import type { GraphSession } from "./graph-run.js";
import { sceneValueNames } from "./graphs.js";
import { requireInteger } from "./integer-option.js";
import { RandomStream } from "./random.js";
import { EncodedImages, type InferenceSessions, type StepNoise } from "./recurrence.js";
import type { Scene } from "./scene.js";
import { runScene } from "./scene-run.js";

export { EARLY_STOP_TOLERANCE } from "./attended-image.js";

/**
 * So many images go through the graph of the whole loop together, if it is there: of more, those that are finished had
 * better leave.
 */
const SCENE_GRAPH_BATCH = 4;
const DEFAULT_BATCH = 64;

/** Streams of a seed that inference draws from. */
const LATENT_NOISE = 1001;
const COUNT_DRAW = 1002;

/** Of the step graph's outputs, what is read beside the next state. */
const STEP_OUTPUTS = sceneValueNames.filter((name) => !name.startsWith("next_"));

/** Images leave a batch when so large a share of it needs no further step: to leave, the state of all others is copied. */
const LEAVING_SHARE = 1 / 8;

/** Options of `infer`. */
export interface InferenceOptions {
  /**
   * `mean` (default): latents are the posteriors' means and the count is the most probable one. `sample`: latents are
   * drawn from the posteriors and then the count from q(n).
   */
  readonly mode?: "mean" | "sample" | undefined;
  /** Seed of mode `sample`, 0 by default. What is drawn for an image depends on (seed, index of the image, step) only. */
  readonly seed?: number | undefined;
  /** Most objects T to look for; the model's `maxSteps` by default. The recurrence may run for longer than it was trained. */
  readonly steps?: number | undefined;
  /**
   * Stop with an image when it has no object left, true by default. It never changes counts or objects. The rest
   * of q, R_t < `EARLY_STOP_TOLERANCE` for n ≥ t, is put on n = t: a posterior like any other, so that the bound
   * stays a bound; `elbo` moves by about R_t times the nats between the counts. Evaluations should say false.
   */
  readonly earlyStop?: boolean | undefined;
  /**
   * Leave out objects that explain nothing: those without which the image is no less probable, such as a window that landed
   * between two objects. What is left are a scene's `count`, `objects` and `reconstruction`; `countProbabilities`, `elbo`
   * and each object's `presence` stay what the steps said. For models with a Gaussian likelihood, whose canvas is the sum
   * of its objects; with these, true by default in mode `mean`.
   */
  readonly prune?: boolean | undefined;
  /** Images that go through the graphs together, 64 by default. It decides memory and speed alone. */
  readonly batchSize?: number | undefined;
  /** Called, and awaited, after each step of each batch. */
  readonly onStep?: ((report: StepReport) => void | Promise<void>) | undefined;
  /** Checked between steps; the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One step over a batch of B images. The arrays are the loop's own: read or copy them, do not write. */
export interface StepReport {
  /** 1 for the first. */
  readonly step: number;
  /** Index, in the call, of the batch's first image. */
  readonly firstImage: number;
  /** p_t: that this step's object is there, given that all before it are, `[B]`. */
  readonly presence: Float64Array;
  /** `[B, 3]` */
  readonly zWhere: Float32Array;
  /** `[B, Z]` */
  readonly zWhat: Float32Array;
  /** What the step looked at, `[B, C, O, O]`. */
  readonly glimpse: Float32Array;
  /** What it drew, `[B, C, O, O]`. */
  readonly patch: Float32Array;
  /** The canvas with all objects so far, `[B, C, S, S]`. */
  readonly canvas: Float32Array;
  /** KL of the step's posterior of z_where and z_what from their prior, `[B]`, nats. */
  readonly kl: Float64Array;
  /** log p(image | canvas), `[B]`, nats. */
  readonly logLikelihood: Float32Array;
}

interface BatchOptions extends Pick<InferenceOptions, "onStep" | "signal"> {
  readonly mode: "mean" | "sample";
  readonly seed: number;
  readonly maxSteps: number;
  readonly earlyStop: boolean;
  readonly prune: boolean;
}

/**
 * Infers the scene of every image.
 *
 * @param images `[B, C, S, S]`, intensities in [0, 1]; `toImageBatch` makes it from pictures
 * @throws {RangeError} for a length that is not a whole number of images, or an invalid option
 * @throws {GraphOutputError} if a graph returns NaN, infinity or a wrong shape; names the graph and the output
 */
export async function inferScenes(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  {
    mode = "mean",
    seed = 0,
    steps = config.maxSteps,
    earlyStop = true,
    prune = mode === "mean" && config.likelihood.type === "gaussian",
    batchSize = DEFAULT_BATCH,
    ...rest
  }: InferenceOptions = {},
): Promise<Scene[]> {
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
  const options = { mode, seed, maxSteps: steps, earlyStop, prune, onStep: rest.onStep, signal: rest.signal };
  const scenes: Scene[] = [];
  for (let first = 0; first * imageLength < images.length; first += batchSize) {
    const batch = images.subarray(first * imageLength, (first + batchSize) * imageLength);
    scenes.push(...(await inferBatch(sessions, config, batch, first, options)));
  }
  return scenes;
}

/** Whether a call with so many images would use the graph of the whole loop for its first batch. */
export function usesSceneGraph(images: number, { batchSize = DEFAULT_BATCH, onStep }: InferenceOptions): boolean {
  return Math.min(images, batchSize) <= SCENE_GRAPH_BATCH && onStep === undefined;
}

async function inferBatch(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  firstImage: number,
  options: BatchOptions,
): Promise<Scene[]> {
  const { mode, seed, maxSteps, earlyStop, prune, signal } = options;
  const imageLength = config.channels * config.imageSize ** 2;
  const size = images.length / imageLength;
  const attended = Array.from({ length: size }, (_, i) => {
    const countDraw = mode === "sample" ? new RandomStream(seed, COUNT_DRAW, firstImage + i).uniform() : undefined;
    return new AttendedImage(countDraw, earlyStop);
  });
  signal?.throwIfAborted();
  const batch = { config, images, firstImage, attended };
  const emptyLogLikelihood =
    sessions.scene && usesSceneGraph(size, options)
      ? await attendAtOnce(sessions.scene, batch, options)
      : await attendStepByStep(sessions, batch, options);
  signal?.throwIfAborted();
  return attended.map((image, i) => {
    const pruneBy = prune ? images.subarray(i * imageLength, (i + 1) * imageLength) : undefined;
    return image.scene(config, emptyLogLikelihood[i]!, maxSteps, pruneBy);
  });
}

interface Batch {
  readonly config: AirConfig;
  /** `[B, C, S, S]` */
  readonly images: Float32Array;
  readonly firstImage: number;
  /** To be given their steps, `[B]`. */
  readonly attended: readonly AttendedImage[];
}

/** Runs the steps that the images need; gives their empty canvases' log-likelihood. */
async function attendStepByStep(
  sessions: InferenceSessions,
  { config, images, firstImage, attended }: Batch,
  { mode, seed, maxSteps, onStep, signal }: BatchOptions,
): Promise<Float32Array> {
  const encoded = await EncodedImages.encode(sessions, config, images, firstImage);
  const trajectory = encoded.start();
  const outputs = onStep ? [...STEP_OUTPUTS, "glimpse"] : STEP_OUTPUTS;
  /** Of the images that are still in the batch, their places in it as it was. */
  let rows = [...attended.keys()];
  try {
    for (let step = 1; step <= maxSteps; step++) {
      signal?.throwIfAborted();
      const noise = mode === "sample" ? newNoise(1, rows.length, config.zWhatSize) : undefined;
      if (noise) rows.forEach((image, row) => void drawNoise(noise, row, seed, firstImage + image, step));
      const results = await trajectory.step(outputs, noise);
      const values = stepValues(await results.readAll(sceneValueNames));
      rows.forEach((image, row) => void attended[image]!.add(values, row));
      if (onStep) {
        const { klWhere, klWhat, ...report } = values;
        const kl = Float64Array.from(klWhere, (where, i) => where + klWhat[i]!);
        await onStep({ ...report, step, firstImage, kl, glimpse: await results.read("glimpse") });
      }

      const staying = [...rows.keys()].filter((row) => attended[rows[row]!]!.needsStep);
      if (staying.length === 0) break;
      // A report is of the whole batch.
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

/** The same by the graph of the whole loop. */
async function attendAtOnce(
  scene: GraphSession,
  { config, images, firstImage, attended }: Batch,
  { mode, seed, maxSteps }: BatchOptions,
): Promise<Float32Array> {
  const size = attended.length;
  const noise = newNoise(maxSteps, size, config.zWhatSize);
  if (mode === "sample") {
    for (let step = 1; step <= maxSteps; step++) {
      for (let i = 0; i < size; i++) drawNoise(noise, (step - 1) * size + i, seed, firstImage + i, step);
    }
  }
  const stopBelow = Float32Array.from(attended, (image) => image.stopBelow);
  const { emptyLogLikelihood, steps } = await runScene(scene, config, {
    images,
    noise,
    stopBelow,
    maxSteps,
    firstImage,
  });
  for (const values of steps) attended.forEach((image, i) => void image.add(values, i));
  return emptyLogLikelihood;
}

type OwnNoise = Readonly<Record<keyof StepNoise, Float32Array<ArrayBuffer>>>;

/** Zero noise of so many steps over a batch: that of posterior means. */
function newNoise(steps: number, batch: number, zWhatSize: number): OwnNoise {
  return { where: new Float32Array(steps * batch * 3), what: new Float32Array(steps * batch * zWhatSize) };
}

/** Draws the noise of one step of an image into row `row`. */
function drawNoise({ where, what }: OwnNoise, row: number, seed: number, image: number, step: number): void {
  const rows = where.length / 3;
  const zWhatSize = what.length / rows;
  const stream = new RandomStream(seed, LATENT_NOISE, image, step);
  stream.fillNormal(where.subarray(3 * row, 3 * (row + 1)));
  stream.fillNormal(what.subarray(zWhatSize * row, zWhatSize * (row + 1)));
}
