/**
 * A graph of an ONNX model as nodes that can be looked at and replaced. What nobody asks about, such as the weights, stays
 * the bytes that it was.
 */
import {
  constant,
  elementType,
  type Field,
  fieldsOf,
  join,
  messageField,
  node,
  type Pieces,
  readText,
  textField,
} from "./onnx-message.js";

/** Field numbers of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto. */
const MODEL_GRAPH = 7;
const graphField = { node: 1, initializer: 5 } as const;
const nodeField = { input: 1, output: 2, op: 4, attribute: 5, domain: 7 } as const;
const attributeField = { name: 1, integer: 3, graph: 6, integers: 8, graphs: 11 } as const;
const tensorField = { dims: 1, type: 2, name: 8, raw: 9 } as const;

/** One operation of a graph. */
export interface GraphNode {
  readonly op: string;
  /** Names of the values that it reads; an empty one stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes, each a field of NodeProto. */
  readonly attributes: readonly Pieces[];
}

/** A constant of a graph. */
export interface GraphConstant {
  readonly shape: readonly number[];
  /** Fields of TensorProto, without its name. */
  readonly content: Pieces;
  /** The values, if they are float32 numbers; undefined for any other type. */
  readonly floats: Float32Array | undefined;
  /** The values, if they are int64 integers; undefined for any other type. */
  readonly integers: BigInt64Array | undefined;
}

/** Nodes in an order in which they can run, and the constants that they read, by name. */
export interface NodeList {
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, GraphConstant>;
}

/**
 * Reads the nodes of a serialised model's graph.
 *
 * @returns undefined if the graph has control flow, or operators that are not ONNX's own
 * @throws {RangeError} if `model` is not a serialised model
 */
export function readNodes(model: Uint8Array): NodeList | undefined {
  const graph = fieldsOf(model).find(({ number }) => number === MODEL_GRAPH);
  if (!graph) throw new RangeError("Not an ONNX model: it has no graph");
  const nodes: GraphNode[] = [];
  const constants = new Map<string, GraphConstant>();
  for (const { number, value } of fieldsOf(graph.value)) {
    if (number === graphField.initializer) {
      const fields = fieldsOf(value);
      constants.set(textOf(fields, tensorField.name), readConstant(fields));
    } else if (number === graphField.node) {
      const each = readNode(fieldsOf(value));
      if (each === undefined) return undefined;
      nodes.push(each);
    }
  }
  return { nodes, constants };
}

function textOf(fields: readonly Field[], wanted: number): string {
  const field = fields.find(({ number }) => number === wanted);
  return field === undefined ? "" : readText(field.value);
}

function readNode(fields: readonly Field[]): GraphNode | undefined {
  const texts = (wanted: number): string[] =>
    fields.filter(({ number }) => number === wanted).map(({ value }) => readText(value));
  const attributes = fields.filter(({ number }) => number === nodeField.attribute);
  const subgraphs: readonly number[] = [attributeField.graph, attributeField.graphs];
  const hasSubgraph = attributes.some(({ value }) => fieldsOf(value).some(({ number }) => subgraphs.includes(number)));
  if (hasSubgraph || textOf(fields, nodeField.domain) !== "") return undefined;
  return {
    op: textOf(fields, nodeField.op),
    inputs: texts(nodeField.input),
    outputs: texts(nodeField.output),
    attributes: attributes.map(({ bytes }) => [bytes]),
  };
}

function readConstant(fields: readonly Field[]): GraphConstant {
  const shape = fields.filter(({ number }) => number === tensorField.dims).flatMap(({ value }) => integersOf(value));
  const content = fields.filter(({ number }) => number !== tensorField.name).map(({ bytes }) => bytes);
  const type = fields.find(({ number }) => number === tensorField.type);
  const raw = fields.find(({ number }) => number === tensorField.raw)?.value;
  const isOf = (wanted: number): boolean => type !== undefined && integersOf(type.value)[0] === wanted;
  // A copy, because a view must begin at a multiple of the size of a number; not before somebody asks, because of weights.
  const valuesOf = <Values>(wanted: number, size: number, view: new (buffer: ArrayBuffer) => Values) =>
    isOf(wanted) && raw !== undefined && raw.length % size === 0 ? new view(Uint8Array.from(raw).buffer) : undefined;
  return {
    shape,
    content,
    get floats() {
      return valuesOf(elementType.float32, 4, Float32Array);
    },
    get integers() {
      return valuesOf(elementType.int64, 8, BigInt64Array);
    },
  };
}

/** Decodes integers below 2^53, one or several packed. */
function integersOf(value: Uint8Array): number[] {
  const integers: number[] = [];
  let [integer, scale] = [0, 1];
  for (const byte of value) {
    integer += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      integers.push(integer);
      [integer, scale] = [0, 1];
    }
  }
  return integers;
}

/** The value of a node's integer attribute, or `otherwise` if the node does not have it. */
export function integerAttribute({ attributes }: GraphNode, name: string, otherwise: number): number {
  for (const pieces of attributes) {
    const fields = fieldsOf(fieldsOf(pieces[0]!)[0]!.value);
    if (textOf(fields, attributeField.name) !== name) continue;
    const integer = fields.find(({ number }) => number === attributeField.integer);
    // protobuf leaves out zeros.
    return integer === undefined ? 0 : (integersOf(integer.value)[0] ?? 0);
  }
  return otherwise;
}

/** Makes a constant of float32 numbers or of int64 integers. */
export function newConstant(shape: readonly number[], data: Float32Array | BigInt64Array): GraphConstant {
  const [floats, integers] = data instanceof Float32Array ? [data, undefined] : [undefined, data];
  const field = fieldsOf(join(constant("", floats ? "float32" : "int64", shape, data)))[0]!;
  const fields = fieldsOf(field.value).filter(({ number }) => number !== tensorField.name);
  return { shape, content: fields.map(({ bytes }) => bytes), floats, integers };
}

/** Names all values of a list anew, but for absent inputs. */
export function renameValues({ nodes, constants }: NodeList, rename: (name: string) => string): NodeList {
  const renamed = (name: string): string => (name === "" ? "" : rename(name));
  return {
    nodes: nodes.map((each) => ({ ...each, inputs: each.inputs.map(renamed), outputs: each.outputs.map(renamed) })),
    constants: new Map([...constants].map(([name, tensor]) => [renamed(name), tensor])),
  };
}

/** Leaves out nodes and constants that none of the values `wanted` depends on. */
export function neededOf({ nodes, constants }: NodeList, wanted: Iterable<string>): NodeList {
  const needed = new Set(wanted);
  const kept: GraphNode[] = [];
  for (const each of nodes.toReversed()) {
    if (!each.outputs.some((name) => needed.has(name))) continue;
    for (const name of each.inputs) needed.add(name);
    kept.push(each);
  }
  return { nodes: kept.reverse(), constants: new Map([...constants].filter(([name]) => needed.has(name))) };
}

/** Writes nodes and constants as fields of GraphProto. */
export function writeNodes({ nodes, constants }: NodeList): Pieces {
  return [
    ...[...constants].flatMap(([name, { content }]) =>
      messageField(graphField.initializer, [...content, ...textField(tensorField.name, name)]),
    ),
    ...nodes.flatMap((each) => node(each.op, each.inputs, each.outputs, each.attributes)),
  ];
}
