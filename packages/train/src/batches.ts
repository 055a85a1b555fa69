/**
 * The inputs of training steps as a function of (configuration, step): which images, which noise, which step sizes.
 *
 * Nothing is carried from one step to the next, so a run that goes on from step s sees what it would have seen.
 */
import { logCountPrior, RandomStream } from "@air-onnx/core";
import type { TrainConfig } from "./config.js";
import { fillBatch, pixelsPerImage, type SceneSet } from "./data/scene-set.js";
import type { StepInputs } from "./engine/engine.js";
import type { Estimator } from "./objective/estimator.js";
import { estimators } from "./objective/estimators.js";
import { adamScalars, warmupCosine } from "./optimizer/schedule.js";

/** First parts of the names of random streams; see also `INITIAL_PARAMETERS_STREAM`. */
const ORDER_STREAM = 0x6f726472;
const NOISE_STREAM = 0x6e6f6973;

export class Batches {
  readonly #config: TrainConfig;
  readonly #estimator: Estimator;
  readonly #scenes: SceneSet;
  readonly #orders = new Map<number, Uint32Array>();

  constructor(config: TrainConfig, scenes: SceneSet) {
    this.#config = config;
    this.#estimator = estimators[config.estimator];
    this.#scenes = scenes;
  }

  /** The inputs of the `steps` steps after step `done`. */
  next(done: number, steps: number): StepInputs {
    const { model, batchSize, optimizer, seed } = this.#config;
    const pixels = pixelsPerImage(this.#scenes);
    const images = new Float32Array(steps * batchSize * pixels);
    fillBatch(this.#scenes, this.#indices(done * batchSize, steps * batchSize), images);

    const noiseShapes = Object.entries(this.#estimator.noise(model, batchSize));
    const sizes = noiseShapes.map(([, shape]) => shape.reduce((product, dim) => product * dim, 1));
    const noise = Object.fromEntries(noiseShapes.map(([name], i) => [name, new Float32Array(steps * sizes[i]!)]));
    const stepSize = new Float32Array(steps);
    const rootCorrection = new Float32Array(steps);
    const prior = logCountPrior(model.prior.presence, model.maxSteps);
    const priors = new Float32Array(steps * prior.length);
    for (let k = 0; k < steps; k++) {
      const stream = new RandomStream(seed, NOISE_STREAM, done + k);
      noiseShapes.forEach(([name], i) => {
        stream.fillNormal(noise[name]!.subarray(k * sizes[i]!, (k + 1) * sizes[i]!));
      });
      const update = done + k + 1;
      const scalars = adamScalars(update, this.learningRate(update), optimizer);
      stepSize[k] = scalars.stepSize;
      rootCorrection[k] = scalars.rootCorrection;
      priors.set(prior, k * prior.length);
    }
    return { steps, images, noise, stepSize, rootCorrection, logCountPrior: priors };
  }

  /** Adam's step size at update t = 1, 2, …. */
  learningRate(update: number): number {
    const { optimizer, steps } = this.#config;
    return warmupCosine(update, {
      peak: optimizer.learningRate,
      floor: optimizer.finalLearningRate,
      warmupSteps: optimizer.warmupSteps,
      totalSteps: steps,
    });
  }

  /** Images `start` to `start + count` of an endless sequence of epochs, each a random order of the whole set. */
  #indices(start: number, count: number): Uint32Array {
    const size = this.#scenes.size;
    const indices = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const position = start + i;
      indices[i] = this.#order(Math.floor(position / size))[position % size]!;
    }
    return indices;
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
