/**
 * Matrix products and sums of products.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { broadcastShapes, int, ints, type Shape, text, type Value } from "../graph/ir.js";
import { dense, type Operand, operand, reshapeValue } from "../graph/operand.js";
import { activate, activationOperators } from "./activation.js";
import { arithmetic, matched } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

/** The last two axes exchanged. */
function transposeMatrices(graph: GraphBuilder, value: Value): Value {
  const rank = value.shape.length;
  const order = [...value.shape.keys()];
  [order[rank - 2], order[rank - 1]] = [rank - 1, rank - 2];
  const shape = order.map((axis) => value.shape[axis]!);
  return graph.node("Transpose", [value], { dtype: value.dtype, shape }, { perm: ints(order) });
}

/** The matrix of a stack that holds one. */
function matrix(graph: GraphBuilder, value: Value): Value {
  return reshapeValue(graph, value, value.shape.slice(-2));
}

const stack = (value: Value): Shape => value.shape.slice(0, -2);
const isSingle = (shape: Shape): boolean => shape.every((dim) => dim === 1);

const productOperators = ["Gemm", "MatMul", "Transpose"] as const;

/** The products of the stacked matrices a `[..., m, k]` and b `[..., k, n]`; the stacks broadcast. */
function matmul(graph: GraphBuilder, x: Operand, y: Operand, transposeA: boolean, transposeB: boolean): Operand {
  const [left, right] = matched(graph, x, y);
  const [a, b] = [dense(graph, left), dense(graph, right)];
  const [inner, other] = [a.shape.at(transposeA ? -2 : -1), b.shape.at(transposeB ? -1 : -2)];
  if (inner !== other) {
    throw new Error(
      `Matrices [${a.shape}] and [${b.shape}] (transposed: ${transposeA}, ${transposeB}) do not multiply: ` +
        `inner sizes ${inner} and ${other} differ`,
    );
  }
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const outer = broadcastShapes(stack(a), stack(b));
  const shape = [...outer, rows, columns];

  // tf.matMul gives rank 2 a leading 1. As a Gemm it needs neither the reshapes nor a transposed copy.
  if (isSingle(outer) && a.dtype === "float32") {
    const product = graph.node(
      "Gemm",
      [matrix(graph, a), matrix(graph, b)],
      { dtype: a.dtype, shape: [rows, columns] },
      { transA: int(+transposeA), transB: int(+transposeB) },
    );
    return operand(reshapeValue(graph, product, shape), left.dtype);
  }
  // onnxruntime multiplies a stack by one matrix (rank 2) in one product, but by a stack of one in many.
  const factor = isSingle(stack(b)) ? matrix(graph, b) : b;
  const product = graph.node(
    "MatMul",
    [transposeA ? transposeMatrices(graph, a) : a, transposeB ? transposeMatrices(graph, factor) : factor],
    { dtype: a.dtype, shape: [...broadcastShapes(stack(a), stack(factor)), rows, columns] },
  );
  return operand(reshapeValue(graph, product, shape), left.dtype);
}

export const matmulLowerings: Lowering[] = [
  lowering<tf.BatchMatMulAttrs>(
    "BatchMatMul",
    productOperators,
    ({ inputs, attributes: { transposeA, transposeB }, graph }) =>
      matmul(graph, inputs.get("a"), inputs.get("b"), transposeA, transposeB),
  ),

  lowering<tf._FusedMatMulAttrs>(
    "_FusedMatMul",
    [...productOperators, "Add", ...activationOperators],
    ({ inputs, attributes, graph }) => {
      const { transposeA, transposeB, activation, leakyreluAlpha } = attributes;
      const product = matmul(graph, inputs.get("a"), inputs.get("b"), transposeA, transposeB);
      const bias = inputs.optional("bias");
      const sum = bias ? arithmetic(graph, "Add", product, bias) : product;
      return activate(graph, sum, activation, inputs.optional("preluActivationWeights"), leakyreluAlpha);
    },
  ),

  lowering<tf.EinsumAttrs>("Einsum", ["Einsum"], ({ inputs, attributes: { equation }, graph }) => {
    const factors = inputs.list();
    const [terms, result = ""] = equation.replace(/\s/g, "").split("->") as [string, string?];
    const sizes = new Map<string, number>();
    terms.split(",").forEach((term, i) => {
      [...term].forEach((letter, axis) => {
        const size = factors[i]!.shape[axis]!;
        if ((sizes.get(letter) ?? size) !== size) throw new Error(`einsum ${equation}: sizes of ${letter} differ`);
        sizes.set(letter, size);
      });
    });
    const values = factors.map((each) => dense(graph, each));
    const shape = [...result].map((letter) => sizes.get(letter)!);
    const output = { dtype: values[0]!.dtype, shape };
    return operand(graph.node("Einsum", values, output, { equation: text(`${terms}->${result}`) }), factors[0]!.dtype);
  }),
];
