/** The images that a model explains worst, kept while many are measured. */
import type { MeasuredImage } from "./measure-model.js";

export class WorstImages {
  readonly #kept: number;
  readonly #lowestElbo: MeasuredImage[] = [];
  readonly #mostConfidentlyWrong: MeasuredImage[] = [];

  /** @param kept of either kind */
  constructor(kept: number) {
    this.#kept = kept;
  }

  add(image: MeasuredImage): void {
    this.#keep(this.#lowestElbo, image, ({ evidence }) => -evidence.elbo);
    if (image.scene.count !== image.trueCount) this.#keep(this.#mostConfidentlyWrong, image, confidence);
  }

  /** The lowest first. */
  get lowestElbo(): readonly MeasuredImage[] {
    return this.#lowestElbo;
  }

  /** Those whose wrong count is the most probable, the surest first. */
  get mostConfidentlyWrong(): readonly MeasuredImage[] {
    return this.#mostConfidentlyWrong;
  }

  /** Keeps `list` sorted, the largest of `order` first. */
  #keep(list: MeasuredImage[], image: MeasuredImage, order: (image: MeasuredImage) => number): void {
    const place = list.findIndex((other) => order(other) < order(image));
    list.splice(place < 0 ? list.length : place, 0, image);
    if (list.length > this.#kept) list.pop();
  }
}

/** q(n | x) of the count that was found. */
export function confidence({ scene }: MeasuredImage): number {
  return scene.countProbabilities[scene.count]!;
}
