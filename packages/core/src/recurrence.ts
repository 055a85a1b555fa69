/**
 * The recurrence over a model's graphs: images are encoded once, and from there any number of trajectories of steps can
 * be run, each with presence taken as 1 and its own noise. What the steps' outputs mean is the callers' affair.
 */
import { Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { disposeTensors, feedable, type GraphResults, GraphRunner, type GraphSession } from "./graph-run.js";
import { stateNames } from "./graphs.js";

/** The sessions that inference runs. */
export interface InferenceSessions {
  /** The graph `encoder`, run once per image. */
  readonly encoder: GraphSession;
  /** The graph `step`, run once per object. */
  readonly step: GraphSession;
  /** The two as one graph (`sceneGraph`), where there is one. */
  readonly scene?: GraphSession | undefined;
}

/** Standard normal noise of one step, or of T of them one after the other: then it is `[T, B, …]`. */
export interface StepNoise {
  /** `[B, 3]` */
  readonly where: Float32Array;
  /** `[B, Z]` */
  readonly what: Float32Array;
}

type Tensors = Readonly<Record<string, Tensor>>;

/** A batch of B images that has been through the encoder. On a GPU it holds memory: dispose of it when done. */
export class EncodedImages {
  /** log p(image | empty canvas), `[B]`, nats. */
  readonly emptyLogLikelihood: Float32Array;
  readonly #graph: GraphRunner<"step">;
  readonly #firstImage: number;
  readonly #feeds: Tensors;
  /** What the feeds are handles on. */
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
      const placeOf = (row: number) => ({ image: firstImage + row });
      const { log_likelihood } = await encoder.readAll(encoded, ["image_gates", "log_likelihood"], placeOf);
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
  #graph: GraphRunner<"step">;
  /** Number of the image in a row of the batch. */
  #imageOf: (row: number) => number;
  /** What is the same at every step. */
  #feeds: Tensors;
  /** The noise of posterior means, made when it is first needed. */
  #still: Readonly<Record<"eps_where" | "eps_what", Tensor>> | undefined;
  #state: Tensors;
  /** Of the last step: what the state is handles on. */
  #results: GraphResults = {};
  #steps = 0;

  constructor(graph: GraphRunner<"step">, firstImage: number, feeds: Tensors) {
    this.#graph = graph;
    this.#imageOf = (row) => firstImage + row;
    this.#feeds = feeds;
    this.#state = Object.fromEntries(stateNames.map((name) => [name, graph.zeros(name)]));
  }

  /**
   * Runs one more step. What the step before returned cannot be read any more.
   *
   * @param outputs of the step graph that will be read, beside `next_…`
   * @param noise none gives the posterior means
   */
  async step(outputs: readonly string[], noise?: StepNoise): Promise<StepOutputs> {
    const graph = this.#graph;
    const step = ++this.#steps;
    const eps = noise
      ? {
          eps_where: graph.input("eps_where", noise.where),
          eps_what: graph.input("eps_what", noise.what),
        }
      : this.#stillNoise();
    const results = await graph.run({ ...this.#feeds, ...this.#state, ...eps }, [...NEXT_STATE, ...outputs]);
    disposeTensors(this.#results);
    this.#results = results;
    this.#state = Object.fromEntries(stateNames.map((name) => [name, feedable(results[`next_${name}`]!)]));
    const imageOf = this.#imageOf;
    const placeOf = (row: number) => ({ image: imageOf(row), step });
    return {
      step,
      read: (name) => graph.read(results, name, placeOf),
      readAll: (names) => graph.readAll(results, names, placeOf),
    };
  }

  /**
   * Whether images can leave: on a CPU, whose time is proportional to them. A GPU's memory would have to be rearranged, for
   * a batch that it runs side by side anyway.
   */
  get canNarrow(): boolean {
    return this.#graph.isOnCpu;
  }

  /**
   * Goes on with some of the images alone: from now on they are the batch. Only where {@link canNarrow}.
   *
   * @param rows of the batch before, rising
   */
  narrow(rows: readonly number[]): void {
    const pick = (tensors: Tensors): Tensors =>
      Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, pickRows(tensor, rows)]));
    const imageOf = this.#imageOf;
    this.#imageOf = (row) => imageOf(rows[row]!);
    this.#feeds = pick(this.#feeds);
    this.#state = pick(this.#state);
    this.#still = undefined;
    this.#graph = this.#graph.forBatch(rows.length);
  }

  /** Frees what the trajectory holds on a GPU; it takes no further step. */
  dispose(): void {
    disposeTensors({ ...this.#results, ...this.#still });
  }

  #stillNoise(): Tensors {
    const graph = this.#graph;
    this.#still ??= {
      eps_where: graph.resident(graph.zeros("eps_where")),
      eps_what: graph.resident(graph.zeros("eps_what")),
    };
    return this.#still;
  }
}

const NEXT_STATE = stateNames.map((name) => `next_${name}`);

/** Some rows of a `[B, …]` tensor on the CPU. */
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
