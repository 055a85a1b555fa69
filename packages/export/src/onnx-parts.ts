/** Small parts of an ONNX model: attributes, constants, and what can be read of a node. */
import { type AttributeProto, attributeType, type NodeProto, type TensorProto, tensorDataType } from "@air-onnx/tracer";

/** An attribute that is an integer or a list of integers. */
export function attributeProto(name: string, value: number | readonly number[]): AttributeProto {
  return typeof value === "number"
    ? { name, type: attributeType.int, i: value }
    : { name, type: attributeType.ints, ints: [...value] };
}

/** A constant; `rawData` is little-endian. */
export function constantTensor(
  name: string,
  type: keyof typeof tensorDataType,
  dims: readonly number[],
  rawData: Uint8Array,
): TensorProto {
  return { name, dims: [...dims], dataType: tensorDataType[type], rawData };
}

/** The bytes of an array. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The attribute `name` of a node; undefined if the node does not have it. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute?.find((attribute) => attribute.name === name);
}
