/**
 * What is measured on images whose truth is known, whoever inferred them: trained parameters or an exported model.
 */
import { mapCount } from "@air-onnx/core";

export interface Evaluation {
  /** Images measured. */
  readonly images: number;
  /** Mean evidence lower bound per image, nats: one draw of the latents, KLs analytic, the count summed exactly. */
  readonly elbo: number;
  /** Share of images whose most probable count is right. */
  readonly countAccuracyMap: number;
  /** Expected share of right counts if each is drawn from q(n|x). */
  readonly countAccuracySampled: number;
  /** `[true count][most probable count]`, images. */
  readonly confusion: readonly (readonly number[])[];
}

/** Adds up an evaluation image by image. */
export class EvaluationTally {
  readonly #confusion: number[][];
  #images = 0;
  #elbo = 0;
  #right = 0;
  #expectedRight = 0;

  /**
   * @param maxSteps most objects that the model finds
   * @param maxObjects most objects that an image has
   */
  constructor(maxSteps: number, maxObjects: number) {
    this.#confusion = Array.from({ length: Math.max(maxSteps, maxObjects) + 1 }, () =>
      new Array<number>(maxSteps + 1).fill(0),
    );
  }

  /** @param probabilities q(n|x), n = 0..maxSteps */
  add(trueCount: number, probabilities: ArrayLike<number>, elbo: number): void {
    const count = mapCount(probabilities);
    this.#images++;
    this.#elbo += elbo;
    this.#right += count === trueCount ? 1 : 0;
    // More objects than the model can find have no probability.
    this.#expectedRight += probabilities[trueCount] ?? 0;
    this.#confusion[trueCount]![count]!++;
  }

  result(): Evaluation {
    return {
      images: this.#images,
      elbo: this.#elbo / this.#images,
      countAccuracyMap: this.#right / this.#images,
      countAccuracySampled: this.#expectedRight / this.#images,
      confusion: this.#confusion,
    };
  }
}
