/**
 * Attend, infer, repeat: drives an exported model's graphs over a batch of images. It knows onnxruntime's common types
 * only, so that Node and web share it; loading sessions and choosing devices is the runtimes' work.
 *
 * Every step is run with presence taken as 1. What the presence probabilities p_t say about the number of objects n is
 * read afterwards: q(n) = Π_{t≤n} p_t · (1 − p_{n+1}), and the scene of count n is the first n steps.
 */
import type { AirConfig } from "./config.js";
import { countProbabilities, logCountPrior, mapCount, sigmoid } from "./count.js";
import { elboParts } from "./elbo.js";
import { requireInteger } from "./integer-option.js";
import { RandomStream } from "./random.js";
import { EncodedImages, type InferenceSessions, type StepNoise, type StepOutputs } from "./recurrence.js";
import type { Scene, SceneObject } from "./scene.js";
import { boxFromZWhere, type ZWhere } from "./where.js";

/**
 * An image needs no further step once the probability R_t = p_1·…·p_t of as many objects as steps is below this. With it
 * the most probable count is decided too: some n < t has q(n) ≥ (1 − R_t)/t > R_t ≥ q(m) for every m ≥ t.
 */
export const EARLY_STOP_TOLERANCE = 1e-4;

/** Streams of a seed that inference draws from. */
const LATENT_NOISE = 1001;
const COUNT_DRAW = 1002;

const STEP_OUTPUTS = ["presence_logit", "kl_where", "kl_what", "log_likelihood", "patch"] as const;
/** What is read of each step, beside the glimpse. */
const READ = [
  "presence_logit",
  "next_z_where",
  "next_z_what",
  "patch",
  "next_canvas",
  "kl_where",
  "kl_what",
  "log_likelihood",
] as const;

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
   * Stop when no image of the batch has an object left, true by default. It never changes counts or objects. The rest
   * of q, R_t < {@link EARLY_STOP_TOLERANCE} for n ≥ t, is put on n = t: a posterior like any other, so that the bound
   * stays a bound; `elbo` moves by about R_t times the nats between the counts. Evaluations should say false.
   */
  readonly earlyStop?: boolean | undefined;
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

interface Step extends Omit<StepReport, "glimpse" | "kl"> {
  /** `[B]`, nats. */
  readonly klWhere: Float32Array;
  readonly klWhat: Float32Array;
}

interface BatchOptions extends Pick<InferenceOptions, "onStep" | "signal"> {
  readonly mode: "mean" | "sample";
  readonly seed: number;
  readonly maxSteps: number;
  readonly earlyStop: boolean;
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
    batchSize = 64,
    ...rest
  }: InferenceOptions = {},
): Promise<Scene[]> {
  const imageLength = config.channels * config.imageSize ** 2;
  if (images.length === 0 || images.length % imageLength !== 0) {
    throw new RangeError(`A batch of images has a positive multiple of ${imageLength} values, got ${images.length}`);
  }
  if (mode !== "mean" && mode !== "sample") throw new RangeError(`mode must be "mean" or "sample", got "${mode}"`);
  requireInteger("steps", steps, 1);
  requireInteger("batchSize", batchSize, 1);
  const options = { mode, seed, maxSteps: steps, earlyStop, onStep: rest.onStep, signal: rest.signal };
  const scenes: Scene[] = [];
  for (let first = 0; first * imageLength < images.length; first += batchSize) {
    const batch = images.subarray(first * imageLength, (first + batchSize) * imageLength);
    scenes.push(...(await inferBatch(sessions, config, batch, first, options)));
  }
  return scenes;
}

async function inferBatch(
  sessions: InferenceSessions,
  config: AirConfig,
  images: Float32Array,
  firstImage: number,
  { mode, seed, maxSteps, earlyStop, onStep, signal }: BatchOptions,
): Promise<Scene[]> {
  const imageLength = config.channels * config.imageSize ** 2;
  const batch = images.length / imageLength;
  signal?.throwIfAborted();
  const encoded = await EncodedImages.encode(sessions, config, images, firstImage);
  const trajectory = encoded.start();
  const outputs = onStep ? [...STEP_OUTPUTS, "glimpse"] : STEP_OUTPUTS;
  /** R_t of every image. */
  const remaining = new Float64Array(batch).fill(1);
  /** A draw from q(n) is the number of steps whose R_t exceeds one uniform number, so it needs no later steps than those. */
  const countDraws = mode === "sample" ? drawUniform(seed, firstImage, batch) : undefined;
  const drawnCounts = new Uint32Array(batch);

  const steps: Step[] = [];
  try {
    while (steps.length < maxSteps) {
      signal?.throwIfAborted();
      const step = steps.length + 1;
      const noise = mode === "sample" ? drawNoise(seed, step, config.zWhatSize, firstImage, batch) : undefined;
      const results = await trajectory.step(outputs, noise);
      const done = await readStep(results, firstImage);
      steps.push(done);
      if (onStep) {
        const { klWhere, klWhat, ...report } = done;
        const kl = Float64Array.from(klWhere, (where, i) => where + klWhat[i]!);
        await onStep({ ...report, kl, glimpse: await results.read("glimpse") });
      }

      let undecided = 0;
      for (let i = 0; i < batch; i++) {
        remaining[i]! *= done.presence[i]!;
        const drawnPresent = countDraws !== undefined && countDraws[i]! < remaining[i]!;
        if (drawnPresent) drawnCounts[i] = step;
        if (drawnPresent || remaining[i]! >= EARLY_STOP_TOLERANCE) undecided++;
      }
      if (earlyStop && undecided === 0) break;
    }
  } finally {
    trajectory.dispose();
    encoded.dispose();
  }
  signal?.throwIfAborted();

  const logPrior = logCountPrior(config.prior.presence, maxSteps);
  return Array.from({ length: batch }, (_, i) => {
    // After an early stop this is the truncated q(0..t), with all that is left on n = t.
    const q = countProbabilities(steps.map(({ presence }) => presence[i]!));
    const count = mode === "sample" ? drawnCounts[i]! : mapCount(q);
    return {
      count,
      countProbabilities: [...q, ...new Array<number>(maxSteps - steps.length).fill(0)],
      objects: readObjects(steps.slice(0, count), i, config),
      reconstruction: count > 0 ? row(steps[count - 1]!.canvas, i, imageLength) : new Float32Array(imageLength),
      elbo: elboParts({
        countProbabilities: q,
        logCountPrior: logPrior,
        logLikelihoods: [encoded.emptyLogLikelihood[i]!, ...steps.map(({ logLikelihood }) => logLikelihood[i]!)],
        klWhere: steps.map(({ klWhere }) => klWhere[i]!),
        klWhat: steps.map(({ klWhat }) => klWhat[i]!),
      }).elbo,
      steps: steps.length,
    };
  });
}

async function readStep({ step, readAll }: StepOutputs, firstImage: number): Promise<Step> {
  const values = await readAll(READ);
  return {
    step,
    firstImage,
    presence: Float64Array.from(values.presence_logit, sigmoid),
    zWhere: values.next_z_where,
    zWhat: values.next_z_what,
    patch: values.patch,
    canvas: values.next_canvas,
    klWhere: values.kl_where,
    klWhat: values.kl_what,
    logLikelihood: values.log_likelihood,
  };
}

/** One uniform number per image. */
function drawUniform(seed: number, firstImage: number, batch: number): Float64Array {
  return Float64Array.from({ length: batch }, (_, i) => new RandomStream(seed, COUNT_DRAW, firstImage + i).uniform());
}

function drawNoise(seed: number, step: number, zWhatSize: number, firstImage: number, batch: number): StepNoise {
  const where = new Float32Array(batch * 3);
  const what = new Float32Array(batch * zWhatSize);
  for (let i = 0; i < batch; i++) {
    const stream = new RandomStream(seed, LATENT_NOISE, firstImage + i, step);
    stream.fillNormal(where.subarray(3 * i, 3 * (i + 1)));
    stream.fillNormal(what.subarray(zWhatSize * i, zWhatSize * (i + 1)));
  }
  return { where, what };
}

/** The objects that `steps` found in the batch's image `i`. */
function readObjects(steps: readonly Step[], i: number, config: AirConfig): SceneObject[] {
  const patchLength = config.channels * config.objectSize ** 2;
  let presence = 1;
  return steps.map((step) => {
    presence *= step.presence[i]!;
    const zWhere: ZWhere = [step.zWhere[3 * i]!, step.zWhere[3 * i + 1]!, step.zWhere[3 * i + 2]!];
    return {
      presence,
      box: boxFromZWhere(zWhere, config.imageSize),
      zWhere,
      zWhat: row(step.zWhat, i, config.zWhatSize),
      patch: row(step.patch, i, patchLength),
    };
  });
}

/** Row `i` of a `[B, length]` array, copied: a view would keep the whole batch in memory for one scene. */
function row(data: Float32Array, i: number, length: number): Float32Array {
  return data.slice(i * length, (i + 1) * length);
}
