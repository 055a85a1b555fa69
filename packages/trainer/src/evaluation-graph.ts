/** The evaluation graph: what a model makes of images while it is trained, with the parameters as inputs. */
import { type AirConfig, type ElboParts, elboParts, logCountPrior, mapCount, trajectoryNoise } from "@air-onnx/core";
import { type InferenceSession, Tensor } from "onnxruntime-common";
import type { TrainingSession } from "./training-loop.js";
import type { NamedTensorData } from "./training-state.js";

/** The bound and the count probabilities of one image. */
export interface ImageBound extends ElboParts {
  /** Probabilities q(n|x) of the counts n = 0..T. */
  readonly countProbabilities: Float64Array;
}

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

/** On what the noise of an evaluation depends. */
export interface EvaluationNoise {
  /** Seed of the noise. */
  readonly seed: number;
  /** Number of the first image. */
  readonly firstImage: number;
}

/** Outputs that bounds need. The others are as large as images. */
const MEASURED = ["logCount", "logLikelihood", "klWhere", "klWhat"] as const;
/** Outputs that explanations need. */
const EXPLAINED = ["logCount", "zWhere", "canvases"] as const;

/**
 * An open evaluation graph. Its inputs are the model's parameters by name, `image` `[B, C, S, S]`, `epsWhere` `[T, B, 3]`
 * and `epsWhat` `[T, B, Z]`; its outputs have the images first.
 */
export class EvaluationGraph {
  readonly #config: AirConfig;
  readonly #session: TrainingSession;
  readonly #parameters: readonly string[];

  /** @param parameters names of the model's parameters, which are inputs of the graph */
  constructor(config: AirConfig, session: TrainingSession, parameters: readonly string[]) {
    this.#config = config;
    this.#session = session;
    this.#parameters = parameters;
  }

  /**
   * The bound's parts and the counts' probabilities of images, along one trajectory of each.
   *
   * @param images [B, C, S, S]
   */
  async bounds(parameters: NamedTensorData, images: Float32Array, noise: EvaluationNoise): Promise<ImageBound[]> {
    const { maxSteps, prior } = this.#config;
    const counts = maxSteps + 1;
    const logPrior = logCountPrior(prior.presence, maxSteps);
    const outputs = await this.#run(MEASURED, parameters, images, noise);
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

  /**
   * The model's explanations of images, along one trajectory of each.
   *
   * @param images [B, C, S, S]
   */
  async explain(parameters: NamedTensorData, images: Float32Array, noise: EvaluationNoise): Promise<Explanation[]> {
    const { maxSteps, channels, imageSize } = this.#config;
    const pixels = channels * imageSize ** 2;
    const outputs = await this.#run(EXPLAINED, parameters, images, noise);
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
  release(): Promise<void> {
    return this.#session.release();
  }

  #run(
    outputs: readonly string[],
    parameters: NamedTensorData,
    images: Float32Array,
    of: EvaluationNoise,
  ): Promise<InferenceSession.ReturnType> {
    const { channels, imageSize, maxSteps, zWhatSize } = this.#config;
    const size = images.length / (channels * imageSize ** 2);
    const noise = trajectoryNoise(this.#config, size, { ...of, sample: 0 });
    const weights = this.#parameters.map((name) => {
      const { data, shape } = parameters[name]!;
      return [name, new Tensor("float32", data, shape)] as const;
    });
    const feeds = {
      ...Object.fromEntries(weights),
      image: new Tensor("float32", images, [size, channels, imageSize, imageSize]),
      epsWhere: new Tensor("float32", noise.where, [maxSteps, size, 3]),
      epsWhat: new Tensor("float32", noise.what, [maxSteps, size, zWhatSize]),
    };
    return this.#session.run(feeds, outputs);
  }
}
