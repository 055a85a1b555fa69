/**
 * Builds the scene of one image from the values of its steps, and says whether the image needs another step. Running
 * the steps is the callers' work.
 */
import type { AirConfig } from "./config.js";
import { countProbabilities, logCountPrior, mapCount, sigmoid } from "./count.js";
import { elboParts } from "./elbo.js";
import { objectExtents } from "./extent.js";
import type { SceneValueName } from "./graphs.js";
import { neededObjects, withoutLayer } from "./prune.js";
import type { ObjectSummary, Scene, SceneObject, SceneSummary } from "./scene.js";
import { type ScoreCalibration, scoreOf, unexplainedShare } from "./score.js";
import { judgeTypicality, measureTypicality, type TypicalityLimits } from "./typicality.js";
import { boxFromZWhere, type ZWhere } from "./where.js";

/**
 * Probability of further objects below which an image needs no further step. After t steps that probability is
 * R_t = p_1·…·p_t. The most probable count is then decided too: some n < t has q(n) ≥ (1 − R_t)/t > R_t ≥ q(m) for every
 * m ≥ t.
 */
export const EARLY_STOP_TOLERANCE = 1e-4;

const NO_PIXELS = new Float32Array();

/** Values of one step for each of the B images of a batch. */
export interface StepValues {
  /** Probability p_t that this step's object is present, given that all objects before it are, `[B]`. */
  readonly presence: Float64Array;
  /** Scale and shift of the window, `[B, 3]`. */
  readonly zWhere: Float32Array;
  /** Appearance code of the object, `[B, Z]`. */
  readonly zWhat: Float32Array;
  /** Patch that the step drew, `[B, C, O, O]`. */
  readonly patch: Float32Array;
  /** Canvas with all objects so far, `[B, C, S, S]`. */
  readonly canvas: Float32Array;
  /** KL divergence of the posterior of z_where from its prior, `[B]`, nats. */
  readonly klWhere: Float32Array;
  /** KL divergence of the posterior of z_what from its prior, `[B]`, nats. */
  readonly klWhat: Float32Array;
  /** log p(image | canvas), `[B]`, nats. */
  readonly logLikelihood: Float32Array;
}

/** Outputs of the step graph that take much memory, and are not always needed. */
type PixelOutputs = Readonly<Record<"patch" | "next_canvas", Float32Array>>;

/**
 * Converts the outputs of the step graph to {@link StepValues}.
 *
 * @param outputs those that scenes need; patch and canvas are empty if they are missing
 */
export function stepValues({
  patch = NO_PIXELS,
  next_canvas = NO_PIXELS,
  ...outputs
}: Readonly<Record<Exclude<SceneValueName, keyof PixelOutputs>, Float32Array>> & Partial<PixelOutputs>): StepValues {
  return {
    presence: Float64Array.from(outputs.presence_logit, sigmoid),
    zWhere: outputs.next_z_where,
    zWhat: outputs.next_z_what,
    patch,
    canvas: next_canvas,
    klWhere: outputs.kl_where,
    klWhat: outputs.kl_what,
    logLikelihood: outputs.log_likelihood,
  };
}

interface Step {
  readonly values: StepValues;
  /** Row of the image in the values. */
  readonly row: number;
}

/** What a scene is to have. */
export interface SceneOptions {
  /** The image, `[C, S, S]`. */
  readonly image: Float32Array;
  /** Whether to leave out objects that explain nothing of the image. */
  readonly prune: boolean;
  /** Whether objects have their masks and patches, and the scene its reconstruction. */
  readonly pixels: boolean;
  /** Least score of an object. */
  readonly threshold: number;
  /** What the image and its objects are judged by. */
  readonly fitted: FittedJudgement;
}

/** What was fitted to a model's held-out images, by which scenes are judged. */
export interface FittedJudgement {
  /** Limits by which an image is called typical; without them it is not judged. */
  readonly typicality?: TypicalityLimits | undefined;
  /** Calibration of the objects' scores; without it they are the objects' presences. */
  readonly score?: ScoreCalibration | undefined;
}

/** The steps of one image so far, and the scene that they make. */
export class SceneBuilder {
  /** Values of the steps so far, and the row of this image in them. */
  readonly #steps: Step[] = [];
  /**
   * Value of R_t below which the image needs no further step. A draw from q(n) is the number of steps whose R_t exceeds
   * one uniform number, so a drawn count needs no later steps than those.
   */
  readonly stopBelow: number;
  readonly #countDraw: number | undefined;
  /** R_t, the probability that the image has at least as many objects as steps so far. */
  #remaining = 1;
  #drawnCount = 0;

  /**
   * @param countDraw uniform number in [0, 1) that decides the drawn count; undefined for the most probable count
   * @param earlyStop whether to leave out steps that can change neither the count nor the objects
   */
  constructor(countDraw: number | undefined, earlyStop: boolean) {
    this.#countDraw = countDraw;
    this.stopBelow = earlyStop ? Math.min(EARLY_STOP_TOLERANCE, countDraw ?? 1) : 0;
  }

  /** Whether another step can still change the count or the objects. */
  get needsStep(): boolean {
    return this.#remaining >= this.stopBelow;
  }

  /**
   * Adds one step; ignores it if the image needs no further step.
   *
   * @param row row of this image in `values`
   */
  add(values: StepValues, row: number): void {
    if (!this.needsStep) return;
    this.#steps.push({ values, row });
    this.#remaining *= values.presence[row]!;
    if (this.#countDraw !== undefined && this.#countDraw < this.#remaining) this.#drawnCount = this.#steps.length;
  }

  /**
   * Makes the scene from the steps so far.
   *
   * @param emptyLogLikelihood log p(image | empty canvas), nats
   * @param maxSteps most steps T that the image could have had
   */
  scene(config: AirConfig, emptyLogLikelihood: number, maxSteps: number, options: SceneOptions): Scene | SceneSummary {
    const steps = this.#steps;
    // After an early stop this is q(0..t): the probability of all n ≥ t is put on n = t.
    const q = countProbabilities(steps.map(({ values, row }) => values.presence[row]!));
    const count = this.#countDraw === undefined ? mapCount(q) : this.#drawnCount;
    return {
      ...this.#found(count, config, options),
      countProbabilities: [...q, ...new Array<number>(maxSteps - steps.length).fill(0)],
      elbo: elboParts({
        countProbabilities: q,
        logCountPrior: logCountPrior(config.prior.presence, maxSteps),
        logLikelihoods: [emptyLogLikelihood, ...steps.map(({ values, row }) => values.logLikelihood[row]!)],
        klWhere: steps.map(({ values, row }) => values.klWhere[row]!),
        klWhat: steps.map(({ values, row }) => values.klWhat[row]!),
      }).elbo,
      steps: steps.length,
    };
  }

  /** The first `count` objects, or those of them that the image needs. */
  #found(
    count: number,
    config: AirConfig,
    { image, prune, pixels, threshold, fitted }: SceneOptions,
  ): Found<SceneObject> | Found<ObjectSummary> {
    const steps = this.#steps.slice(0, count);
    const length = config.channels * config.imageSize ** 2;
    const canvases = steps.map(({ values, row }) => values.canvas.subarray(row * length, (row + 1) * length));
    const all = prune ? neededObjects(image, canvases) : { needed: [...steps.keys()], canvas: canvases.at(-1) };
    const drawn = all.canvas ?? new Float32Array(length);
    const latents = this.#latents(count, config);
    const judgement = judge(
      image,
      all.needed.map((i) => latents[i]!),
      drawn,
      config,
      fitted,
    );
    const scores = new Map(all.needed.map((i, at) => [i, judgement.scores[at]!]));
    const needed = all.needed.filter((i) => scores.get(i)! >= threshold);
    const layers = new Map(all.needed.map((i) => [i, { before: canvases[i - 1], after: canvases[i]! }]));
    const left = all.needed.filter((i) => !needed.includes(i)).map((i) => layers.get(i)!);
    const canvas = left.reduce(withoutLayer, drawn);
    const found = needed.map((i) => ({ ...latents[i]!, score: scores.get(i)! }));
    const extents = objectExtents(
      found.map(({ zWhere }) => zWhere),
      needed.map((i) => layers.get(i)!),
      canvas,
      image,
      config,
    );
    if (!pixels) {
      const objects = found.map((each, i) => ({ ...each, tightBox: extents[i]!.tightBox }));
      return { count: needed.length, objects, ...judgement.typical };
    }
    const patchLength = config.channels * config.objectSize ** 2;
    const patchOf = ({ values, row }: Step): Float32Array => copyRow(values.patch, row, patchLength);
    return {
      count: needed.length,
      objects: needed.map((step, i) => ({ ...found[i]!, ...extents[i]!, patch: patchOf(steps[step]!) })),
      // A copy: the steps' canvases are views of whole batches.
      reconstruction: canvas.slice(),
      ...judgement.typical,
    };
  }

  #latents(count: number, { imageSize, zWhatSize }: AirConfig): Omit<ObjectSummary, "tightBox" | "score">[] {
    let presence = 1;
    return this.#steps.slice(0, count).map(({ values, row }) => {
      presence *= values.presence[row]!;
      const [s, x, y] = values.zWhere.subarray(3 * row, 3 * (row + 1));
      const zWhere: ZWhere = [s!, x!, y!];
      const box = boxFromZWhere(zWhere, imageSize);
      return { presence, box, zWhere, zWhat: copyRow(values.zWhat, row, zWhatSize) };
    });
  }
}

/** Judges an image, and scores the objects found in it. */
function judge(
  image: Float32Array,
  objects: readonly Pick<ObjectSummary, "presence" | "zWhere">[],
  reconstruction: Float32Array,
  config: AirConfig,
  { typicality, score }: FittedJudgement,
): { readonly typical: Pick<SceneSummary, "typical" | "typicality">; readonly scores: readonly number[] } {
  const measured = typicality && measureTypicality(image, { objects, reconstruction }, config);
  return {
    typical: measured ? judgeTypicality(measured, typicality) : {},
    scores: objects.map(({ presence, zWhere }) => {
      if (!score) return presence;
      return scoreOf({ presence, unexplained: unexplainedShare(zWhere, image, reconstruction, config) }, score);
    }),
  };
}

/** Objects, with pixels also the image that they form together, and with limits whether the image is typical. */
type Found<Each> = Pick<SceneSummary, "typical" | "typicality"> & {
  readonly count: number;
  readonly objects: readonly Each[];
  readonly reconstruction?: Float32Array;
};

/** Copies one row of a `[B, length]` array: a view would keep the whole batch in memory for one scene. */
function copyRow(data: Float32Array, row: number, length: number): Float32Array {
  return data.slice(row * length, (row + 1) * length);
}
