/**
 * One run of one graph: tensors in by name, checked float32 arrays out. The only place that touches onnxruntime's
 * tensors, so that a broken graph is found at the output that broke, not steps later.
 */
import { type InferenceSession, Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { GraphOutputError } from "./errors.js";
import { type GraphName, type GraphSignature, graphSignatures } from "./graphs.js";

/** The part of an onnxruntime session that inference needs; `InferenceSession` of Node and web is one. */
export interface GraphSession {
  /** Runs the graph on `feeds`, tensors by the names of its inputs, and returns the named `outputs`. */
  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType>;
  /**
   * Copies to the device a tensor that several runs will be fed; its `dispose` frees the copy. Absent where a run reads
   * the CPU's memory as it is.
   */
  resident?(tensor: Tensor): Tensor;
}

/** Tensors by the names of the outputs that they are. */
export type GraphResults = Readonly<Record<string, Tensor>>;

/**
 * A second handle on a result, to be fed to another run: reading a result that is on a GPU turns the first handle into
 * a tensor of the CPU, which that run would upload again. It is valid until the results are disposed of.
 */
export function feedable(result: Tensor): Tensor {
  if (result.location !== "gpu-buffer") return result;
  return Tensor.fromGpuBuffer(result.gpuBuffer, { dataType: "float32", dims: result.dims });
}

/** Frees what tensors hold outside of JavaScript's memory; they cannot be read or fed afterwards. */
export function disposeTensors(tensors: GraphResults): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** Whose a value of an output is, for what an error says of it. */
export interface Place {
  /** Number of the image. */
  readonly image: number;
  /** Absent where there are no steps. */
  readonly step?: number;
}

/**
 * The values of an output in row-major order.
 *
 * @param output how an error calls it
 * @param shape that it should have
 * @param placeOf the value at an index
 * @throws {GraphOutputError} naming the output, image and step, if they are not finite float32 values of the right number
 */
export async function readOutput(
  tensor: Tensor,
  output: string,
  shape: readonly number[],
  placeOf: (index: number) => Place,
): Promise<Float32Array> {
  const data = await tensor.getData();
  if (!(data instanceof Float32Array))
    throw new GraphOutputError(`The ${output} is ${tensor.type}, not float32`, { kind: "type", output });
  if (data.length !== elements(shape)) {
    throw new GraphOutputError(`The ${output} has shape [${tensor.dims.join(", ")}], expected [${shape.join(", ")}]`, {
      kind: "shape",
      output,
    });
  }
  const bad = firstNonFinite(data);
  if (bad >= 0) {
    const { image, step } = placeOf(bad);
    const at = step === undefined ? "" : ` at step ${step}`;
    throw new GraphOutputError(
      `The ${output} holds ${data[bad]} for image ${image}${at}: the model's weights or the device's arithmetic are broken`,
      { kind: "value", output, image, step },
    );
  }
  return data;
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

  /** The same graph for another batch. */
  forBatch(batch: number): GraphRunner<Name> {
    return new GraphRunner(this.#session, this.#name, this.#config, batch);
  }

  /** Whether runs read the CPU's memory as it is, so that tensors can be made of any part of it. */
  get isOnCpu(): boolean {
    return this.#session.resident === undefined;
  }

  /** A `[batch, …]` tensor for the input `name` over `data`, which is not copied. */
  input(name: string, data: Float32Array): Tensor {
    return new Tensor("float32", data, [this.#batch, ...this.#signature.inputs[name]!]);
  }

  /** The zeros that the input `name` holds before the first step. */
  zeros(name: string): Tensor {
    const size = elements(this.#signature.inputs[name]!);
    return this.input(name, new Float32Array(this.#batch * size));
  }

  /** The same where many runs will read it: on the graph's device. To be disposed of. */
  resident(tensor: Tensor): Tensor {
    return this.#session.resident?.(tensor) ?? tensor;
  }

  /** Runs the graph for the `outputs` alone; {@link feedable} makes one the input of another run. To be disposed of. */
  async run(feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<GraphResults> {
    const results = await this.#session.run(feeds, outputs);
    for (const name of outputs) {
      if (name in results) continue;
      const output = `output "${name}" of the ${this.#name} graph`;
      throw new GraphOutputError(`The ${this.#name} graph did not return its output "${name}"`, {
        kind: "missing",
        output,
      });
    }
    return results as GraphResults;
  }

  /**
   * The values of an output, `[batch, …]` in row-major order.
   *
   * @param placeOf the image in a row of the batch
   * @throws {GraphOutputError} as {@link readOutput}, naming the graph
   */
  read(results: GraphResults, name: string, placeOf: (row: number) => Place): Promise<Float32Array> {
    const shape = this.#signature.outputs[name]!;
    const size = elements(shape);
    return readOutput(results[name]!, `output "${name}" of the ${this.#name} graph`, [this.#batch, ...shape], (index) =>
      placeOf(Math.floor(index / size)),
    );
  }

  /**
   * The values of several outputs, read at a time: on a GPU they share one wait.
   *
   * @throws as {@link read}, for the first of `names` that is not as it should be
   */
  async readAll<Output extends string>(
    results: GraphResults,
    names: readonly Output[],
    placeOf: (row: number) => Place,
  ): Promise<Readonly<Record<Output, Float32Array>>> {
    const reads = names.map(async (name) => [name, await this.read(results, name, placeOf)] as const);
    // A tensor cannot be disposed of while it is read: even a failure waits for all.
    await Promise.allSettled(reads);
    return Object.fromEntries(await Promise.all(reads)) as Record<Output, Float32Array>;
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Index of the first NaN or infinity, -1 if there is none. */
function firstNonFinite(data: Float32Array): number {
  // x·0 is NaN exactly for those values, and one sum over all is several times faster than a test of each; four sums
  // again, as none waits for the others.
  let [a, b, c, d] = [0, 0, 0, 0];
  const last = data.length - (data.length % 4);
  for (let i = 0; i < last; i += 4) {
    a += data[i]! * 0;
    b += data[i + 1]! * 0;
    c += data[i + 2]! * 0;
    d += data[i + 3]! * 0;
  }
  for (let i = last; i < data.length; i++) a += data[i]! * 0;
  return a + b + c + d === 0 ? -1 : data.findIndex((value) => !Number.isFinite(value));
}
