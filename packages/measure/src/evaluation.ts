/**
 * Evaluations: the bound along one draw of the latents, and the counts where the true ones are known. An evaluation is cheap
 * enough to be repeated during training. A `Measurement` has an evaluation and all other numbers of a model.
 */
import { type ElboParts, fitPresencePrior, logCountPrior, mapCount } from "@air-onnx/core";

/** The quality of the counts: means over the images whose true count is known, or numbers of such images. */
export interface CountQuality {
  /** Number of images whose true count is known. */
  readonly countedImages: number;
  /** Share of images whose most probable count is right. */
  readonly countAccuracyMap: number;
  /** Expected share of right counts if each count is drawn from q(n|x). */
  readonly countAccuracySampled: number;
  /** Mean of |most probable count − true count|, objects. */
  readonly countMeanAbsoluteError: number;
  /** Share of images whose most probable count exceeds the true one. */
  readonly overcounted: number;
  /** Share of images whose most probable count is below the true one. */
  readonly undercounted: number;
  /** `countAccuracyMap` of the images with each true count, by true count; null where there is no such image. */
  readonly countAccuracyMapByCount: readonly (number | null)[];
  /** `countAccuracySampled` of the images with each true count, by true count; null where there is no such image. */
  readonly countAccuracySampledByCount: readonly (number | null)[];
  /** Number of images by `[true count][most probable count]`. */
  readonly confusion: readonly (readonly number[])[];
}

/**
 * An evaluation. Its numbers are means over the images, in nats per image or as shares of 1, or numbers of images. The quality
 * of the counts is absent if no true count is known.
 */
export interface Evaluation extends Partial<CountQuality> {
  /** Number of images measured. */
  readonly images: number;
  /** Evidence lower bound, nats: one draw of the latents, analytic KLs, the sum over the count exact. */
  readonly elbo: number;
  /** Standard error of `elbo` over the images, nats; 0 if there is only one image. */
  readonly elboStandardError: number;
  /** Log-likelihood, nats. `elbo` is this minus the three KLs. */
  readonly logLikelihood: number;
  /** KL of the where latents from their prior, nats. */
  readonly klWhere: number;
  /** KL of the what latents from their prior, nats. */
  readonly klWhat: number;
  /** KL of the count from its prior, nats. */
  readonly klCount: number;
  /** The presence prior that makes `elbo` largest over these images, and the `elbo` with it; all else is unchanged. */
  readonly presencePriorFitted: { readonly presence: number; readonly elbo: number };
  /** Number of images by most probable count, 0..T, of all images. */
  readonly foundCounts: readonly number[];
}

/** The bound and the count probabilities of one image. */
export interface ImageMeasures extends ElboParts {
  /** Probabilities q(n|x) of the counts n = 0..T. */
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
  /** Sums of q(n|x) over the images, n = 0..T. */
  readonly #counts: number[];
  readonly #found: number[];

  /**
   * Starts an evaluation of no images.
   *
   * @param presencePrior the presence prior that the bounds were computed with
   * @param maxSteps most objects that the model can find
   * @param maxObjects most objects in an image whose count is known
   */
  constructor(presencePrior: number, maxSteps: number, maxObjects: number) {
    this.#presencePrior = presencePrior;
    const rows = Math.max(maxSteps, maxObjects) + 1;
    this.#confusion = Array.from({ length: rows }, () => new Array<number>(maxSteps + 1).fill(0));
    this.#expectedRight = new Array<number>(rows).fill(0);
    this.#counts = new Array<number>(maxSteps + 1).fill(0);
    this.#found = new Array<number>(maxSteps + 1).fill(0);
  }

  /** Adds an image. Its true count is undefined if it is not known. */
  add(trueCount: number | undefined, measures: ImageMeasures): void {
    const q = measures.countProbabilities;
    this.#elbo.add(measures.elbo);
    for (const name of partNames) this.#parts[name] += measures[name];
    for (let n = 0; n < this.#counts.length; n++) this.#counts[n]! += q[n]!;
    const found = mapCount(q);
    this.#found[found]!++;
    if (trueCount === undefined) return;
    // Counts beyond what the model can find have probability 0.
    this.#expectedRight[trueCount]! += q[trueCount] ?? 0;
    this.#confusion[trueCount]![found]!++;
  }

  /** Returns the evaluation of all images so far. */
  result(): Evaluation {
    const { size: images, mean: elbo, standardError: elboStandardError } = this.#elbo;
    return {
      images,
      elbo,
      elboStandardError,
      logLikelihood: this.#parts.logLikelihood / images,
      klWhere: this.#parts.klWhere / images,
      klWhat: this.#parts.klWhat / images,
      klCount: this.#parts.klCount / images,
      presencePriorFitted: this.#fitPresencePrior(),
      foundCounts: this.#found,
      ...this.#countQuality(),
    };
  }

  /** Undefined if no true count is known. */
  #countQuality(): CountQuality | undefined {
    const having = this.#confusion.map(sum);
    const images = sum(having);
    if (images === 0) return undefined;
    const right = this.#confusion.map((row, truth) => row[truth] ?? 0);
    const shares = (values: readonly number[]): (number | null)[] =>
      values.map((value, truth) => (having[truth]! > 0 ? value / having[truth]! : null));
    return {
      countedImages: images,
      countAccuracyMap: sum(right) / images,
      countAccuracySampled: sum(this.#expectedRight) / images,
      countMeanAbsoluteError: sum(this.#confusion.map(absoluteErrors)) / images,
      overcounted: sum(this.#confusion.map((row, truth) => sum(row.slice(truth + 1)))) / images,
      undercounted: sum(this.#confusion.map((row, truth) => sum(row.slice(0, truth)))) / images,
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

/** The mean of values added one by one, and its standard error (Welford's method, which avoids cancellation). */
export class MeanTally {
  /** Number of values. */
  size = 0;
  /** Mean of the values. */
  mean = 0;
  #squares = 0;

  /** Adds a value. */
  add(value: number): void {
    this.size++;
    const before = value - this.mean;
    this.mean += before / this.size;
    this.#squares += before * (value - this.mean);
  }

  /** Standard error of the mean; 0 for fewer than two values. */
  get standardError(): number {
    return this.size < 2 ? 0 : Math.sqrt(this.#squares / (this.size - 1) / this.size);
  }
}

/** Sum of the absolute errors of the images in a row of the confusion matrix. */
function absoluteErrors(row: readonly number[], truth: number): number {
  return sum(row.map((images, found) => images * Math.abs(found - truth)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
