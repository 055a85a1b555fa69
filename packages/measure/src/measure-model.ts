/**
 * Measurements: everything that is reported about a model on images, whose truth may be known, computed by the graphs that its
 * users run. A checkpoint is measured by the graphs that its export would have, so both give the same numbers.
 */
import {
  type AirConfig,
  type EvidenceOptions,
  type ImageEvidence,
  type InferenceOptions,
  type Scene as InferredScene,
  requireInteger,
} from "@air-onnx/core";
import {
  DataError,
  fillBatch,
  type LabelledImages,
  type ObjectTruth,
  pixelsPerImage,
  trueBoxes,
  UNKNOWN_KIND,
} from "@air-onnx/scenes";
import { type AppearanceQuality, AppearanceTally } from "./appearance.js";
import { type BoxQuality, BoxTally } from "./box-quality.js";
import { type Evaluation, EvaluationTally, type ImageMeasures, MeanTally } from "./evaluation.js";
import { rightObjects, type ScoreQuality, ScoreTally } from "./score-quality.js";
import { type SegmentationQuality, SegmentationTally } from "./segmentation.js";

/** A model that can be measured: an opened model of either runtime, or a checkpoint. */
export interface MeasurableModel {
  /** Configuration of the model. */
  readonly config: AirConfig;
  /** Infers the scene of each image; `images` is `[B, C, S, S]` in [0, 1]. */
  infer(images: Float32Array, options: InferenceOptions): Promise<InferredScene[]>;
  /** Computes the bound and the count probabilities of each image; `images` is `[B, C, S, S]` in [0, 1]. */
  evidence(images: Float32Array, options: EvidenceOptions): Promise<ImageEvidence[]>;
}

/** The importance-weighted bound on log p(x), and the formula that other implementations report in its place. */
export interface ImportanceWeightedBound {
  /** Number K of trajectories of each image. */
  readonly samples: number;
  /** Number of images, the first ones of the set. */
  readonly images: number;
  /** Mean of log 1/K Σ_k w_k over the images, nats. Its expectation is below the mean log p(x). */
  readonly bound: number;
  /** Standard error of `bound` over the images, nats. */
  readonly standardError: number;
  /** Mean over the images of (Σ w)² / Σ w², from 1 to K. */
  readonly effectiveSamples: number;
  /** Mean of log 1/K Σ_k exp(ELBO_k) with analytic KLs, nats. It is not a bound, and only for comparison with others. */
  readonly analyticKlFormula: number;
}

/** All numbers of a model: an {@link Evaluation}, the quality of inferred scenes, and the importance-weighted bound. */
export interface Measurement extends Evaluation {
  /** Seed of the noise. */
  readonly seed: number;
  /** Share of right counts of inferred scenes, at the posterior means, without noise; absent if no true count is known. */
  readonly countAccuracyMean?: number;
  /** Quality of the boxes of inferred scenes; absent where the true boxes are not known. */
  readonly boxes?: BoxQuality;
  /** The two above for `infer` with `prune`; absent if they are, or the model's likelihood does not allow pruning. */
  readonly pruned?: { readonly countAccuracy: number; readonly boxes?: BoxQuality };
  /** Agreement of the scores of the objects that `infer` finds by default with the truth; absent where no true box is known. */
  readonly score?: ScoreQuality;
  /** Agreement of the masks of these objects with the true ones; absent unless the truth is given. */
  readonly segmentation?: SegmentationQuality;
  /** What their appearance codes know of kinds; absent unless the truth is given with kinds. */
  readonly appearance?: AppearanceQuality;
  /** The importance-weighted bound; absent unless `importanceSamples` is given. */
  readonly importanceWeighted?: ImportanceWeightedBound;
}

/** One image and its results. */
export interface MeasuredImage {
  /** Index in the set. */
  readonly index: number;
  /** True number of objects; undefined if it is not known. */
  readonly trueCount: number | undefined;
  /** The scene inferred at the posterior means. */
  readonly scene: InferredScene;
  /** The bound and the count probabilities. */
  readonly evidence: ImageEvidence;
}

/** The options of {@link measureModel}. */
export interface MeasureOptions {
  /** Number of images, the first ones of the set. Default: all. */
  readonly images?: number | undefined;
  /** Seed of the noise. Default 0. */
  readonly seed?: number | undefined;
  /** Number K of trajectories of each image for the importance-weighted bound. Default: the bound is not measured. */
  readonly importanceSamples?: number | undefined;
  /** Number of images, the first ones, for the importance-weighted bound. Default: all that are measured. */
  readonly importanceImages?: number | undefined;
  /** The true pixels and kinds of the objects of the measured images, and perhaps of more (`loadObjectTruth`). */
  readonly truth?: ObjectTruth | undefined;
  /** Called with each image, in order. */
  readonly onImage?: ((image: MeasuredImage) => void) | undefined;
  /** Called with the work done and all the work, in trajectories of one image. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Stops the measurement when it aborts; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const BATCH_SIZE = 250;

/** A model that can be evaluated: any {@link MeasurableModel}, or parameters in the midst of training. */
export interface EvidenceModel {
  /** Configuration of the model. */
  readonly config: AirConfig;
  /** Computes the bound and the count probabilities of each image; `images` is `[B, C, S, S]` in [0, 1]. */
  evidence(
    images: Float32Array<ArrayBuffer>,
    options: Pick<EvidenceOptions, "seed" | "firstImage" | "signal">,
  ): Promise<readonly ImageMeasures[]>;
}

/** The options of {@link measureEvidence}. */
export interface MeasureEvidenceOptions extends Pick<MeasureOptions, "images" | "seed" | "signal"> {
  /** Number of images in a batch. Default 250. It changes memory and speed, not the results. */
  readonly batchSize?: number | undefined;
}

/**
 * Takes an evaluation of `model` on the first images of `scenes`: the bound and the counts, without inferring scenes.
 *
 * @throws {DataError} if they are not of the model's size
 * @throws {RangeError} for a number of images that is not a positive integer
 * @throws the signal's reason when aborted
 */
export async function measureEvidence(
  model: EvidenceModel,
  scenes: LabelledImages,
  { images = scenes.size, seed = 0, batchSize = BATCH_SIZE, signal }: MeasureEvidenceOptions = {},
): Promise<Evaluation> {
  refuseOtherImages(model.config, scenes);
  requireInteger("images", images, 1);
  requireInteger("batchSize", batchSize, 1);
  const total = Math.min(images, scenes.size);
  return tallyBatches(model.config, scenes, [...batchEnds(total, batchSize)], (batch, firstImage) => {
    signal?.throwIfAborted();
    return model.evidence(batch, { seed, firstImage, signal });
  });
}

/**
 * Measures `model` on the first images of `scenes`.
 *
 * @throws {DataError} if they are not of the model's size
 * @throws {RangeError} for a number of images or samples that is not a positive integer
 * @throws the signal's reason when aborted
 */
export async function measureModel(
  model: MeasurableModel,
  scenes: LabelledImages,
  options: MeasureOptions = {},
): Promise<Measurement> {
  const { config } = model;
  refuseOtherImages(config, scenes);
  const { images = scenes.size, seed = 0, onImage, onProgress, signal } = options;
  const { importanceSamples = 1, importanceImages = images } = options;
  const isWeighted = options.importanceSamples !== undefined;
  for (const [name, value] of Object.entries({ images, importanceSamples, importanceImages })) {
    requireInteger(name, value, 1);
  }
  const total = Math.min(images, scenes.size);
  const objects = options.truth && new ObjectTally(options.truth, scenes, total);
  const weighted = isWeighted ? Math.min(importanceImages, total) : 0;
  const samplesOf = (index: number): number => (index < weighted ? importanceSamples : 1);

  const found = new FoundTally();
  const pruned = config.likelihood.type === "gaussian" ? new FoundTally() : undefined;
  const bound = new MeanTally();
  const effectiveSamples = new MeanTally();
  const formula = new MeanTally();
  let done = 0;
  const work = (pruned ? 3 : 2) * total + weighted * (importanceSamples - 1);
  const ends = [...batchEnds(weighted, BATCH_SIZE), ...batchEnds(total, BATCH_SIZE, weighted)];
  const evaluation = await tallyBatches(config, scenes, ends, async (batch, start, end) => {
    const inferred = await model.infer(batch, { batchSize: BATCH_SIZE, prune: false, signal });
    inferred.forEach((scene, i) => void found.add(scene, scenes, start + i));
    if (!pruned) inferred.forEach((scene, i) => void objects?.add(scene, start + i));
    done += end - start;
    onProgress?.(done, work);
    if (pruned) {
      const left = await model.infer(batch, { batchSize: BATCH_SIZE, prune: true, signal });
      left.forEach((scene, i) => void pruned.add(scene, scenes, start + i));
      left.forEach((scene, i) => void objects?.add(scene, start + i));
      done += end - start;
      onProgress?.(done, work);
    }
    const evidence = await model.evidence(batch, {
      samples: samplesOf(start),
      seed,
      firstImage: start,
      batchSize: BATCH_SIZE,
      signal,
      onProgress: (trajectories) => onProgress?.(done + trajectories, work),
    });
    done += (end - start) * samplesOf(start);
    for (let index = start; index < end; index++) {
      const [scene, measured] = [inferred[index - start]!, evidence[index - start]!];
      if (index < weighted) {
        bound.add(measured.importanceWeighted);
        effectiveSamples.add(measured.effectiveSamples);
        formula.add(measured.analyticKlFormula);
      }
      onImage?.({ index, trueCount: scenes.counts[index], scene, evidence: measured });
    }
    return evidence;
  });
  const { scores } = pruned ?? found;
  return {
    ...evaluation,
    seed,
    ...(found.countAccuracy !== undefined && { countAccuracyMean: found.countAccuracy }),
    ...(found.boxes && { boxes: found.boxes }),
    ...(scores && { score: scores }),
    ...objects?.result(seed),
    ...(pruned?.countAccuracy !== undefined && {
      pruned: { countAccuracy: pruned.countAccuracy, ...(pruned.boxes && { boxes: pruned.boxes }) },
    }),
    ...(isWeighted && {
      importanceWeighted: {
        samples: importanceSamples,
        images: weighted,
        bound: bound.mean,
        standardError: bound.standardError,
        effectiveSamples: effectiveSamples.mean,
        analyticKlFormula: formula.mean,
      },
    }),
  };
}

/** Adds up the results of `evidenceOf`, batch by batch. Each batch ends before the image at one of `ends`. */
async function tallyBatches(
  { prior, maxSteps }: AirConfig,
  scenes: LabelledImages,
  ends: readonly number[],
  evidenceOf: (batch: Float32Array<ArrayBuffer>, start: number, end: number) => Promise<readonly ImageMeasures[]>,
): Promise<Evaluation> {
  const tally = new EvaluationTally(prior.presence, maxSteps, scenes.maxObjects);
  let start = 0;
  for (const end of ends) {
    const evidence = await evidenceOf(batchOf(scenes, start, end), start, end);
    for (let index = start; index < end; index++) tally.add(scenes.counts[index], evidence[index - start]!);
    start = end;
  }
  return tally.result();
}

/** Yields the exclusive ends of batches of at most `batchSize` images from `start` to `total`. */
function* batchEnds(total: number, batchSize: number, start = 0): Generator<number> {
  for (let end = start; end < total; ) {
    end = Math.min(total, end + batchSize);
    yield end;
  }
}

/** Adds up the count accuracy, the box quality and the scores of inferred scenes. */
class FoundTally {
  readonly #boxes = new BoxTally();
  readonly #scores = new ScoreTally();
  #images = 0;
  #right = 0;

  /**
   * Adds a scene.
   *
   * @param index the index of its image in the set
   */
  add({ count, objects }: InferredScene, scenes: LabelledImages, index: number): void {
    const trueCount = scenes.counts[index];
    if (trueCount === undefined) return;
    this.#images++;
    if (count === trueCount) this.#right++;
    const truth = trueBoxes(scenes, index);
    if (truth.length !== trueCount) return;
    this.#boxes.add(
      objects.map(({ tightBox, presence }) => ({ box: tightBox, score: presence })),
      truth,
    );
    this.#scores.add(objects, truth);
  }

  /** Share of scenes whose count is right; undefined if no true count is known. */
  get countAccuracy(): number | undefined {
    return this.#images > 0 ? this.#right / this.#images : undefined;
  }

  /** Box quality; undefined where the true boxes are not known. */
  get boxes(): BoxQuality | undefined {
    return this.#boxes.result();
  }

  /** Quality of the scores; undefined where the true boxes are not known, or no object was found. */
  get scores(): ScoreQuality | undefined {
    return this.boxes && this.#scores.result();
  }
}

/** Compares inferred scenes with the true pixels and kinds of objects. */
class ObjectTally {
  readonly #truth: ObjectTruth;
  readonly #scenes: LabelledImages;
  readonly #segmentation = new SegmentationTally();
  readonly #appearance = new AppearanceTally();

  /**
   * @param total number of images, the first ones of `scenes`
   * @throws {DataError} if the truth is not that of the images
   */
  constructor(truth: ObjectTruth, scenes: LabelledImages, total: number) {
    const same = truth.size >= total && scenes.counts.subarray(0, total).every((count, i) => count === truth.counts[i]);
    if (!same || truth.owners.length !== truth.size * scenes.imageSize ** 2) {
      throw new DataError("The truth about objects is not that of these images", { kind: "option", key: "truth" });
    }
    this.#truth = truth;
    this.#scenes = scenes;
  }

  /**
   * Adds a scene.
   *
   * @param index the index of its image
   */
  add({ objects }: InferredScene, index: number): void {
    const { owners, kinds, counts, maxObjects } = this.#truth;
    const plane = this.#scenes.imageSize ** 2;
    this.#segmentation.add(objects, owners.subarray(index * plane, (index + 1) * plane), counts[index]!);
    for (const [found, object] of rightObjects(objects, trueBoxes(this.#scenes, index))) {
      const kind = kinds[index * maxObjects + object]!;
      if (kind !== UNKNOWN_KIND) this.#appearance.add(objects[found]!.zWhat, kind);
    }
  }

  result(seed: number): Pick<Measurement, "segmentation" | "appearance"> {
    const [segmentation, appearance] = [this.#segmentation.result(), this.#appearance.result(seed)];
    return { ...(segmentation && { segmentation }), ...(appearance && { appearance }) };
  }
}

/** Copies images `start` to `end` of a set into a batch `[end - start, C, S, S]` in [0, 1]. */
function batchOf(scenes: LabelledImages, start: number, end: number): Float32Array<ArrayBuffer> {
  const batch = new Float32Array((end - start) * pixelsPerImage(scenes));
  fillBatch(
    scenes,
    Array.from({ length: end - start }, (_, i) => start + i),
    batch,
  );
  return batch;
}

function refuseOtherImages({ imageSize, channels }: AirConfig, scenes: LabelledImages): void {
  if (scenes.size === 0) throw new DataError("There is no image to measure on", { kind: "missing" });
  if (scenes.imageSize === imageSize && scenes.channels === channels) return;
  throw new DataError(
    `The model takes images of ${imageSize}x${imageSize} with ${channels} channel(s), ` +
      `but those of the data set are ${scenes.imageSize}x${scenes.imageSize} with ${scenes.channels}`,
    { kind: "option", key: "dataset" },
  );
}
