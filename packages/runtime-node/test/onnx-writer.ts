/**
 * Writes small ONNX models as bytes, for tests: just enough of the protobuf wire format and of onnx.proto (IR 8,
 * opset 17) for float32 graphs whose first dimension is `batch`.
 */

export const bytes = (field: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
export const text = (field: number, content: string): Uint8Array => bytes(field, Buffer.from(content));
export const integer = (field: number, value: number): Uint8Array => Buffer.concat([varint(field << 3), varint(value)]);

function varint(value: number): Uint8Array {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return Uint8Array.from([...out, value]);
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
}

export interface Graph {
  /** Shapes without the batch. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  readonly nodes: readonly Node[];
  /** Float32 constants with their shapes. */
  readonly weights: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;
  /** Int64 vectors, as Reshape and ReduceSum take them. */
  readonly indices: Readonly<Record<string, readonly number[]>>;
  /** Further serialised fields of GraphProto. */
  readonly fields?: readonly Uint8Array[];
}

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;

export function writeModel(graph: Graph): Uint8Array {
  return Buffer.concat([
    integer(1, 8),
    bytes(8, integer(2, 17)),
    bytes(
      7,
      Buffer.concat([
        ...graph.nodes.map((node) => bytes(1, writeNode(node))),
        text(2, "test"),
        ...(graph.fields ?? []),
        ...Object.entries(graph.weights).map(([name, { shape, values }]) =>
          bytes(5, writeTensor(name, FLOAT, shape, Buffer.from(Float32Array.from(values).buffer))),
        ),
        ...Object.entries(graph.indices).map(([name, values]) =>
          bytes(5, writeTensor(name, INT64, [values.length], Buffer.from(BigInt64Array.from(values, BigInt).buffer))),
        ),
        ...Object.entries(graph.inputs).map(([name, shape]) => bytes(11, writeValueInfo(name, shape))),
        ...Object.entries(graph.outputs).map(([name, shape]) => bytes(12, writeValueInfo(name, shape))),
      ]),
    ),
  ]);
}

function writeNode({ op, inputs, outputs, attributes = {} }: Node): Uint8Array {
  return Buffer.concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) =>
      bytes(5, Buffer.concat([text(1, name), integer(3, value), integer(20, ATTRIBUTE_INT)])),
    ),
  ]);
}

function writeTensor(name: string, type: number, shape: readonly number[], raw: Uint8Array): Uint8Array {
  return Buffer.concat([...shape.map((side) => integer(1, side)), integer(2, type), text(8, name), bytes(9, raw)]);
}

function writeValueInfo(name: string, shape: readonly number[]): Uint8Array {
  const dimensions = [text(2, "batch"), ...shape.map((side) => integer(1, side))];
  const tensorType = Buffer.concat([
    integer(1, FLOAT),
    bytes(2, Buffer.concat(dimensions.map((dimension) => bytes(1, dimension)))),
  ]);
  return Buffer.concat([text(1, name), bytes(2, bytes(1, tensorType))]);
}
