/**
 * A tfjs tensor during a trace: an ONNX value, and the shape that the tensor has in tfjs.
 *
 * The value's own shape may be smaller where tfjs has repeated elements (`[]` or `[B, 1]` for `[B, 50]`): ONNX's
 * elementwise operators broadcast by themselves, so the repetition is only written out (by {@link dense}) for the
 * operators that need it. Filled tensors cost one element, and the gradient of a sum is never materialised.
 */
import type { DataType } from "@tensorflow/tfjs";
import type { Operator } from "../onnx/operators.js";
import type { OnnxDType } from "../onnx/schema.js";
import type { GraphBuilder } from "./builder.js";
import type { Attribute, ConstantData, Shape, Value } from "./ir.js";
import { broadcastShapes, int, sameShape, sizeOf } from "./ir.js";

/** A tfjs tensor during a trace. */
export interface Operand {
  /** Value in the graph; its shape may be smaller than the tensor's. */
  readonly value: Value;
  /** Shape of the tensor in tfjs, to which the value's shape broadcasts. */
  readonly shape: Shape;
  /** Type of the tensor in tfjs. */
  readonly dtype: DataType;
}

/** The ONNX type that holds a tfjs type. */
export function onnxDType(dtype: DataType): "float32" | "int32" | "bool" {
  switch (dtype) {
    case "float32":
    case "int32":
    case "bool":
      return dtype;
    case "string":
    case "complex64":
      throw new Error(`Tensors of type ${dtype} cannot be traced: ONNX graphs hold float32, int32 and bool here`);
    default:
      return dtype satisfies never;
  }
}

/** An operand that is `value` itself, or `value` broadcast to `shape`. */
export function operand(value: Value, dtype: DataType, shape: Shape = value.shape): Operand {
  return { value, shape, dtype };
}

/** A constant operand. If all its elements are equal, and it has no name, one element is stored. */
export function constantOperand(
  graph: GraphBuilder,
  data: Exclude<ConstantData, readonly number[]>,
  shape: Shape,
  dtype: DataType,
  name?: string,
): Operand {
  const isFilled = data.length > 1 && data.every((element) => Object.is(element, data[0]));
  const value =
    isFilled && name === undefined
      ? graph.constant(onnxDType(dtype), [], data.slice(0, 1))
      : graph.constant(onnxDType(dtype), shape, data, name);
  return operand(value, dtype, shape);
}

/** The number that all elements of a constant operand equal, or undefined. */
export function filledWith(x: Operand): number | undefined {
  return x.value.kind === "constant" && x.value.data.length === 1 ? x.value.data[0] : undefined;
}

/** The value in the operand's full shape. */
export function dense(graph: GraphBuilder, x: Operand): Value {
  if (sameShape(x.value.shape, x.shape)) return x.value;
  return graph.node("Expand", [x.value, graph.int64(x.shape)], { dtype: x.value.dtype, shape: x.shape });
}

/** An elementwise ONNX operator, with broadcasting. All operands must have the ONNX type the operator wants. */
export function elementwise(
  graph: GraphBuilder,
  op: Operator,
  operands: readonly Operand[],
  dtype: DataType = operands[0]!.dtype,
  attributes: Readonly<Record<string, Attribute>> = {},
): Operand {
  const value = graph.node(
    op,
    operands.map((x) => x.value),
    { dtype: onnxDType(dtype), shape: broadcastShapes(...operands.map((x) => x.value.shape)) },
    attributes,
  );
  return operand(value, dtype, broadcastShapes(...operands.map((x) => x.shape)));
}

/** `x` as another type, by ONNX's Cast; a filled constant is converted at once. */
export function cast(graph: GraphBuilder, x: Operand, dtype: DataType): Operand {
  const to = onnxDType(dtype);
  if (x.value.dtype === to) return operand(x.value, dtype, x.shape);
  const number = filledWith(x);
  if (number !== undefined && x.value.shape.length === 0) {
    const data =
      to === "float32"
        ? Float32Array.of(number)
        : to === "int32"
          ? Int32Array.of(number)
          : Uint8Array.of(+(number !== 0));
    return operand(graph.constant(to, [], data), dtype, x.shape);
  }
  const value = graph.node("Cast", [x.value], { dtype: to, shape: x.value.shape }, { to: int(onnxTypeCode[to]) });
  return operand(value, dtype, x.shape);
}

const onnxTypeCode: Record<Exclude<OnnxDType, "uint8" | "int64" | "float64">, number> = {
  float32: 1,
  int32: 6,
  bool: 9,
};

/** `x` in another shape of as many elements; a chain of reshapes becomes one. Throws if the sizes differ. */
export function reshape(graph: GraphBuilder, x: Operand, shape: Shape): Operand {
  if (sizeOf(x.shape) !== sizeOf(shape)) throw new Error(`Cannot reshape [${x.shape}] to [${shape}]`);
  if (x.value.shape.length === 0 && sizeOf(x.shape) > 0) return operand(x.value, x.dtype, shape);
  const whole = dense(graph, x);
  return operand(reshapeValue(graph, whole, shape), x.dtype);
}

export function reshapeValue(graph: GraphBuilder, value: Value, shape: Shape): Value {
  let source = value;
  while (source.kind === "result" && source.node.op === "Reshape") source = source.node.inputs[0]!;
  if (sameShape(source.shape, shape)) return source;
  if (source.kind === "constant" && source.name === undefined) return graph.constant(source.dtype, shape, source.data);
  const attributes = shape.includes(0) ? { allowzero: int(1) } : {};
  return graph.node("Reshape", [source, graph.int64(shape)], { dtype: value.dtype, shape }, attributes);
}
