/**
 * The recurrence over a model's graphs. Images are encoded once; any number of trajectories of steps can then be run,
 * each with its own noise and as if every object were present. Interpreting the steps' outputs is the callers' work.
 */
import { Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { disposeTensors, feedable, type GraphResults, GraphRunner, type GraphSession } from "./graph-run.js";
import { type StateName, stateNames } from "./graphs.js";

/** The sessions that inference runs. */
export interface InferenceSessions {
  /** Session of the graph `encoder`, run once per image. */
  readonly encoder: GraphSession;
  /** Session of the graph `step`, run once per object. */
  readonly step: GraphSession;
  /**
   * Gives the session of the scene graph (`sceneGraph`), which joins the two, for a batch of so many images; undefined to
   * run the batch step by step.
   */
  readonly sceneGraph?: ((images: number) => Promise<GraphSession | undefined>) | undefined;
  /** Session of the graph `decoder`, which inference at several zooms needs. */
  readonly decoder?: GraphSession | undefined;
}

/** Standard normal noise of one step over a batch of B images. */
export interface StepNoiseValues {
  /** Noise of z_where, `[B, 3]`. */
  readonly where: Float32Array;
  /** Noise of z_what, `[B, Z]`. */
  readonly what: Float32Array;
}

/** Standard normal noise of T steps over a batch of B images. */
export interface TrajectoryNoise {
  /** Noise of z_where, `[T, B, 3]`. */
  readonly where: Float32Array;
  /** Noise of z_what, `[T, B, Z]`. */
  readonly what: Float32Array;
}

type Tensors = Readonly<Record<string, Tensor>>;

/** A batch of B images with the outputs of the encoder. It can hold GPU memory: dispose of it when done. */
export class EncodedImages {
  /** log p(image | empty canvas), `[B]`, nats. */
  readonly emptyLogLikelihood: Float32Array;
  readonly #graph: GraphRunner<"step">;
  readonly #firstImage: number;
  readonly #feeds: Tensors;
  /** Owners of the memory that the feeds refer to. */
  readonly #held: GraphResults;

  private constructor(
    graph: GraphRunner<"step">,
    firstImage: number,
    feeds: Tensors,
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
   * Runs the encoder on a batch of images.
   *
   * @param images `[B, C, S, S]`, intensities in [0, 1]
   * @param firstImage number of the first image in error messages
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
    const image = await encoder.resident(encoder.input("image", images));
    let held: GraphResults = { image };
    try {
      const encoded = await encoder.run({ image }, ["image_gates", "log_likelihood"]);
      held = { image, ...encoded };
      const feeds = { image, image_gates: feedable(encoded.image_gates!) };
      const originOf = (row: number) => ({ image: firstImage + row });
      const { log_likelihood } = await encoder.readAll(encoded, ["image_gates", "log_likelihood"], originOf);
      const step = new GraphRunner(sessions.step, "step", config, batch);
      return new EncodedImages(step, firstImage, feeds, held, log_likelihood);
    } catch (error) {
      disposeTensors(held);
      throw error;
    }
  }

  /** Starts a trajectory before its first step: no object is found, and the canvas is empty. */
  start(): TrajectoryRunner {
    return new TrajectoryRunner(this.#graph, this.#firstImage, this.#feeds);
  }

  /** Frees the batch's GPU memory; its trajectories cannot run further steps. */
  dispose(): void {
    disposeTensors(this.#held);
  }
}

/** Runs the steps of one trajectory over a batch of images. It can hold GPU memory: dispose of it when done. */
export class TrajectoryRunner {
  #graph: GraphRunner<"step">;
  /** Gives the number of the image in a row of the batch. */
  #imageOf: (row: number) => number;
  /** Inputs that are the same at every step. */
  #feeds: Tensors;
  /** Zero noise, which gives the posterior means; made when it is first needed. */
  #zeroNoise: Readonly<Record<"eps_where" | "eps_what", Tensor>> | undefined;
  /** Names of what a step takes over from the step before. */
  readonly #stateNames: readonly StateName[];
  #state: Tensors;
  /** Results of the last step, which own the memory that the state refers to. */
  #results: GraphResults = {};
  #steps = 0;

  constructor(graph: GraphRunner<"step">, firstImage: number, feeds: Tensors) {
    this.#graph = graph;
    this.#stateNames = stateNames(graph.config);
    this.#imageOf = (row) => firstImage + row;
    this.#feeds = feeds;
    this.#state = Object.fromEntries(this.#stateNames.map((name) => [name, graph.zeros(name)]));
  }

  /**
   * Runs one more step. The outputs of the step before cannot be read afterwards.
   *
   * @param outputs names of the outputs of the step graph that will be read
   * @param noise noise of the latents; the posterior means are taken without it
   */
  async step(outputs: readonly string[], noise?: StepNoiseValues): Promise<StepOutputs> {
    const graph = this.#graph;
    const step = ++this.#steps;
    const eps = noise
      ? {
          eps_where: graph.input("eps_where", noise.where),
          eps_what: graph.input("eps_what", noise.what),
        }
      : await this.#makeZeroNoise();
    const nextState = this.#stateNames.map((name) => `next_${name}`);
    const wanted = [...new Set([...nextState, ...outputs])];
    const results = await graph.run({ ...this.#feeds, ...this.#state, ...eps }, wanted);
    disposeTensors(this.#results);
    this.#results = results;
    this.#state = Object.fromEntries(this.#stateNames.map((name) => [name, feedable(results[`next_${name}`]!)]));
    const imageOf = this.#imageOf;
    const originOf = (row: number) => ({ image: imageOf(row), step });
    return {
      step,
      read: (name) => graph.read(results, name, originOf),
      readAll: (names) => graph.readAll(results, names, originOf),
    };
  }

  /**
   * Whether images can leave the batch. They can on a CPU, whose time is proportional to the number of images. On a GPU
   * they cannot: its memory would have to be rearranged, and it runs the whole batch in parallel anyway.
   */
  get canNarrow(): boolean {
    return this.#graph.canNarrow;
  }

  /**
   * Narrows the batch to some of its images. Allowed only where {@link canNarrow}.
   *
   * @param rows rows of the images that stay, rising
   */
  narrow(rows: readonly number[]): void {
    const pick = (tensors: Tensors): Tensors =>
      Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, pickRows(tensor, rows)]));
    const imageOf = this.#imageOf;
    this.#imageOf = (row) => imageOf(rows[row]!);
    this.#feeds = pick(this.#feeds);
    this.#state = pick(this.#state);
    this.#zeroNoise = undefined;
    this.#graph = this.#graph.forBatch(rows.length);
  }

  /** Frees the trajectory's GPU memory; it cannot run further steps. */
  dispose(): void {
    disposeTensors({ ...this.#results, ...this.#zeroNoise });
  }

  async #makeZeroNoise(): Promise<Tensors> {
    const graph = this.#graph;
    this.#zeroNoise ??= {
      eps_where: await graph.resident(graph.zeros("eps_where")),
      eps_what: await graph.resident(graph.zeros("eps_what")),
    };
    return this.#zeroNoise;
  }
}

/** Copies some rows of a `[B, …]` tensor that is on the CPU. */
function pickRows(tensor: Tensor, rows: readonly number[]): Tensor {
  const data = tensor.data as Float32Array;
  const [batch, ...shape] = tensor.dims as [number, ...number[]];
  const size = data.length / batch;
  const picked = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    picked.set(data.subarray(row * size, (row + 1) * size), i * size);
  });
  return new Tensor("float32", picked, [rows.length, ...shape]);
}

/** Outputs of one step. */
export interface StepOutputs {
  /** Number of the step, 1 for the first. */
  readonly step: number;
  /**
   * Reads the values of an output, `[B, …]`.
   *
   * @throws {GraphOutputError} naming output, image and step, if a value is not finite or the number of values is wrong
   */
  read(name: string): Promise<Float32Array>;
  /** Reads the values of several outputs; on a GPU this is faster than reading them one after the other. */
  readAll<Output extends string>(names: readonly Output[]): Promise<Readonly<Record<Output, Float32Array>>>;
}
