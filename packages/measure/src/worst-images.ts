/** The images that a model explains worst. */
import type { MeasuredImage } from "./measure-model.js";

/** Keeps the worst images while many are measured: those with the lowest bounds, and the surest wrong counts. */
export class WorstImages {
  readonly #kept: number;
  readonly #lowestElbo: MeasuredImage[] = [];
  readonly #mostConfidentlyWrong: MeasuredImage[] = [];

  /** @param kept the number of images to keep of either kind */
  constructor(kept: number) {
    this.#kept = kept;
  }

  /** Adds an image, which is kept if it is among the worst so far. */
  add(image: MeasuredImage): void {
    this.#keep(this.#lowestElbo, image, ({ evidence }) => -evidence.elbo);
    if (image.trueCount !== undefined && image.scene.count !== image.trueCount)
      this.#keep(this.#mostConfidentlyWrong, image, confidence);
  }

  /** Images with the lowest bounds, the lowest first. */
  get lowestElbo(): readonly MeasuredImage[] {
    return this.#lowestElbo;
  }

  /** Images with a wrong count that the model is surest of, the surest first. */
  get mostConfidentlyWrong(): readonly MeasuredImage[] {
    return this.#mostConfidentlyWrong;
  }

  /** Inserts `image` into `list`, which stays sorted with the largest of `order` first. */
  #keep(list: MeasuredImage[], image: MeasuredImage, order: (image: MeasuredImage) => number): void {
    const place = list.findIndex((other) => order(other) < order(image));
    list.splice(place < 0 ? list.length : place, 0, image);
    if (list.length > this.#kept) list.pop();
  }
}

/** Probability q(n|x) of the count that was found. */
export function confidence({ scene }: MeasuredImage): number {
  return scene.countProbabilities[scene.count]!;
}
