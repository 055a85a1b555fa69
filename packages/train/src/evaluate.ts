/**
 * Evaluation of parameters during training, on held-out images: the bound and its parts, and count accuracy where true counts
 * are known.
 */
import { type AirConfig, logCountPrior } from "@air-onnx/core";
import { type Evaluation, type EvidenceModel, measureEvidence } from "@air-onnx/measure";
import * as ort from "@air-onnx/runtime-node/onnxruntime";
import { fillBatch, type LabelledImages, pixelsPerImage } from "@air-onnx/scenes";
import { BATCH, encodeGraph, trace } from "@air-onnx/tracer";
import { EvaluationGraph, type Explanation, type NamedTensorData } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { trainingSessionOptions } from "./engine/session-options.js";
import { parameterShapes } from "./model/parameters.js";
import { evaluateScenes } from "./objective/marginal.js";

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
/** Traces the evaluation of the model `config` into a serialised graph, see `EvaluationGraph` of @air-onnx/trainer. */
export function encodeEvaluation(config: AirConfig): Uint8Array {
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
        ...Object.fromEntries(
          Object.entries(parameterShapes(config)).map(([name, shape]) => [name, { shape }] as const),
        ),
        image: { shape: [BATCH, config.channels, config.imageSize, config.imageSize] },
        epsWhere: { shape: [config.maxSteps, BATCH, 3] },
        epsWhat: { shape: [config.maxSteps, BATCH, config.zWhatSize] },
      },
    },
  );
  return encodeGraph(traced, { name: "evaluate" });
}

/**
 * An evaluation traced once for a whole training run: the parameters are inputs of its graph. Dispose of it to free its
 * session.
 */
export class Evaluator implements AsyncDisposable {
  readonly #config: AirConfig;
  readonly #graph: EvaluationGraph;

  private constructor(config: AirConfig, graph: EvaluationGraph) {
    this.#config = config;
    this.#graph = graph;
  }

  /**
   * Traces the evaluation of the model `config` and loads it into onnxruntime.
   *
   * @param options `threads`: threads of one operator on the CPU; 0, the default, lets onnxruntime choose
   */
  static async create(config: AirConfig, { threads = 0 }: { readonly threads?: number } = {}): Promise<Evaluator> {
    // onnxruntime's memory arena would keep the memory of one evaluation until the next, through all training steps
    // between.
    const session = await ort.InferenceSession.create(encodeEvaluation(config), {
      ...trainingSessionOptions(threads),
      enableCpuMemArena: false,
    });
    const graph = new EvaluationGraph(config, session, Object.keys(parameterShapes(config)));
    return new Evaluator(config, graph);
  }

  /**
   * Evaluates `parameters` on the first images of `scenes`.
   *
   * @throws the errors of `measureEvidence` in @air-onnx/measure
   */
  evaluate(parameters: NamedTensorData, scenes: LabelledImages, options: EvaluateOptions = {}): Promise<Evaluation> {
    const evidence: EvidenceModel["evidence"] = (images, { seed = 0, firstImage = 0 }) =>
      this.#graph.bounds(parameters, images, { seed, firstImage });
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
  explainImages(parameters: NamedTensorData, images: Float32Array, firstImage: number): Promise<Explanation[]> {
    return this.#graph.explain(parameters, images, { seed: 0, firstImage });
  }

  /** Frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#graph.release();
  }
}
