/**
 * Checks an ONNX file before onnxruntime may open it: it must be one ONNX model with all weights in its own bytes. A
 * tensor can say that its values are in another file ("external data"). onnxruntime then reads that file, from wherever
 * the model says, although nobody has checked it.
 */
import { MAX_ONNX_DEPTH, MAX_ONNX_FIELDS } from "./limits.js";
import { BYTES, readText, VARINT, type WireField, walkFields } from "./onnx-message.js";

type Kind = "model" | "training" | "function" | "graph" | "node" | "attribute" | "sparse" | "tensor";

/** Messages of onnx.proto that can contain tensors: for each kind, the fields to descend into and the kind found there. */
const inner: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: "graph", 20: "training", 25: "function" },
  training: { 1: "graph", 2: "graph" },
  function: { 7: "node", 11: "attribute" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: {},
};

const GRAPH_OF_MODEL = 7;
const NAME_OF_TENSOR = 8;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;

/** Marker of onnxruntime's own file format: these characters at this offset. */
const ORT_FORMAT = { at: 4, characters: "ORTM" } as const;
/** Bytes of a tensor's name that an error quotes. */
const MAX_NAME = 80;

class GraphFault extends Error {}

/**
 * Describes what is wrong with a serialised ONNX model, in words that follow its name; `undefined` if nothing is.
 *
 * Reads the structure only, not the weights. Time and memory are bounded, whatever the bytes are.
 */
export function graphFault(model: Uint8Array): string | undefined {
  const { at, characters } = ORT_FORMAT;
  if (readText(model.subarray(at, at + characters.length)) === characters) {
    return "is in onnxruntime's own format, not in ONNX's";
  }
  try {
    if (new StructureWalk().graphsOf(model) === 1) return undefined;
    return "is not an ONNX model: it must have one graph";
  } catch (error) {
    if (error instanceof GraphFault) return error.message;
    if (error instanceof RangeError) return `is not an ONNX model: ${error.message}`;
    throw error;
  }
}

class StructureWalk {
  #fields = 0;

  /** Checks the whole model and returns how many graphs it has; a valid model has one. */
  graphsOf(model: Uint8Array): number {
    let graphs = 0;
    this.#check(model, "model", 1, ({ number }) => {
      if (number === GRAPH_OF_MODEL) graphs++;
    });
    return graphs;
  }

  #check(message: Uint8Array, kind: Kind, depth: number, visit?: (field: WireField) => void): void {
    if (depth > MAX_ONNX_DEPTH) throw new GraphFault(`nests messages more than ${MAX_ONNX_DEPTH} deep`);
    let isExternal = false;
    walkFields(message, (field) => {
      if (++this.#fields > MAX_ONNX_FIELDS) throw new GraphFault(`has more than ${MAX_ONNX_FIELDS} fields`);
      visit?.(field);
      const { number, type } = field;
      // Any occurrence counts: of a repeated field readers take the last one, and this check must never miss what they see.
      if (kind === "tensor")
        isExternal ||= number === EXTERNAL_DATA || (number === DATA_LOCATION && !isZero(message, field));
      const next = inner[kind][number];
      if (next === undefined) return;
      if (type !== BYTES) throw new RangeError(`field ${number} of a ${kind} is not a message`);
      this.#check(message.subarray(field.begin, field.end), next, depth + 1);
    });
    if (isExternal) {
      throw new GraphFault(
        `keeps the values of ${tensorName(message)} in another file (ONNX external data): save it with all weights within`,
      );
    }
  }
}

function isZero(message: Uint8Array, { type, begin, end }: WireField): boolean {
  return type === VARINT && message.subarray(begin, end).every((byte) => byte % 128 === 0);
}

function tensorName(tensor: Uint8Array): string {
  let name = "";
  walkFields(tensor, ({ number, type, begin, end }) => {
    if (number === NAME_OF_TENSOR && type === BYTES)
      name = readText(tensor.subarray(begin, Math.min(end, begin + MAX_NAME)));
  });
  return name === "" ? "a tensor" : `the tensor "${name}"`;
}
