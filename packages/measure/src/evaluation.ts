/**
 * An evaluation: the bound and the counts along one draw of the latents, on images whose truth is known. It is cheap enough to
 * be taken again and again in training; a `Measurement` holds an evaluation and all else that is known of a model.
 */
import { type ElboParts, fitPresencePrior, logCountPrior, mapCount } from "@air-onnx/core";

/** Means over the images, per image; nats, shares of 1, or counts of images. */
export interface Evaluation {
  /** Images measured. */
  readonly images: number;
  /** Evidence lower bound: one draw of the latents, KLs analytic, the count summed exactly. */
  readonly elbo: number;
  /** Of `elbo`, over the images; 0 if there is but one. */
  readonly elboStandardError: number;
  /** The parts of `elbo`, which is this minus the KLs. */
  readonly logLikelihood: number;
  readonly klWhere: number;
  readonly klWhat: number;
  readonly klCount: number;
  /** The presence prior that makes `elbo` largest over these images, and what `elbo` is then; nothing else changes. */
  readonly presencePriorFitted: { readonly presence: number; readonly elbo: number };
  /** Share of images whose most probable count is right. */
  readonly countAccuracyMap: number;
  /** Expected share of right counts if each is drawn from q(n|x). */
  readonly countAccuracySampled: number;
  /** Mean of |most probable count − true count|, objects: how far off wrong counts are. */
  readonly countMeanAbsoluteError: number;
  /** The two accuracies of the images with each true count, null where there is no such image. */
  readonly countAccuracyMapByCount: readonly (number | null)[];
  readonly countAccuracySampledByCount: readonly (number | null)[];
  /** `[true count][most probable count]`, images. */
  readonly confusion: readonly (readonly number[])[];
}

/** What an image is found to be. */
export interface ImageMeasures extends ElboParts {
  /** q(n|x), n = 0..T. */
  readonly countProbabilities: ArrayLike<number>;
}

const partNames = ["logLikelihood", "klWhere", "klWhat", "klCount"] as const;

/** Adds up an evaluation image by image. */
export class EvaluationTally {
  readonly #presencePrior: number;
  readonly #confusion: number[][];
  readonly #expectedRight: number[];
  readonly #elbo = new MeanTally();
  readonly #parts = { logLikelihood: 0, klWhere: 0, klWhat: 0, klCount: 0 };
  /** Σ q(n|x), n = 0..T. */
  readonly #counts: number[];

  /**
   * @param presencePrior the prior that the bounds are of
   * @param maxSteps most objects that the model finds
   * @param maxObjects most objects that an image has
   */
  constructor(presencePrior: number, maxSteps: number, maxObjects: number) {
    this.#presencePrior = presencePrior;
    const rows = Math.max(maxSteps, maxObjects) + 1;
    this.#confusion = Array.from({ length: rows }, () => new Array<number>(maxSteps + 1).fill(0));
    this.#expectedRight = new Array<number>(rows).fill(0);
    this.#counts = new Array<number>(maxSteps + 1).fill(0);
  }

  add(trueCount: number, measures: ImageMeasures): void {
    const q = measures.countProbabilities;
    this.#elbo.add(measures.elbo);
    for (const name of partNames) this.#parts[name] += measures[name];
    for (let n = 0; n < this.#counts.length; n++) this.#counts[n]! += q[n]!;
    // More objects than the model can find have no probability.
    this.#expectedRight[trueCount]! += q[trueCount] ?? 0;
    this.#confusion[trueCount]![mapCount(q)]!++;
  }

  result(): Evaluation {
    const { size: images, mean: elbo, standardError: elboStandardError } = this.#elbo;
    const right = this.#confusion.map((row, truth) => row[truth] ?? 0);
    const having = this.#confusion.map(sum);
    const shares = (values: readonly number[]): (number | null)[] =>
      values.map((value, truth) => (having[truth]! > 0 ? value / having[truth]! : null));
    return {
      images,
      elbo,
      elboStandardError,
      logLikelihood: this.#parts.logLikelihood / images,
      klWhere: this.#parts.klWhere / images,
      klWhat: this.#parts.klWhat / images,
      klCount: this.#parts.klCount / images,
      presencePriorFitted: this.#fitPresencePrior(),
      countAccuracyMap: sum(right) / images,
      countAccuracySampled: sum(this.#expectedRight) / images,
      countMeanAbsoluteError: sum(this.#confusion.map(absoluteErrors)) / images,
      countAccuracyMapByCount: shares(right),
      countAccuracySampledByCount: shares(this.#expectedRight),
      confusion: this.#confusion,
    };
  }

  #fitPresencePrior(): Evaluation["presencePriorFitted"] {
    const { size, mean: elbo } = this.#elbo;
    const q = this.#counts.map((total) => total / size);
    const presence = fitPresencePrior(q);
    const [own, fitted] = [this.#presencePrior, presence].map((p) => logCountPrior(p, q.length - 1));
    const gain = q.reduce((total, share, n) => (share > 0 ? total + share * (fitted![n]! - own![n]!) : total), 0);
    return { presence, elbo: elbo + gain };
  }
}

/** Mean and its standard error, of values added one by one (Welford's method, which does not cancel). */
export class MeanTally {
  size = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    this.size++;
    const before = value - this.mean;
    this.mean += before / this.size;
    this.#squares += before * (value - this.mean);
  }

  /** Of the mean; 0 for fewer than two values. */
  get standardError(): number {
    return this.size < 2 ? 0 : Math.sqrt(this.#squares / (this.size - 1) / this.size);
  }
}

/** Sum over the images in a row of the confusion matrix. */
function absoluteErrors(row: readonly number[], truth: number): number {
  return sum(row.map((images, found) => images * Math.abs(found - truth)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
