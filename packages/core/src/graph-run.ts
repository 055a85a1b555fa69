/**
 * One run of one graph: tensors in by name, checked float32 arrays out. The only place that touches onnxruntime's
 * tensors, so that a broken graph is found at the output that broke, not steps later.
 */
import { type InferenceSession, Tensor } from "onnxruntime-common";
import type { AirConfig } from "./config.js";
import { type GraphName, type GraphSignature, graphSignatures } from "./graphs.js";

/** The part of an onnxruntime session that inference needs; `InferenceSession` of Node and web is one. */
export interface GraphSession {
  run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType>;
}

/** An ONNX graph returned something that its contract excludes: a missing output, a wrong size, NaN or infinity. */
export class GraphOutputError extends Error {
  override name = "GraphOutputError";
}

/** Runs one graph of a model for a fixed batch. */
export class GraphRunner<Name extends GraphName> {
  readonly #session: GraphSession;
  readonly #name: Name;
  readonly #batch: number;
  readonly #signature: GraphSignature;

  constructor(session: GraphSession, name: Name, config: AirConfig, batch: number) {
    this.#session = session;
    this.#name = name;
    this.#batch = batch;
    this.#signature = graphSignatures(config)[name];
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

  /** Runs the graph for the `outputs` alone; the tensors may be fed to another run as they are. */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, Tensor>>> {
    const results = await this.#session.run(feeds, outputs);
    for (const name of outputs) {
      if (!(name in results)) throw new GraphOutputError(`The ${this.#name} graph did not return its output "${name}"`);
    }
    return results as Readonly<Record<string, Tensor>>;
  }

  /**
   * The values of an output, `[batch, …]` in row-major order.
   *
   * @param firstImage number that an error gives to the first image of the batch
   * @throws {GraphOutputError} naming graph, output, image and step, if they are not finite float32 values of the
   *   right number
   */
  async read(
    results: Readonly<Record<string, Tensor>>,
    name: string,
    { firstImage = 0, step }: { firstImage?: number; step?: number } = {},
  ): Promise<Float32Array> {
    const output = `output "${name}" of the ${this.#name} graph`;
    const tensor = results[name]!;
    const data = await tensor.getData();
    if (!(data instanceof Float32Array)) throw new GraphOutputError(`The ${output} is ${tensor.type}, not float32`);
    const size = elements(this.#signature.outputs[name]!);
    if (data.length !== this.#batch * size) {
      throw new GraphOutputError(
        `The ${output} has shape [${tensor.dims.join(", ")}], expected [${[this.#batch, ...this.#signature.outputs[name]!].join(", ")}]`,
      );
    }
    const bad = firstNonFinite(data);
    if (bad >= 0) {
      const at = step === undefined ? "" : ` at step ${step}`;
      throw new GraphOutputError(
        `The ${output} holds ${data[bad]} for image ${firstImage + Math.floor(bad / size)}${at}: the model's weights or the device's arithmetic are broken`,
      );
    }
    return data;
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Index of the first NaN or infinity, -1 if there is none. */
function firstNonFinite(data: Float32Array): number {
  // x·0 is NaN exactly for those values, and one sum over all is several times faster than a test of each.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
  return sum === 0 ? -1 : data.findIndex((value) => !Number.isFinite(value));
}
