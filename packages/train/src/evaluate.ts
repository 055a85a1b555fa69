/**
 * Evaluation of parameters during training, on held-out images: the bound and its parts, and count accuracy where true counts
 * are known.
 */
import { type AirConfig, elboParts, logCountPrior, mapCount, trajectoryNoise } from "@air-onnx/core";
import { type Evaluation, type EvidenceModel, type ImageMeasures, measureEvidence } from "@air-onnx/measure";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { fillBatch, type LabelledImages, pixelsPerImage } from "@air-onnx/scenes";
import { BATCH, encodeGraph, trace } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { trainingSessionOptions } from "./engine/session-options.js";
import { parameterShapes } from "./model/parameters.js";
import { evaluateScenes } from "./objective/marginal.js";
import type { NamedTensorData } from "./training-state.js";

/** The model's explanation of one image, for pictures. */
export interface Explanation {
  /** Most probable number of objects. */
  readonly count: number;
  /** Its probability. */
  readonly countProbability: number;
  /** Probability of at least that number. */
  readonly leastProbability: number;
  /** Windows of these objects, `count` of (s, x, y). */
  readonly zWhere: readonly (readonly [number, number, number])[];
  /** Canvas after each of these objects, `count` of [C, S, S]. */
  readonly canvases: readonly Float32Array[];
  /** Canvas of these objects, [C, S, S]. */
  readonly reconstruction: Float32Array;
}

/** Options of {@link Evaluator.evaluate}. */
export interface EvaluateOptions {
  /** Number of images to evaluate, from the first; all by default. */
  readonly images?: number | undefined;
  /** Seed of the noise, 0 by default. The noise is that of the first sample of `estimateEvidence` in @air-onnx/core. */
  readonly seed?: number | undefined;
  /** Stops between batches. */
  readonly signal?: AbortSignal | undefined;
}

const BATCH_SIZE = 100;
/** Outputs that evaluations need. The others are as large as images. */
const MEASURED = ["logCount", "logLikelihood", "klWhere", "klWhat"] as const;
/** Outputs that explanations need. */
const EXPLAINED = ["logCount", "zWhere", "canvases"] as const;

/**
 * An evaluation traced once for a whole training run: the parameters are inputs of its graph. Dispose of it to free its
 * session.
 */
export class Evaluator implements AsyncDisposable {
  readonly #config: AirConfig;
  readonly #session: ort.InferenceSession;

  private constructor(config: AirConfig, session: ort.InferenceSession) {
    this.#config = config;
    this.#session = session;
  }

  /**
   * Traces the evaluation of the model `config` and loads it into onnxruntime.
   *
   * @param options `threads`: threads of one operator on the CPU; 0, the default, lets onnxruntime choose
   */
  static async create(config: AirConfig, { threads = 0 }: { readonly threads?: number } = {}): Promise<Evaluator> {
    const shapes = parameterShapes(config);
    const traced = trace(
      (tensors) => {
        const { epsWhere, epsWhat, image } = tensors;
        const prior = tf.tensor1d(logCountPrior(config.prior.presence, config.maxSteps));
        const { logCount, logLikelihood, klWhere, klWhat, zWhere, canvases } = evaluateScenes(
          tensors,
          config,
          image!,
          { epsWhere: epsWhere!, epsWhat: epsWhat! },
          prior,
        );
        return { logCount, logLikelihood, klWhere, klWhat, zWhere, canvases };
      },
      {
        inputs: {
          ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }] as const)),
          image: { shape: [BATCH, config.channels, config.imageSize, config.imageSize] },
          epsWhere: { shape: [config.maxSteps, BATCH, 3] },
          epsWhat: { shape: [config.maxSteps, BATCH, config.zWhatSize] },
        },
      },
    );
    // onnxruntime's memory arena would keep the memory of one evaluation until the next, through all training steps
    // between.
    const session = await ort.InferenceSession.create(encodeGraph(traced, { name: "evaluate" }), {
      ...trainingSessionOptions(threads),
      enableCpuMemArena: false,
    });
    return new Evaluator(config, session);
  }

  /**
   * Evaluates `parameters` on the first images of `scenes`.
   *
   * @throws the errors of `measureEvidence` in @air-onnx/measure
   */
  evaluate(parameters: NamedTensorData, scenes: LabelledImages, options: EvaluateOptions = {}): Promise<Evaluation> {
    const evidence: EvidenceModel["evidence"] = (images, { seed = 0, firstImage = 0 }) =>
      this.#evidence(parameters, images, seed, firstImage);
    return measureEvidence({ config: this.#config, evidence }, scenes, { ...options, batchSize: BATCH_SIZE });
  }

  /** The model's explanations of images `start` to `start + size`, along the trajectory of seed 0, for pictures. */
  async explain(
    parameters: NamedTensorData,
    scenes: LabelledImages,
    start: number,
    size: number,
  ): Promise<Explanation[]> {
    const images = new Float32Array(size * pixelsPerImage(scenes));
    fillBatch(
      scenes,
      Array.from({ length: size }, (_, i) => start + i),
      images,
    );
    return this.explainImages(parameters, images, start);
  }

  /**
   * The model's explanations of images, along the trajectory of seed 0.
   *
   * @param images [B, C, S, S]
   * @param firstImage number of the first one, on which the noise depends
   */
  async explainImages(parameters: NamedTensorData, images: Float32Array, firstImage: number): Promise<Explanation[]> {
    const { maxSteps, channels, imageSize } = this.#config;
    const pixels = channels * imageSize ** 2;
    const outputs = await this.#run(EXPLAINED, parameters, images, { seed: 0, firstImage });
    const logCounts = outputs.logCount!.data as Float32Array;
    const windows = outputs.zWhere!.data as Float32Array;
    const canvases = outputs.canvases!.data as Float32Array;
    return Array.from({ length: images.length / pixels }, (_, i) => {
      const own = logCounts.subarray(i * (maxSteps + 1), (i + 1) * (maxSteps + 1));
      const count = mapCount(own);
      const drawn = Array.from({ length: count }, (_, t) => {
        const first = (i * maxSteps + t) * pixels;
        return canvases.slice(first, first + pixels);
      });
      return {
        count,
        countProbability: Math.exp(own[count]!),
        leastProbability: own.subarray(count).reduce((sum, log) => sum + Math.exp(log), 0),
        zWhere: Array.from({ length: count }, (_, t) => {
          const [s, x, y] = windows.subarray((i * maxSteps + t) * 3);
          return [s!, x!, y!] as const;
        }),
        canvases: drawn,
        reconstruction: drawn.at(-1) ?? new Float32Array(pixels),
      };
    });
  }

  /** Frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }

  /** The bound's parts and the counts' probabilities along one trajectory, for each of `images`, [B, C, S, S]. */
  async #evidence(
    parameters: NamedTensorData,
    images: Float32Array,
    seed: number,
    firstImage: number,
  ): Promise<ImageMeasures[]> {
    const { maxSteps, prior } = this.#config;
    const counts = maxSteps + 1;
    const logPrior = logCountPrior(prior.presence, maxSteps);
    const outputs = await this.#run(MEASURED, parameters, images, { seed, firstImage });
    const rows = (name: (typeof MEASURED)[number], length: number, i: number): Float32Array =>
      (outputs[name]!.data as Float32Array).subarray(i * length, (i + 1) * length);
    return Array.from({ length: outputs.logCount!.dims[0]! }, (_, i) => {
      const countProbabilities = Float64Array.from(rows("logCount", counts, i), Math.exp);
      const parts = elboParts({
        countProbabilities,
        logCountPrior: logPrior,
        logLikelihoods: rows("logLikelihood", counts, i),
        klWhere: rows("klWhere", maxSteps, i),
        klWhat: rows("klWhat", maxSteps, i),
      });
      return { ...parts, countProbabilities };
    });
  }

  #run(
    outputs: readonly string[],
    parameters: NamedTensorData,
    images: Float32Array,
    of: { readonly seed: number; readonly firstImage: number },
  ): Promise<ort.InferenceSession.ReturnType> {
    const { channels, imageSize, maxSteps, zWhatSize } = this.#config;
    const size = images.length / (channels * imageSize ** 2);
    const noise = trajectoryNoise(this.#config, size, { ...of, sample: 0 });
    const shapes = parameterShapes(this.#config);
    const feeds = {
      ...Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [name, new ort.Tensor("float32", parameters[name]!.data, shape)]),
      ),
      image: new ort.Tensor("float32", images, [size, channels, imageSize, imageSize]),
      epsWhere: new ort.Tensor("float32", noise.where, [maxSteps, size, 3]),
      epsWhat: new ort.Tensor("float32", noise.what, [maxSteps, size, zWhatSize]),
    };
    return this.#session.run(feeds, outputs);
  }
}
