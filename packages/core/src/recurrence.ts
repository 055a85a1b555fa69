/**
 * The recurrence over a model's graphs: images are encoded once, and from there any number of trajectories of steps can
 * be run, each with presence taken as 1 and its own noise. What the steps' outputs mean is the callers' affair.
 */
import type { Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { disposeTensors, feedable, type GraphResults, GraphRunner, type GraphSession } from "./graph-run.js";

/** Inputs of the step graph that its `next_…` outputs feed; all zero before the first step. */
const STATE = ["hidden", "cell", "z_where", "z_what", "canvas"] as const;

export interface InferenceSessions {
  readonly encoder: GraphSession;
  readonly step: GraphSession;
}

/** Standard normal noise of one step. */
export interface StepNoise {
  /** `[B, 3]` */
  readonly where: Float32Array;
  /** `[B, Z]` */
  readonly what: Float32Array;
}

/** A batch of B images that has been through the encoder. On a GPU it holds memory: dispose of it when done. */
export class EncodedImages {
  /** log p(image | empty canvas), `[B]`, nats. */
  readonly emptyLogLikelihood: Float32Array;
  readonly #graph: GraphRunner<"step">;
  readonly #firstImage: number;
  readonly #feeds: Readonly<Record<"image" | "image_gates", Tensor>>;
  /** What the feeds are handles on. */
  readonly #held: GraphResults;

  private constructor(
    graph: GraphRunner<"step">,
    firstImage: number,
    feeds: Readonly<Record<"image" | "image_gates", Tensor>>,
    held: GraphResults,
    emptyLogLikelihood: Float32Array,
  ) {
    this.#graph = graph;
    this.#firstImage = firstImage;
    this.#feeds = feeds;
    this.#held = held;
    this.emptyLogLikelihood = emptyLogLikelihood;
  }

  /**
   * @param images `[B, C, S, S]`, intensities in [0, 1]
   * @param firstImage number that errors give to the first of them
   * @throws {GraphOutputError} if the encoder returns NaN, infinity or a wrong shape
   */
  static async encode(
    sessions: InferenceSessions,
    config: AirConfig,
    images: Float32Array,
    firstImage: number,
  ): Promise<EncodedImages> {
    const batch = images.length / (config.channels * config.imageSize ** 2);
    const encoder = new GraphRunner(sessions.encoder, "encoder", config, batch);
    const image = encoder.resident(encoder.input("image", images));
    let held: GraphResults = { image };
    try {
      const encoded = await encoder.run({ image }, ["image_gates", "log_likelihood"]);
      held = { image, ...encoded };
      const feeds = { image, image_gates: feedable(encoded.image_gates!) };
      const { log_likelihood } = await encoder.readAll(encoded, ["image_gates", "log_likelihood"], { firstImage });
      const step = new GraphRunner(sessions.step, "step", config, batch);
      return new EncodedImages(step, firstImage, feeds, held, log_likelihood);
    } catch (error) {
      disposeTensors(held);
      throw error;
    }
  }

  /** Begins a trajectory: nothing is found or drawn yet. */
  start(): Trajectory {
    return new Trajectory(this.#graph, this.#firstImage, this.#feeds);
  }

  /** Frees what the batch holds on a GPU; its trajectories take no further step. */
  dispose(): void {
    disposeTensors(this.#held);
  }
}

/** Steps, one after the other, over a batch of images. On a GPU it holds memory: dispose of it when done. */
export class Trajectory {
  readonly #graph: GraphRunner<"step">;
  readonly #firstImage: number;
  readonly #feeds: Readonly<Record<string, Tensor>>;
  readonly #still: Readonly<Record<"eps_where" | "eps_what", Tensor>>;
  #state: Readonly<Record<string, Tensor>>;
  /** Of the last step: what the state is handles on. */
  #results: GraphResults = {};
  #steps = 0;

  constructor(graph: GraphRunner<"step">, firstImage: number, feeds: Readonly<Record<string, Tensor>>) {
    this.#graph = graph;
    this.#firstImage = firstImage;
    this.#feeds = feeds;
    this.#still = {
      eps_where: graph.resident(graph.zeros("eps_where")),
      eps_what: graph.resident(graph.zeros("eps_what")),
    };
    this.#state = Object.fromEntries(STATE.map((name) => [name, graph.zeros(name)]));
  }

  /**
   * Runs one more step. What the step before returned cannot be read any more.
   *
   * @param outputs of the step graph that will be read, beside `next_…`
   * @param noise none gives the posterior means
   */
  async step(outputs: readonly string[], noise?: StepNoise): Promise<StepOutputs> {
    const step = ++this.#steps;
    const next = STATE.map((name) => `next_${name}`);
    const eps = noise && {
      eps_where: this.#graph.input("eps_where", noise.where),
      eps_what: this.#graph.input("eps_what", noise.what),
    };
    const feeds = { ...this.#feeds, ...this.#state, ...(eps ?? this.#still) };
    const results = await this.#graph.run(feeds, [...next, ...outputs]);
    disposeTensors(this.#results);
    this.#results = results;
    this.#state = Object.fromEntries(STATE.map((name) => [name, feedable(results[`next_${name}`]!)]));
    const place = { firstImage: this.#firstImage, step };
    return {
      step,
      read: (name) => this.#graph.read(results, name, place),
      readAll: (names) => this.#graph.readAll(results, names, place),
    };
  }

  /** Frees what the trajectory holds on a GPU; it takes no further step. */
  dispose(): void {
    disposeTensors({ ...this.#results, ...this.#still });
  }
}

/** What one step returned. */
export interface StepOutputs {
  /** 1 for the first. */
  readonly step: number;
  /**
   * The values of an output, `[B, …]`.
   *
   * @throws {GraphOutputError} naming output, image and step, if they are not finite or of the wrong number
   */
  read(name: string): Promise<Float32Array>;
  /** The values of several; on a GPU faster than one after the other. */
  readAll<Output extends string>(names: readonly Output[]): Promise<Readonly<Record<Output, Float32Array>>>;
}
