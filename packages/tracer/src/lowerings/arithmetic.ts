/**
 * tfjs's arithmetic on ONNX's stricter operators. A tfjs kernel computes in doubles and stores into the typed array of
 * its result: integers truncate toward zero, and a bool is any number that is not zero. ONNX operators take operands of
 * one type each, most of them floats only.
 */
import type { DataType } from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import type { Attribute } from "../graph/ir.js";
import { broadcastShapes, type Shape } from "../graph/ir.js";
import { cast, elementwise, filledWith, type Operand, onnxDType, operand } from "../graph/operand.js";
import type { Operator } from "../onnx/operators.js";

/** An operand whose elements all are `value`; one element is stored. */
export function filled(graph: GraphBuilder, value: number, dtype: DataType, shape: Shape = []): Operand {
  const type = onnxDType(dtype);
  const data =
    type === "float32"
      ? Float32Array.of(value)
      : type === "int32"
        ? Int32Array.of(value)
        : Uint8Array.of(+(value !== 0));
  return operand(graph.constant(type, [], data), dtype, shape);
}

/** `x` as a number: a bool becomes 0 or 1. */
export function numeric(graph: GraphBuilder, x: Operand): Operand {
  return x.dtype === "bool" ? cast(graph, x, "int32") : x;
}

export function toFloat(graph: GraphBuilder, x: Operand): Operand {
  return cast(graph, x, "float32");
}

/** `x` as `dtype`, converted as a JavaScript typed array converts what it stores: 0.5 becomes 0, and so false. */
export function store(graph: GraphBuilder, x: Operand, dtype: DataType): Operand {
  const wholeFirst = dtype === "bool" && x.value.dtype === "float32";
  return cast(graph, wholeFirst ? cast(graph, x, "int32") : x, dtype);
}

/** An ONNX operator for floats alone, applied to a number of any type. The result has the type of `x`. */
export function inFloat(graph: GraphBuilder, x: Operand, compute: (x: Operand) => Operand): Operand {
  return store(graph, compute(toFloat(graph, x)), x.dtype);
}

/** `a` and `b` as numbers of one type. */
export function matched(graph: GraphBuilder, a: Operand, b: Operand): [Operand, Operand] {
  const dtype = a.dtype === "float32" || b.dtype === "float32" ? "float32" : "int32";
  return [cast(graph, a, dtype), cast(graph, b, dtype)];
}

/** An arithmetic ONNX operator for floats and integers. As in tfjs, the result has the type of `a`. */
export function arithmetic(
  graph: GraphBuilder,
  op: Operator,
  a: Operand,
  b: Operand,
  attributes: Readonly<Record<string, Attribute>> = {},
): Operand {
  const [left, right] = matched(graph, a, b);
  return store(graph, elementwise(graph, op, [left, right], left.dtype, attributes), a.dtype);
}

/** An arithmetic operator with a number on its right. */
export function withNumber(graph: GraphBuilder, op: Operator, x: Operand, value: number): Operand {
  return arithmetic(graph, op, x, filled(graph, value, x.dtype === "bool" ? "int32" : x.dtype));
}

/** A comparing ONNX operator; the result is bool. */
export function compare(graph: GraphBuilder, op: Operator, a: Operand, b: Operand): Operand {
  return elementwise(graph, op, matched(graph, a, b), "bool");
}

/** `yes` where `condition` holds and `no` elsewhere, of the type of `yes`. */
export function choose(graph: GraphBuilder, condition: Operand, yes: Operand, no: Operand): Operand {
  const [left, right] = matched(graph, yes, no);
  return store(graph, elementwise(graph, "Where", [condition, left, right], left.dtype), yes.dtype);
}

/** `a` in the shape of the result, if all elements of `b` are `neutral` (0 in a sum, 1 in a product); else undefined. */
export function unlessNeutral(a: Operand, b: Operand, neutral: number): Operand | undefined {
  if (a.dtype !== b.dtype || filledWith(b) !== neutral) return undefined;
  return operand(a.value, a.dtype, broadcastShapes(a.shape, b.shape));
}
