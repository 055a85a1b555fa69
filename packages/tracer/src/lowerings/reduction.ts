/**
 * Kernels that reduce axes.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int } from "../graph/ir.js";
import { dense, type Operand, operand } from "../graph/operand.js";
import { type Lowering, lowering } from "./lowering.js";

function reduce(
  graph: GraphBuilder,
  op: string,
  x: Operand,
  axis: number | readonly number[] | undefined,
  keepDims = false,
): Operand {
  const axes = tf.util.parseAxisParam(axis as number[], [...x.shape]);
  if (axes.length === 0) return x;
  const shape = keepDims
    ? x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim))
    : x.shape.filter((_, i) => !axes.includes(i));
  const value = dense(graph, x);
  return operand(
    graph.node(op, [value, graph.int64(axes)], { dtype: value.dtype, shape }, { keepdims: int(+keepDims) }),
    x.dtype,
  );
}

export const reductionLowerings: Lowering[] = [
  lowering<tf.SumAttrs>("Sum", ({ inputs, attributes, graph }) =>
    reduce(graph, "ReduceSum", inputs.get("x"), attributes.axis, attributes.keepDims),
  ),
  lowering<tf.MeanAttrs>("Mean", ({ inputs, attributes, graph }) =>
    reduce(graph, "ReduceMean", inputs.get("x"), attributes.axis, attributes.keepDims),
  ),
  lowering<tf.MaxAttrs>("Max", ({ inputs, attributes, graph }) =>
    reduce(graph, "ReduceMax", inputs.get("x"), attributes.reductionIndices, attributes.keepDims),
  ),
];
