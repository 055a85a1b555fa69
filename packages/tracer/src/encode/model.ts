/**
 * A graph as a serialised ONNX model.
 */
import { OPSET } from "../onnx/operators.js";
import { encodeModel, type GraphProto } from "../onnx/schema.js";
import type { TracedGraph } from "../trace.js";
import { GraphEncoder, type WeightType } from "./graph-encoder.js";

const IR_VERSION = 10;

/** How a traced graph is stored as a model. */
export interface EncodeOptions {
  /** The graph's name. Default `traced`. */
  readonly name?: string;
  /** A sentence for the model's doc_string. */
  readonly description?: string;
  /**
   * How named weights are stored, `float32` by default. `float16` halves the file: each is rounded to the nearest half, and
   * a Cast, which onnxruntime does once when it loads, makes it float32 again. Everything is computed in float32.
   */
  readonly weights?: WeightType;
  /** Key-value pairs of the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The traced function as a serialised ModelProto. Its inputs and outputs keep their names.
 *
 * @throws {RangeError} if a weight is to be stored as float16 and is not finite, or beyond 65,504
 */
export function encodeGraph(traced: TracedGraph, options: EncodeOptions = {}): Uint8Array {
  return serialise(new GraphEncoder(traced, { weights: options.weights }).graph(options.name ?? "traced"), options);
}

/** Wraps a finished graph. */
export function serialise(graph: GraphProto, options: EncodeOptions): Uint8Array {
  return encodeModel({
    irVersion: IR_VERSION,
    producerName: "@air-onnx/tracer",
    producerVersion: "0.1.0",
    docString: options.description ?? "",
    opsetImport: [{ domain: "", version: OPSET }],
    graph,
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
  });
}
