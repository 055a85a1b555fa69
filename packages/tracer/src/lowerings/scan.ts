/**
 * Kernels along one axis: running sums and products, order, search.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int } from "../graph/ir.js";
import { cast, constantOperand, dense, type Operand, operand, reshape } from "../graph/operand.js";
import { choose, compare, filled, numeric, store } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

/**
 * The running product along `axis`. ONNX has no operator for it: `[..., n]` is repeated to `[..., n, n]`, in which row i
 * keeps the factors of result i and has ones elsewhere; each row's product is a result.
 */
function cumprod(graph: GraphBuilder, x: Operand, axis: number, exclusive: boolean, reverse: boolean): Operand {
  const length = x.shape[axis]!;
  const taken = Uint8Array.from({ length: length * length }, (_, i) => {
    const [to, from] = [Math.floor(i / length), i % length];
    if (from === to) return +!exclusive;
    return +(reverse ? from > to : from < to);
  });
  // The axis of the factors comes after the axis of the results; the mask broadcasts over the axes behind.
  const behind = x.shape.slice(axis + 1);
  const mask = constantOperand(graph, taken, [length, length, ...behind.map(() => 1)], "bool");
  const factors = reshape(graph, x, [...x.shape.slice(0, axis), 1, length, ...behind]);
  const chosen = choose(graph, mask, factors, filled(graph, 1, x.dtype));
  const product = graph.node(
    "ReduceProd",
    [dense(graph, chosen), graph.int64([axis + 1])],
    { dtype: chosen.value.dtype, shape: x.shape },
    { keepdims: int(0) },
  );
  return operand(product, x.dtype);
}

export const scanLowerings: Lowering[] = [
  lowering<tf.CumsumAttrs>("Cumsum", ["CumSum"], ({ inputs, attributes: { axis, exclusive, reverse }, graph }) => {
    const x = numeric(graph, inputs.get("x"));
    const along = axis < 0 ? axis + x.shape.length : axis;
    const value = dense(graph, x);
    const sum = graph.node(
      "CumSum",
      [value, graph.scalar(along, "int32")],
      { dtype: value.dtype, shape: x.shape },
      { exclusive: int(+exclusive), reverse: int(+reverse) },
    );
    return operand(sum, x.dtype);
  }),
  lowering<tf.CumprodAttrs>(
    "Cumprod",
    ["Where", "ReduceProd"],
    ({ inputs, attributes: { axis, exclusive, reverse }, graph }) => {
      const x = numeric(graph, inputs.get("x"));
      return cumprod(graph, x, axis < 0 ? axis + x.shape.length : axis, exclusive, reverse);
    },
  ),

  lowering<tf.TopKAttrs>("TopK", ["TopK"], ({ inputs, attributes: { k }, graph }) => {
    const x = inputs.get("x");
    const value = dense(graph, numeric(graph, x));
    const shape = [...x.shape.slice(0, -1), k];
    // Always sorted: if `sorted` is false, tfjs leaves the order open.
    const [values, indices] = graph.nodes(
      "TopK",
      [value, graph.int64([k])],
      [
        { dtype: value.dtype, shape },
        { dtype: "int64", shape },
      ],
      { axis: int(-1) },
    );
    return [store(graph, operand(values!, "int32"), x.dtype), cast(graph, operand(indices!, "int32"), "int32")];
  }),

  // How many of the sorted row [rows, n] are below (or at most) each value [rows, m].
  lowering<tf.SearchSortedAttrs>(
    "SearchSorted",
    ["Less", "ReduceSum", "LessOrEqual"],
    ({ inputs, attributes: { side }, graph }) => {
      const [sorted, values] = [inputs.get("sortedSequence"), inputs.get("values")];
      const [rows, length] = sorted.shape as [number, number];
      const before = compare(
        graph,
        side === "left" ? "Less" : "LessOrEqual",
        reshape(graph, sorted, [rows, 1, length]),
        reshape(graph, values, [...values.shape, 1]),
      );
      const count = graph.node(
        "ReduceSum",
        [dense(graph, cast(graph, before, "int32")), graph.int64([2])],
        { dtype: "int32", shape: values.shape },
        { keepdims: int(0) },
      );
      return operand(count, "int32");
    },
  ),
];
