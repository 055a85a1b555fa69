/**
 * Runs a graph: tensors in by name, checked float32 arrays out. Every output is checked here, so that an error names the
 * output that broke, not one some steps later.
 */
import { type InferenceSession, Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { GraphOutputError, GraphRunError, type RunnableGraph } from "./errors.js";
import { type GraphName, type GraphSignature, graphSignatures } from "./graphs.js";

/** The part of an onnxruntime session that inference needs; the `InferenceSession` of Node and of the web fulfil it. */
export interface GraphSession {
  /** Runs the graph on `feeds`, tensors by the names of its inputs, and returns the named `outputs`. */
  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType>;
  /**
   * Copies a tensor to the device, to be fed to several runs; `dispose` of the copy frees it. Absent where runs read the
   * CPU's memory directly.
   */
  resident?(tensor: Tensor): Tensor | Promise<Tensor>;
  /**
   * Whether images stay in their batch until all are finished. They do on a GPU: it runs the whole batch in parallel anyway,
   * and a batch of another size would make it prepare its kernels again. `resident` implies it.
   */
  readonly keepsBatch?: boolean;
}

/** The tensors that a run returned, by the names of the outputs. */
export type GraphResults = Readonly<Record<string, Tensor>>;

/**
 * Makes a second handle on a result, to be fed to another run. It is needed because reading a result that is on a GPU
 * turns the first handle into a tensor of the CPU, which the other run would upload again. The second handle is valid
 * until the results are disposed of.
 */
export function feedable(result: Tensor): Tensor {
  if (result.location !== "gpu-buffer") return result;
  return Tensor.fromGpuBuffer(result.gpuBuffer, { dataType: "float32", dims: result.dims });
}

/** Frees the memory that tensors hold outside of JavaScript; they cannot be read or fed afterwards. */
export function disposeTensors(tensors: GraphResults): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/**
 * Runs a graph and returns the named `outputs`.
 *
 * @param graph name of the graph in error messages
 * @throws {GraphOutputError} if an output is missing
 * @throws {GraphRunError} if the engine cannot run the graph
 * @throws what else the session throws, such as the loss of its GPU
 */
export async function runGraph(
  session: GraphSession,
  graph: RunnableGraph,
  feeds: InferenceSession.FeedsType,
  outputs: readonly string[],
): Promise<GraphResults> {
  let results: InferenceSession.ReturnType;
  try {
    results = await session.run(feeds, outputs);
  } catch (cause) {
    if (!isOfEngine(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new GraphRunError(
      `The ${graph} graph cannot be run: its file contradicts itself, or memory was short. onnxruntime says: ${reason}`,
      { graph, cause },
    );
  }
  const missing = outputs.find((name) => !(name in results));
  if (missing !== undefined) {
    throw new GraphOutputError(`The ${graph} graph did not return its output "${missing}"`, {
      kind: "missing",
      output: `output "${missing}" of the ${graph} graph`,
    });
  }
  return results as GraphResults;
}

/** Whether an error is onnxruntime's: it throws plain errors, and from WebAssembly numbers too; sessions throw classes of their own. */
function isOfEngine(error: unknown): boolean {
  return !(error instanceof Error) || Object.getPrototypeOf(error) === Error.prototype;
}

/** The image and the step that a value of an output belongs to, for error messages. */
export interface ValueOrigin {
  /** Number of the image. */
  readonly image: number;
  /** Number of the step, 1 for the first; absent for a graph that runs once per image. */
  readonly step?: number;
}

/**
 * Reads the values of an output in row-major order.
 *
 * @param output name of the output in error messages
 * @param shape expected shape
 * @param originOf gives the image and step of the value at an index
 * @throws {GraphOutputError} if a value is not finite, or the type or number of values is wrong; the message names the
 *   output and, for a value, its image and step
 */
export async function readOutput(
  tensor: Tensor,
  output: string,
  shape: readonly number[],
  originOf: (index: number) => ValueOrigin,
): Promise<Float32Array> {
  const data = shaped(await tensor.getData(), tensor, output, shape);
  checkFinite(data, output, originOf);
  return data;
}

/**
 * Returns the values of an output if there are as many as `shape` has, of float32.
 *
 * @throws {GraphOutputError} otherwise
 */
export function shaped(data: Tensor.DataType, tensor: Tensor, output: string, shape: readonly number[]): Float32Array {
  if (!(data instanceof Float32Array))
    throw new GraphOutputError(`The ${output} is ${tensor.type}, not float32`, { kind: "type", output });
  if (data.length !== elements(shape)) {
    throw new GraphOutputError(`The ${output} has shape [${tensor.dims.join(", ")}], expected [${shape.join(", ")}]`, {
      kind: "shape",
      output,
    });
  }
  return data;
}

/** @throws {GraphOutputError} if a value is not finite, naming its image and step */
export function checkFinite(data: Float32Array, output: string, originOf: (index: number) => ValueOrigin): void {
  if (allFinite(data)) return;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  const { image, step } = originOf(bad);
  const at = step === undefined ? "" : ` at step ${step}`;
  throw new GraphOutputError(
    `The ${output} holds ${data[bad]} for image ${image}${at}: the model's weights or the device's arithmetic are broken`,
    { kind: "value", output, image, step },
  );
}

/** Runs one graph of a model for a fixed batch. */
export class GraphRunner<Name extends GraphName> {
  readonly #session: GraphSession;
  readonly #name: Name;
  readonly #batch: number;
  readonly #config: AirConfig;
  readonly #signature: GraphSignature;

  constructor(session: GraphSession, name: Name, config: AirConfig, batch: number) {
    this.#session = session;
    this.#name = name;
    this.#batch = batch;
    this.#config = config;
    this.#signature = graphSignatures(config)[name];
  }

  /** The model's configuration. */
  get config(): AirConfig {
    return this.#config;
  }

  /** Makes a runner of the same graph for another batch size. */
  forBatch(batch: number): GraphRunner<Name> {
    return new GraphRunner(this.#session, this.#name, this.#config, batch);
  }

  /** Whether images may leave the batch: runs read the CPU's memory, of any part of which a tensor can be made. */
  get canNarrow(): boolean {
    return this.#session.resident === undefined && this.#session.keepsBatch !== true;
  }

  /** Makes a `[batch, …]` tensor for the input `name` from `data`, which is not copied. */
  input(name: string, data: Float32Array): Tensor {
    return new Tensor("float32", data, [this.#batch, ...this.#signature.inputs[name]!]);
  }

  /** Makes a `[batch, …]` tensor of zeros for the input `name`. */
  zeros(name: string): Tensor {
    const size = elements(this.#signature.inputs[name]!);
    return this.input(name, new Float32Array(this.#batch * size));
  }

  /** Moves a tensor that many runs will read to the graph's device. The caller disposes of the result. */
  async resident(tensor: Tensor): Promise<Tensor> {
    return (await this.#session.resident?.(tensor)) ?? tensor;
  }

  /**
   * Runs the graph and returns the named `outputs` only. {@link feedable} makes one of them an input of another run. The
   * caller disposes of the results.
   *
   * @throws {GraphOutputError} if an output is missing
   * @throws {GraphRunError} if the engine cannot run the graph
   */
  async run(feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<GraphResults> {
    return await runGraph(this.#session, this.#name, feeds, outputs);
  }

  /**
   * Reads the values of an output, `[batch, …]` in row-major order.
   *
   * @param originOf gives the image and step of a row of the batch
   * @throws {GraphOutputError} as {@link readOutput}; the message names the graph too
   */
  read(results: GraphResults, name: string, originOf: (row: number) => ValueOrigin): Promise<Float32Array> {
    const shape = this.#signature.outputs[name]!;
    const size = elements(shape);
    return readOutput(results[name]!, `output "${name}" of the ${this.#name} graph`, [this.#batch, ...shape], (index) =>
      originOf(Math.floor(index / size)),
    );
  }

  /**
   * Reads the values of several outputs together, so that on a GPU they share one wait.
   *
   * @throws {GraphOutputError} as {@link read}, for the first of `names` that is broken
   */
  async readAll<Output extends string>(
    results: GraphResults,
    names: readonly Output[],
    originOf: (row: number) => ValueOrigin,
  ): Promise<Readonly<Record<Output, Float32Array>>> {
    const reads = names.map(async (name) => [name, await this.read(results, name, originOf)] as const);
    // A tensor cannot be disposed of while it is being read, so even a failure waits for all reads.
    await Promise.allSettled(reads);
    return Object.fromEntries(await Promise.all(reads)) as Record<Output, Float32Array>;
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Whether there is no NaN and no infinity. */
export function allFinite(data: Float32Array): boolean {
  // x·0 is NaN exactly for NaN and infinity. Summing is several times faster than testing each value, and four
  // independent sums are faster than one.
  let [a, b, c, d] = [0, 0, 0, 0];
  const last = data.length - (data.length % 4);
  for (let i = 0; i < last; i += 4) {
    a += data[i]! * 0;
    b += data[i + 1]! * 0;
    c += data[i + 2]! * 0;
    d += data[i + 3]! * 0;
  }
  for (let i = last; i < data.length; i++) a += data[i]! * 0;
  return a + b + c + d === 0;
}
