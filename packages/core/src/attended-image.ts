/**
 * One image while its objects are being found: what each step said about it, whether it needs another, and the scene in
 * the end. How steps are run, and for how many images at a time, is not known here.
 */
import type { AirConfig } from "./config.js";
import { countProbabilities, logCountPrior, mapCount, sigmoid } from "./count.js";
import { elboParts } from "./elbo.js";
import type { SceneValueName } from "./graphs.js";
import { neededObjects } from "./prune.js";
import type { DecodedScene, Scene, SceneObject } from "./scene.js";
import { boxFromZWhere, type ZWhere } from "./where.js";

/**
 * An image needs no further step once the probability R_t = p_1·…·p_t of as many objects as steps is below this. With it
 * the most probable count is decided too: some n < t has q(n) ≥ (1 − R_t)/t > R_t ≥ q(m) for every m ≥ t.
 */
export const EARLY_STOP_TOLERANCE = 1e-4;

/** What one step says about each image of a batch. */
export interface StepValues {
  /** p_t: that this step's object is there, given that all before it are, `[B]`. */
  readonly presence: Float64Array;
  /** `[B, 3]` */
  readonly zWhere: Float32Array;
  /** `[B, Z]` */
  readonly zWhat: Float32Array;
  /** What it drew, `[B, C, O, O]`. */
  readonly patch: Float32Array;
  /** The canvas with all objects so far, `[B, C, S, S]`. */
  readonly canvas: Float32Array;
  /** KL of the step's posteriors from their priors, `[B]`, nats. */
  readonly klWhere: Float32Array;
  readonly klWhat: Float32Array;
  /** log p(image | canvas), `[B]`, nats. */
  readonly logLikelihood: Float32Array;
}

/** The same, from the step graph's outputs. */
export function stepValues(outputs: Readonly<Record<SceneValueName, Float32Array>>): StepValues {
  return {
    presence: Float64Array.from(outputs.presence_logit, sigmoid),
    zWhere: outputs.next_z_where,
    zWhat: outputs.next_z_what,
    patch: outputs.patch,
    canvas: outputs.next_canvas,
    klWhere: outputs.kl_where,
    klWhat: outputs.kl_what,
    logLikelihood: outputs.log_likelihood,
  };
}

export class AttendedImage {
  /** The steps so far, and where in their values this image is. */
  readonly #steps: { readonly values: StepValues; readonly row: number }[] = [];
  /**
   * It has all its steps when R_t is below this. A draw from q(n) is the number of steps whose R_t exceeds one uniform
   * number, so it needs no later steps than those.
   */
  readonly stopBelow: number;
  readonly #countDraw: number | undefined;
  /** R_t. */
  #remaining = 1;
  #drawnCount = 0;

  /**
   * @param countDraw a uniform number to draw the count by; none for the most probable count
   * @param earlyStop whether steps that can change neither count nor objects are left out
   */
  constructor(countDraw: number | undefined, earlyStop: boolean) {
    this.#countDraw = countDraw;
    this.stopBelow = earlyStop ? Math.min(EARLY_STOP_TOLERANCE, countDraw ?? 1) : 0;
  }

  get needsStep(): boolean {
    return this.#remaining >= this.stopBelow;
  }

  /** Takes in one more step, if it needs one. */
  add(values: StepValues, row: number): void {
    if (!this.needsStep) return;
    this.#steps.push({ values, row });
    this.#remaining *= values.presence[row]!;
    if (this.#countDraw !== undefined && this.#countDraw < this.#remaining) this.#drawnCount = this.#steps.length;
  }

  /**
   * What was found.
   *
   * @param emptyLogLikelihood log p(image | empty canvas), nats
   * @param maxSteps how many steps there could have been
   * @param pruneBy the image, `[C, S, S]`, if objects that explain nothing of it are to be left out
   */
  scene(config: AirConfig, emptyLogLikelihood: number, maxSteps: number, pruneBy?: Float32Array): Scene {
    const steps = this.#steps;
    // After an early stop this is the truncated q(0..t), with all that is left on n = t.
    const q = countProbabilities(steps.map(({ values, row }) => values.presence[row]!));
    const count = this.#countDraw === undefined ? mapCount(q) : this.#drawnCount;
    return {
      ...this.#found(count, config, pruneBy),
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
  #found(count: number, config: AirConfig, pruneBy: Float32Array | undefined): DecodedScene {
    const length = config.channels * config.imageSize ** 2;
    const canvases = this.#steps
      .slice(0, count)
      .map(({ values, row }) => values.canvas.subarray(row * length, (row + 1) * length));
    const objects = this.#objects(count, config);
    // Copies: the steps' canvases are views of whole batches.
    const copyOf = (canvas: Float32Array | undefined) => canvas?.slice() ?? new Float32Array(length);
    if (pruneBy === undefined) return { count, objects, reconstruction: copyOf(canvases.at(-1)) };
    const { needed, canvas } = neededObjects(pruneBy, canvases);
    return { count: needed.length, objects: needed.map((i) => objects[i]!), reconstruction: copyOf(canvas) };
  }

  #objects(count: number, { channels, objectSize, imageSize, zWhatSize }: AirConfig): SceneObject[] {
    const patchLength = channels * objectSize ** 2;
    let presence = 1;
    return this.#steps.slice(0, count).map(({ values, row }) => {
      presence *= values.presence[row]!;
      const [s, x, y] = values.zWhere.subarray(3 * row, 3 * (row + 1));
      const zWhere: ZWhere = [s!, x!, y!];
      return {
        presence,
        box: boxFromZWhere(zWhere, imageSize),
        zWhere,
        zWhat: copyRow(values.zWhat, row, zWhatSize),
        patch: copyRow(values.patch, row, patchLength),
      };
    });
  }
}

/** Row `row` of a `[B, length]` array, copied: a view would keep the whole batch in memory for one scene. */
function copyRow(data: Float32Array, row: number, length: number): Float32Array {
  return data.slice(row * length, (row + 1) * length);
}
