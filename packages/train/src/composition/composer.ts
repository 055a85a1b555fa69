/** The composed images of a run's batches, as a function of configuration, cut-outs and step. */
import { RandomStream } from "@air-onnx/core";
import type { TrainConfig } from "../config.js";
import type { ComposedBatch } from "../objective/estimator.js";
import { type CompositionPlan, composeImage } from "./compose.js";
import type { CutOut } from "./cut-outs.js";

/** First part of the key of the random streams that images are composed by. */
const COMPOSITION_STREAM = 0x636f6d70;

/** Composes images for the batches of a run. */
export class Composer {
  /** Composed images of each batch, and the most objects of one. */
  readonly batch: ComposedBatch;
  readonly #seed: number;
  readonly #plan: CompositionPlan;
  readonly #cutOuts: readonly CutOut[];

  /** @throws {Error} if the configuration's windows have no bounds, or it composes no images */
  constructor({ model, composition, seed }: TrainConfig, batch: ComposedBatch, cutOuts: readonly CutOut[]) {
    if (model.where.type !== "bounded" || composition === null) throw new Error("This run composes no images");
    this.batch = batch;
    this.#seed = seed;
    this.#cutOuts = cutOuts;
    this.#plan = {
      imageSize: model.imageSize,
      channels: model.channels,
      maxObjects: batch.objects,
      overlap: composition.overlap,
      objectSide: model.where.side[1],
    };
  }

  /**
   * The objects of the composed images of steps `done` + 1 to `done` + `steps`, [steps, images, objects, C, S, S].
   *
   * @param past an earlier result that is no longer needed; it is overwritten and returned if it has the right size
   */
  compose(done: number, steps: number, past?: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    const { images, objects } = this.batch;
    const { channels, imageSize } = this.#plan;
    const size = objects * channels * imageSize ** 2;
    const length = steps * images * size;
    const layers = past?.length === length ? past.fill(0) : new Float32Array(length);
    for (let step = 0; step < steps; step++) {
      const random = new RandomStream(this.#seed, COMPOSITION_STREAM, done + step);
      for (let image = 0; image < images; image++) {
        const at = (step * images + image) * size;
        composeImage(layers.subarray(at, at + size), this.#cutOuts, this.#plan, random);
      }
    }
    return layers;
  }
}
