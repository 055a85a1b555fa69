/**
 * A measurement: everything that is reported about a model on images whose truth is known, by the graphs that its users run. A
 * checkpoint is measured by the graphs that its export would have, so both give the same numbers.
 */
import {
  type AirConfig,
  type EvidenceOptions,
  type ImageEvidence,
  type InferenceOptions,
  type Scene as InferredScene,
  requireInteger,
} from "@air-onnx/core";
import { DataError, fillBatch, pixelsPerImage, type SceneSet, trueBoxes } from "@air-onnx/scenes";
import { type BoxQuality, BoxTally } from "./box-quality.js";
import { type Evaluation, EvaluationTally, type ImageMeasures, MeanTally } from "./evaluation.js";

/** What can be measured: an opened model of either runtime, or a checkpoint. */
export interface MeasurableModel {
  readonly config: AirConfig;
  infer(images: Float32Array, options: InferenceOptions): Promise<InferredScene[]>;
  evidence(images: Float32Array, options: EvidenceOptions): Promise<ImageEvidence[]>;
}

/** The bound on log p(x) by importance weighting, and what others report in its place. */
export interface ImportanceWeightedBound {
  /** Trajectories K of each image. */
  readonly samples: number;
  /** The first so many images. */
  readonly images: number;
  /** Mean of log 1/K Σ_k w_k per image, nats: its expectation is below the mean log p(x). */
  readonly bound: number;
  /** Of `bound`, over the images. */
  readonly standardError: number;
  /** Mean over the images of (Σ w)² / Σ w², from 1 to K. */
  readonly effectiveSamples: number;
  /** Mean of log 1/K Σ_k exp(ELBO_k), with analytic KLs in ELBO_k: not a bound, for comparison with those who report it. */
  readonly analyticKlFormula: number;
}

/** All that is measured of a model: an {@link Evaluation}, what `infer` finds, and the importance-weighted bound. */
export interface Measurement extends Evaluation {
  /** Of the noise. */
  readonly seed: number;
  /** Share of right counts at the posterior means, without noise: what `infer` finds. */
  readonly countAccuracyMean: number;
  /** Of what `infer` finds; absent where the true boxes are not known. */
  readonly boxes?: BoxQuality;
  /** The same two of `infer` with `prune`; absent for a model that cannot. */
  readonly pruned?: { readonly countAccuracy: number; readonly boxes?: BoxQuality };
  /** Absent unless asked for. */
  readonly importanceWeighted?: ImportanceWeightedBound;
}

/** One image with what was found in it. */
export interface MeasuredImage {
  /** In the set. */
  readonly index: number;
  readonly trueCount: number;
  /** At the posterior means. */
  readonly scene: InferredScene;
  readonly evidence: ImageEvidence;
}

export interface MeasureOptions {
  /** The first so many images; default all. */
  readonly images?: number | undefined;
  /** Of the noise; default 0. */
  readonly seed?: number | undefined;
  /** Measures the importance-weighted bound with so many trajectories of each image. */
  readonly importanceSamples?: number | undefined;
  /** Of the first so many images alone; default all that are measured. */
  readonly importanceImages?: number | undefined;
  /** Called with each image, in order. */
  readonly onImage?: ((image: MeasuredImage) => void) | undefined;
  /** Of the work that is done, and of all; the unit is a trajectory of one image. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const BATCH_SIZE = 250;

/** What says how probable images are: any {@link MeasurableModel}, or parameters in the midst of training. */
export interface EvidenceModel {
  readonly config: AirConfig;
  evidence(
    images: Float32Array<ArrayBuffer>,
    options: Pick<EvidenceOptions, "seed" | "firstImage" | "signal">,
  ): Promise<readonly ImageMeasures[]>;
}

export interface MeasureEvidenceOptions extends Pick<MeasureOptions, "images" | "seed" | "signal"> {
  /** Images that are asked about together, 250 by default. It decides memory and speed alone. */
  readonly batchSize?: number | undefined;
}

/**
 * Measures on the first images of `scenes` what `model` says of their probability and count; nothing is inferred.
 *
 * @throws {DataError} if they are not of the model's size
 * @throws {RangeError} for a number of images that is not a positive integer
 * @throws the signal's reason when aborted
 */
export async function measureEvidence(
  model: EvidenceModel,
  scenes: SceneSet,
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
  scenes: SceneSet,
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
    done += end - start;
    onProgress?.(done, work);
    if (pruned) {
      const left = await model.infer(batch, { batchSize: BATCH_SIZE, prune: true, signal });
      left.forEach((scene, i) => void pruned.add(scene, scenes, start + i));
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
      onImage?.({ index, trueCount: scenes.counts[index]!, scene, evidence: measured });
    }
    return evidence;
  });
  return {
    ...evaluation,
    seed,
    countAccuracyMean: found.countAccuracy,
    ...(found.boxes && { boxes: found.boxes }),
    ...(pruned && {
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

/** Adds up what `evidenceOf` says of the images up to each of `ends`, batch by batch. */
async function tallyBatches(
  { prior, maxSteps }: AirConfig,
  scenes: SceneSet,
  ends: readonly number[],
  evidenceOf: (batch: Float32Array<ArrayBuffer>, start: number, end: number) => Promise<readonly ImageMeasures[]>,
): Promise<Evaluation> {
  const tally = new EvaluationTally(prior.presence, maxSteps, scenes.maxObjects);
  let start = 0;
  for (const end of ends) {
    const evidence = await evidenceOf(batchOf(scenes, start, end), start, end);
    for (let index = start; index < end; index++) tally.add(scenes.counts[index]!, evidence[index - start]!);
    start = end;
  }
  return tally.result();
}

/** Where batches of `batchSize` images end that go from `start` to `total`. */
function* batchEnds(total: number, batchSize: number, start = 0): Generator<number> {
  for (let end = start; end < total; ) {
    end = Math.min(total, end + batchSize);
    yield end;
  }
}

/** How good the scenes are that were inferred. */
class FoundTally {
  readonly #boxes = new BoxTally();
  #images = 0;
  #right = 0;

  /** @param index of the scene's image in the set */
  add({ count, objects }: InferredScene, scenes: SceneSet, index: number): void {
    this.#images++;
    if (count === scenes.counts[index]) this.#right++;
    const truth = trueBoxes(scenes, index);
    if (truth.length !== scenes.counts[index]) return;
    this.#boxes.add(
      objects.map(({ box }) => box),
      truth,
    );
  }

  get countAccuracy(): number {
    return this.#right / this.#images;
  }

  /** Undefined where the true boxes are not known. */
  get boxes(): BoxQuality | undefined {
    return this.#boxes.result();
  }
}

/** Images `start` to `end` of a set, `[end - start, C, S, S]` in [0, 1]. */
function batchOf(scenes: SceneSet, start: number, end: number): Float32Array<ArrayBuffer> {
  const batch = new Float32Array((end - start) * pixelsPerImage(scenes));
  fillBatch(
    scenes,
    Array.from({ length: end - start }, (_, i) => start + i),
    batch,
  );
  return batch;
}

function refuseOtherImages({ imageSize, channels }: AirConfig, scenes: SceneSet): void {
  if (scenes.size === 0) throw new DataError("There is no image to measure on", { kind: "missing" });
  if (scenes.imageSize === imageSize && scenes.channels === channels) return;
  throw new DataError(
    `The model takes images of ${imageSize}x${imageSize} with ${channels} channel(s), ` +
      `but those of the data set are ${scenes.imageSize}x${scenes.imageSize} with ${scenes.channels}`,
    { kind: "option", key: "dataset" },
  );
}
