/**
 * Matrix products.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int, type Shape, type Value } from "../graph/ir.js";
import { dense, operand, reshapeValue } from "../graph/operand.js";
import { type Lowering, lowering } from "./lowering.js";

/** The last two axes exchanged. */
function transposeMatrices(graph: GraphBuilder, value: Value): Value {
  const rank = value.shape.length;
  const order = [...value.shape.keys()];
  [order[rank - 2], order[rank - 1]] = [rank - 1, rank - 2];
  const shape = order.map((axis) => value.shape[axis]!);
  return graph.node("Transpose", [value], { dtype: value.dtype, shape }, { perm: { type: "ints", value: order } });
}

export const matmulLowerings: Lowering[] = [
  lowering<tf.BatchMatMulAttrs>("BatchMatMul", ({ inputs, attributes, graph }) => {
    const { transposeA, transposeB } = attributes;
    const [a, b] = [dense(graph, inputs.get("a")), dense(graph, inputs.get("b"))];
    const rows = a.shape.at(transposeA ? -1 : -2)!;
    const columns = b.shape.at(transposeB ? -2 : -1)!;
    const batch = (shape: Shape): Shape => shape.slice(0, -2);
    const outer = batch(a.shape).map((dim, axis) => Math.max(dim, b.shape[axis]!));
    const shape = [...outer, rows, columns];

    // tf.matMul gives rank 2 a leading 1. As a Gemm it needs neither the reshapes nor a transposed copy.
    if (outer.every((dim) => dim === 1)) {
      const matrix = (value: Value): Value => reshapeValue(graph, value, value.shape.slice(-2));
      const product = graph.node(
        "Gemm",
        [matrix(a), matrix(b)],
        { dtype: a.dtype, shape: [rows, columns] },
        { transA: int(+transposeA), transB: int(+transposeB) },
      );
      return operand(reshapeValue(graph, product, shape), "float32");
    }
    const left = transposeA ? transposeMatrices(graph, a) : a;
    const right = transposeB ? transposeMatrices(graph, b) : b;
    return operand(graph.node("MatMul", [left, right], { dtype: a.dtype, shape }), "float32");
  }),
];
