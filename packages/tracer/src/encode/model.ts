/**
 * A graph as a serialised ONNX model.
 */
import { encodeModel, type GraphProto } from "../onnx/schema.js";
import type { TracedGraph } from "../trace.js";
import { GraphEncoder } from "./graph-encoder.js";

/** Old enough that today's tools read it: opset 21 came with IR 10 (ONNX 1.16). */
export const OPSET = 21;
const IR_VERSION = 10;

export interface EncodeOptions {
  /** The graph's name. Default `traced`. */
  readonly name?: string;
  /** A sentence for the model's doc_string. */
  readonly description?: string;
  /** Key-value pairs of the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The traced function as a serialised ModelProto. Its inputs and outputs keep their names. */
export function encodeGraph(traced: TracedGraph, options: EncodeOptions = {}): Uint8Array {
  return serialise(new GraphEncoder(traced).graph(options.name ?? "traced"), options);
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
