/**
 * Small pieces of an ONNX model: value infos, attributes, nodes and tensors as protocol buffer messages.
 */
import type { Attribute, ConstantValue } from "../graph/ir.js";
import type { BatchNumber } from "../graph/symbolic-batch.js";
import { BATCH, type InputSpec } from "../inputs.js";
import type { Operator } from "../onnx/operators.js";
import {
  type AttributeProto,
  attributeType,
  type NodeProto,
  type OnnxDType,
  storedDataType,
  type TensorProto,
  tensorDataType,
  type ValueInfoProto,
} from "../onnx/schema.js";
import { toFloat16 } from "./float16.js";

/** A number itself, or its function of the batch as text: `batch`, `2*batch+1`, `3/batch`. */
export function dimensionName(dim: BatchNumber): number | string {
  if (typeof dim === "number") return dim;
  if (dim.form === "reciprocal") return `${dim.slope}/${BATCH}`;
  const multiple = dim.slope === 1 ? BATCH : `${dim.slope}*${BATCH}`;
  if (dim.offset === 0) return multiple;
  return dim.offset > 0 ? `${multiple}+${dim.offset}` : `${multiple}${dim.offset}`;
}

export function bareNode(opType: Operator, input: string[], output: string[]): NodeProto {
  return { opType, input, output, name: `${output[0]}/${opType}`, attribute: [] };
}

export function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  switch (attribute.type) {
    case "float":
      return { name, type: attributeType.float, f: attribute.value };
    case "int":
      return { name, type: attributeType.int, i: attribute.value };
    case "string":
      return { name, type: attributeType.string, s: new TextEncoder().encode(attribute.value) };
    case "floats":
      return { name, type: attributeType.floats, floats: [...attribute.value] };
    case "ints":
      return { name, type: attributeType.ints, ints: [...attribute.value] };
    default:
      return attribute satisfies never;
  }
}

export function tensorInfo(
  name: string,
  dtype: OnnxDType,
  shape: InputSpec["shape"] | readonly (number | string)[],
): ValueInfoProto {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: tensorDataType[dtype], shape: { dim } } } };
}

export function prependDimension(info: ValueInfoProto, dimParam: string): ValueInfoProto {
  const { elemType, shape } = info.type.tensorType;
  return { name: info.name, type: { tensorType: { elemType, shape: { dim: [{ dimParam }, ...shape.dim] } } } };
}

export function constantTensor(name: string, { dtype, shape, data }: ConstantValue): TensorProto {
  if (dtype === "int64") return int64Tensor(name, shape, data as readonly number[]);
  return {
    name,
    dims: [...shape],
    dataType: tensorDataType[dtype],
    rawData: bytesOf(data as Float32Array | Int32Array | Uint8Array),
  };
}

/** @throws {RangeError} naming the weight, if a value is not finite, or beyond the halves */
export function float16Tensor(name: string, { shape, data, name: weight = name }: ConstantValue): TensorProto {
  try {
    return {
      name,
      dims: [...shape],
      dataType: storedDataType.float16,
      rawData: bytesOf(toFloat16(data as Float32Array)),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`The weight ${weight} cannot be stored as float16: ${reason}`, { cause });
  }
}

export function int64Tensor(name: string, shape: readonly number[], values: readonly number[]): TensorProto {
  return {
    name,
    dims: [...shape],
    dataType: tensorDataType.int64,
    rawData: bytesOf(BigInt64Array.from(values, BigInt)),
  };
}

export function boolTensor(name: string, value: boolean): TensorProto {
  return { name, dims: [], dataType: tensorDataType.bool, rawData: Uint8Array.of(+value) };
}

/** ONNX raw data is little-endian, as are all machines that Node.js and browsers run on. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
