/**
 * Kernels that reduce axes.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int } from "../graph/ir.js";
import { cast, dense, type Operand, operand } from "../graph/operand.js";
import type { Operator } from "../onnx/operators.js";
import { numeric, store, toFloat } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

interface Axes {
  readonly axis: number | readonly number[] | undefined;
  readonly keepDims: boolean | undefined;
}

function reduce(graph: GraphBuilder, op: Operator, x: Operand, { axis, keepDims = false }: Axes): Operand {
  const axes = tf.util.parseAxisParam(axis as number[], [...x.shape]);
  if (axes.length === 0) return x;
  const shape = keepDims
    ? x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim))
    : x.shape.filter((_, i) => !axes.includes(i));
  const value = dense(graph, x);
  const output = { dtype: value.dtype, shape };
  return operand(graph.node(op, [value, graph.int64(axes)], output, { keepdims: int(+keepDims) }), x.dtype);
}

/** A reduction to the position of an extreme value, the first of equals. */
function position(graph: GraphBuilder, op: Operator, x: Operand, axis: number): Operand {
  const value = dense(graph, numeric(graph, x));
  const along = tf.util.parseAxisParam(axis, [...x.shape])[0]!;
  const shape = x.shape.filter((_, i) => i !== along);
  const found = graph.node(op, [value], { dtype: "int64", shape }, { axis: int(along), keepdims: int(0) });
  return cast(graph, operand(found, "int32"), "int32");
}

export const reductionLowerings: Lowering[] = [
  lowering<tf.SumAttrs>("Sum", ["ReduceSum"], ({ inputs, attributes, graph }) =>
    reduce(graph, "ReduceSum", numeric(graph, inputs.get("x")), attributes),
  ),
  lowering<tf.MeanAttrs>("Mean", ["ReduceMean"], ({ inputs, attributes, graph }) =>
    reduce(graph, "ReduceMean", toFloat(graph, inputs.get("x")), attributes),
  ),
  lowering<tf.ProdAttrs>("Prod", ["ReduceProd"], ({ inputs, attributes, graph }) =>
    reduce(graph, "ReduceProd", numeric(graph, inputs.get("x")), attributes),
  ),
  lowering<tf.MaxAttrs>("Max", ["ReduceMax"], ({ inputs, attributes: { reductionIndices, keepDims }, graph }) => {
    const x = inputs.get("x");
    return store(graph, reduce(graph, "ReduceMax", numeric(graph, x), { axis: reductionIndices, keepDims }), x.dtype);
  }),
  lowering<tf.MinAttrs>("Min", ["ReduceMin"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    return store(graph, reduce(graph, "ReduceMin", numeric(graph, x), attributes), x.dtype);
  }),
  // Truth values are 0 and 1: any is their maximum, all their minimum.
  lowering<tf.AnyAttrs>("Any", ["ReduceMax"], ({ inputs, attributes, graph }) =>
    cast(graph, reduce(graph, "ReduceMax", numeric(graph, inputs.get("x")), attributes), "bool"),
  ),
  lowering<tf.AllAttrs>("All", ["ReduceMin"], ({ inputs, attributes, graph }) =>
    cast(graph, reduce(graph, "ReduceMin", numeric(graph, inputs.get("x")), attributes), "bool"),
  ),
  lowering<tf.ArgMaxAttrs>("ArgMax", ["ArgMax"], ({ inputs, attributes, graph }) =>
    position(graph, "ArgMax", inputs.get("x"), attributes.axis),
  ),
  lowering<tf.ArgMinAttrs>("ArgMin", ["ArgMin"], ({ inputs, attributes, graph }) =>
    position(graph, "ArgMin", inputs.get("x"), attributes.axis),
  ),
];
