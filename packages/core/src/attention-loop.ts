/**
 * Attend, infer, repeat: drives an exported model's graphs over a batch of images. It knows onnxruntime's common types
 * only, so that Node and web share it; loading sessions and choosing devices is the runtimes' work.
 *
 * Every step is run with presence taken as 1. What the presence probabilities p_t say about the number of objects n is
 * read afterwards: q(n) = Π_{t≤n} p_t · (1 − p_{n+1}), and the scene of count n is the first n steps.
 */
import type { Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { countProbabilities, logCountPrior, mapCount } from "./count.js";
import { evidenceLowerBound } from "./elbo.js";
import { GraphRunner, type GraphSession } from "./graph-run.js";
import { requireInteger } from "./integer-option.js";
import { RandomStream } from "./random.js";
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

/** Inputs of the step graph that its `next_…` outputs feed; all zero before the first step. */
const STATE = ["hidden", "cell", "z_where", "z_what", "canvas"] as const;

const STEP_OUTPUTS = [
  ...STATE.map((name) => `next_${name}`),
  "presence_logit",
  "kl_where",
  "kl_what",
  "log_likelihood",
  "patch",
];

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

type Step = Omit<StepReport, "glimpse">;

export interface InferenceSessions {
  readonly encoder: GraphSession;
  readonly step: GraphSession;
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
  const encoder = new GraphRunner(sessions.encoder, "encoder", config, batch);
  const image = encoder.input("image", images);
  const encoded = await encoder.run({ image }, ["image_gates", "log_likelihood"]);
  await encoder.read(encoded, "image_gates", { firstImage });
  const emptyLogLikelihood = await encoder.read(encoded, "log_likelihood", { firstImage });

  const graph = new GraphRunner(sessions.step, "step", config, batch);
  const outputs = onStep ? [...STEP_OUTPUTS, "glimpse"] : STEP_OUTPUTS;
  let state = Object.fromEntries(STATE.map((name) => [name, graph.zeros(name)]));
  let noise: Record<string, Tensor> = { eps_where: graph.zeros("eps_where"), eps_what: graph.zeros("eps_what") };
  /** R_t of every image. */
  const remaining = new Float64Array(batch).fill(1);
  /** A draw from q(n) is the number of steps whose R_t exceeds one uniform number, so it needs no later steps than those. */
  const countDraws = mode === "sample" ? drawUniform(seed, firstImage, batch) : undefined;
  const drawnCounts = new Uint32Array(batch);

  const steps: Step[] = [];
  while (steps.length < maxSteps) {
    signal?.throwIfAborted();
    const step = steps.length + 1;
    if (mode === "sample") noise = drawNoise(graph, seed, step, config.zWhatSize, firstImage, batch);
    const results = await graph.run({ image, image_gates: encoded.image_gates!, ...state, ...noise }, outputs);
    const done = await readStep(graph, results, step, firstImage);
    steps.push(done);
    if (onStep) await onStep({ ...done, glimpse: await graph.read(results, "glimpse", { firstImage, step }) });

    let undecided = 0;
    for (let i = 0; i < batch; i++) {
      remaining[i]! *= done.presence[i]!;
      const drawnPresent = countDraws !== undefined && countDraws[i]! < remaining[i]!;
      if (drawnPresent) drawnCounts[i] = step;
      if (drawnPresent || remaining[i]! >= EARLY_STOP_TOLERANCE) undecided++;
    }
    if (earlyStop && undecided === 0) break;
    state = Object.fromEntries(STATE.map((name) => [name, results[`next_${name}`]!]));
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
      elbo: evidenceLowerBound({
        countProbabilities: q,
        logCountPrior: logPrior,
        logLikelihoods: [emptyLogLikelihood[i]!, ...steps.map(({ logLikelihood }) => logLikelihood[i]!)],
        kls: steps.map(({ kl }) => kl[i]!),
      }),
      steps: steps.length,
    };
  });
}

async function readStep(
  graph: GraphRunner<"step">,
  results: Readonly<Record<string, Tensor>>,
  step: number,
  firstImage: number,
): Promise<Step> {
  const read = (name: string): Promise<Float32Array> => graph.read(results, name, { firstImage, step });
  const klWhat = await read("kl_what");
  return {
    step,
    firstImage,
    presence: Float64Array.from(await read("presence_logit"), sigmoid),
    zWhere: await read("next_z_where"),
    zWhat: await read("next_z_what"),
    patch: await read("patch"),
    canvas: await read("next_canvas"),
    kl: Float64Array.from(await read("kl_where"), (klWhere, i) => klWhere + klWhat[i]!),
    logLikelihood: await read("log_likelihood"),
  };
}

/** One uniform number per image. */
function drawUniform(seed: number, firstImage: number, batch: number): Float64Array {
  return Float64Array.from({ length: batch }, (_, i) => new RandomStream(seed, COUNT_DRAW, firstImage + i).uniform());
}

function drawNoise(
  graph: GraphRunner<"step">,
  seed: number,
  step: number,
  zWhatSize: number,
  firstImage: number,
  batch: number,
): Record<string, Tensor> {
  const where = new Float32Array(batch * 3);
  const what = new Float32Array(batch * zWhatSize);
  for (let i = 0; i < batch; i++) {
    const stream = new RandomStream(seed, LATENT_NOISE, firstImage + i, step);
    stream.fillNormal(where.subarray(3 * i, 3 * (i + 1)));
    stream.fillNormal(what.subarray(zWhatSize * i, zWhatSize * (i + 1)));
  }
  return { eps_where: graph.input("eps_where", where), eps_what: graph.input("eps_what", what) };
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

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
