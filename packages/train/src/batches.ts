/**
 * The inputs of training steps as a function of configuration and step: images, noise, learning rates and priors.
 *
 * Nothing is carried from one step to the next, so a resumed run has the inputs of one that was never stopped.
 */
import { RandomStream } from "@air-onnx/core";
import { augmentImage, fillBatch, type ImageSource, pixelsPerImage } from "@air-onnx/scenes";
import {
  annealedProbability,
  fillNoise,
  scheduledValue,
  type TrainingSchedules,
  warmupCosine,
} from "@air-onnx/trainer";
import type { Composer } from "./composition/composer.js";
import type { TrainConfig } from "./config.js";
import type { StepInputs } from "./engine/engine.js";
import type { Estimator, ScheduleName } from "./objective/estimator.js";
import { estimators } from "./objective/estimators.js";
import { schedulesOf } from "./schedules-of.js";

/** First parts of the keys of random streams; see also those of @air-onnx/trainer. */
const ORDER_STREAM = 0x6f726472;
const AUGMENTATION_STREAM = 0x61756776;

/** The inputs of the steps of one run. */
export class Batches {
  readonly #config: TrainConfig;
  readonly #schedules: readonly TrainingSchedules[];
  readonly #estimator: Estimator;
  readonly #scenes: ImageSource;
  readonly #composer: Composer | undefined;
  readonly #orders = new Map<number, Uint32Array>();

  /**
   * @param scenes the training images
   * @param composer what composes a part of each batch; all images are training images without it
   */
  constructor(config: TrainConfig, scenes: ImageSource, composer?: Composer) {
    this.#config = config;
    this.#schedules = [0, ...config.extendedAt].map((begin) => schedulesOf(config, begin));
    this.#composer = composer;
    this.#estimator = estimators[config.estimator];
    this.#scenes = scenes;
  }

  /**
   * The inputs of steps `done` + 1 to `done` + `steps`.
   *
   * @param past inputs of an earlier call that are no longer needed: their arrays are overwritten and returned if they
   *   have the right size. Without this, hundreds of megabytes would wait for the garbage collector.
   */
  next(done: number, steps: number, past?: StepInputs): StepInputs {
    const { model, seed } = this.#config;
    const composed = this.#composer?.batch;
    const batchSize = this.#config.batchSize - (composed?.images ?? 0);
    const pixels = pixelsPerImage(this.#scenes);
    const images = arrayOf(steps * batchSize * pixels, past?.images);
    const positions = this.#positions(done * this.#config.batchSize, steps, batchSize);
    fillBatch(this.#scenes, this.#indices(positions), images);
    this.#augment(images, positions);

    const layers = this.#composer?.compose(done, steps, past?.layers);

    const noiseSpecs = Object.entries(this.#estimator.noise(model, batchSize, composed));
    const sizes = noiseSpecs.map(([, { shape }]) => shape.reduce((product, dim) => product * dim, 1));
    const noise = Object.fromEntries(
      noiseSpecs.map(([name], i) => [name, arrayOf(steps * sizes[i]!, past?.noise[name])]),
    );
    const stepSize = new Float32Array(steps);
    const rootCorrection = new Float32Array(steps);
    const scheduled = Object.entries(this.#estimator.schedules(model)).map(
      ([name, shape]) => [name as ScheduleName, shape.reduce((product, dim) => product * dim, 1)] as const,
    );
    const schedules = Object.fromEntries(
      scheduled.map(([name, size]) => [name, arrayOf(steps * size, past?.schedules[name])] as const),
    );
    for (let k = 0; k < steps; k++) {
      const targets = noiseSpecs.map(([name, { distribution }], i) => {
        return { distribution, data: noise[name]!.subarray(k * sizes[i]!, (k + 1) * sizes[i]!) };
      });
      fillNoise(seed, done + k, targets);
      const update = done + k + 1;
      const schedulesNow = this.#schedulesAt(update);
      const valuesOf = (name: ScheduleName | "stepSize" | "rootCorrection"): readonly number[] =>
        scheduledValue(name, update, schedulesNow, model.maxSteps);
      stepSize.set(valuesOf("stepSize"), k);
      rootCorrection.set(valuesOf("rootCorrection"), k);
      for (const [name, size] of scheduled) schedules[name]!.set(valuesOf(name), k * size);
    }
    return { steps, images, layers, noise, stepSize, rootCorrection, schedules };
  }

  /** The schedules that update t = 1, 2, … follows: those of the run, or of its extension. */
  #schedulesAt(update: number): TrainingSchedules {
    const { extendedAt } = this.#config;
    const part = extendedAt.findIndex((end) => update <= end);
    return this.#schedules.at(part)!;
  }

  /** Augments images, each by its position. */
  #augment(images: Float32Array, positions: readonly number[]): void {
    const { augmentation, seed } = this.#config;
    if (!augmentation) return;
    const pixels = pixelsPerImage(this.#scenes);
    const scratch = new Float32Array(pixels);
    for (const [i, position] of positions.entries()) {
      // A part of a stream's name is below 2³².
      const random = new RandomStream(seed, AUGMENTATION_STREAM, Math.floor(position / 2 ** 32), position % 2 ** 32);
      augmentImage(images.subarray(i * pixels, (i + 1) * pixels), this.#scenes, augmentation, random, scratch);
    }
  }

  /** Learning rate of update t = 1, 2, …. */
  learningRate(update: number): number {
    return warmupCosine(update, this.#schedulesAt(update).learningRate);
  }

  /** Prior probability that there is one more object, at update t = 1, 2, …. */
  presencePrior(update: number): number {
    return annealedProbability(update, this.#schedulesAt(update).presencePrior);
  }

  /**
   * Positions of the first `batchSize` images of each batch from position `start` on. The places of composed images are left
   * out, so that the others do not depend on them.
   */
  #positions(start: number, steps: number, batchSize: number): number[] {
    const stride = this.#config.batchSize;
    return Array.from(
      { length: steps * batchSize },
      (_, i) => start + Math.floor(i / batchSize) * stride + (i % batchSize),
    );
  }

  /**
   * Indices of the images at some positions. In a stream, these are the positions. In a finite set they come from a sequence of
   * epochs, each of which has all images in a random order.
   */
  #indices(positions: readonly number[]): Uint32Array {
    const size = this.#scenes.size;
    if (size === Number.POSITIVE_INFINITY) return Uint32Array.from(positions);
    return Uint32Array.from(positions, (position) => this.#order(Math.floor(position / size))[position % size]!);
  }

  #order(epoch: number): Uint32Array {
    let order = this.#orders.get(epoch);
    if (!order) {
      for (const past of this.#orders.keys()) if (past < epoch - 1) this.#orders.delete(past);
      order = new RandomStream(this.#config.seed, ORDER_STREAM, epoch).permutation(this.#scenes.size);
      this.#orders.set(epoch, order);
    }
    return order;
  }
}

/** `past` if it has the length `length`, else a new array. */
function arrayOf(length: number, past: Float32Array<ArrayBuffer> | undefined): Float32Array<ArrayBuffer> {
  return past?.length === length ? past : new Float32Array(length);
}
