/**
 * Kernels that count how often each number comes. tfjs refuses negative numbers when it meets one; here they are not counted, like those
 * that are too large.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { sizeOf } from "../graph/ir.js";
import { cast, constantOperand, dense, elementwise, type Operand, operand, reshape } from "../graph/operand.js";
import { choose, compare, filled, numeric } from "./arithmetic.js";
import { scatter } from "./gather.js";
import { type Lowering, lowering } from "./lowering.js";
import { slice } from "./slicing.js";

/** The weights of the numbers `x` in the shape of x: ones, if `weights` has no elements. */
function weightsOf(graph: GraphBuilder, x: Operand, weights: Operand): Operand {
  const terms = numeric(graph, weights);
  if (sizeOf(weights.shape) === 0 && sizeOf(x.shape) > 0) return filled(graph, 1, terms.dtype, x.shape);
  return reshape(graph, terms, x.shape);
}

/** The sum of the weights of each number below `size` in `x`: `[size]`. Other numbers go to one more place, which is cut off. */
function countAll(graph: GraphBuilder, x: Operand, weights: Operand, size: number): Operand {
  const nowhere = filled(graph, size, "int32");
  const isCounted = elementwise(
    graph,
    "And",
    [compare(graph, "GreaterOrEqual", x, filled(graph, 0, "int32")), compare(graph, "Less", x, nowhere)],
    "bool",
  );
  const count = sizeOf(x.shape);
  const places = reshape(graph, choose(graph, isCounted, x, nowhere), [count, 1]);
  const terms = reshape(graph, weightsOf(graph, x, weights), [count]);
  const sums = scatter(graph, filled(graph, 0, terms.dtype, [size + 1]), places, terms, "add");
  return slice(graph, sums, [0], [size]);
}

/** The same of each row of x `[rows, columns]`: `[rows, size]`. */
function countRows(graph: GraphBuilder, x: Operand, weights: Operand, size: number): Operand {
  const [rows, columns] = x.shape as [number, number];
  const numbers = constantOperand(
    graph,
    Int32Array.from({ length: size }, (_, i) => i),
    [size],
    "int32",
  );
  const isHit = compare(graph, "Equal", reshape(graph, x, [rows, columns, 1]), numbers);
  const terms = reshape(graph, weightsOf(graph, x, weights), [rows, columns, 1]);
  const hits = dense(graph, choose(graph, isHit, terms, filled(graph, 0, terms.dtype)));
  const sum = graph.node(
    "ReduceSum",
    [hits, graph.int64([1])],
    { dtype: hits.dtype, shape: [rows, size] },
    {
      keepdims: { type: "int", value: 0 },
    },
  );
  return operand(sum, terms.dtype);
}

const SCATTERED = ["GreaterOrEqual", "Less", "And", "Where", "ScatterND", "Slice"] as const;

export const histogramLowerings: Lowering[] = [
  lowering<tf.BincountAttrs>("Bincount", SCATTERED, ({ inputs, attributes: { size }, graph }) => {
    const [x, weights] = [inputs.get("x"), inputs.get("weights")];
    return cast(graph, countAll(graph, x, weights, size), weights.dtype);
  }),
  lowering<tf.DenseBincountAttrs>(
    "DenseBincount",
    [...SCATTERED, "Equal", "ReduceSum", "Greater"],
    ({ inputs, attributes: { size, binaryOutput = false }, graph }) => {
      const [x, given] = [inputs.get("x"), inputs.get("weights")];
      // Whether a number comes at all does not depend on its weights.
      const weights = binaryOutput ? filled(graph, 1, "int32", x.shape) : given;
      const counts = x.shape.length === 2 ? countRows(graph, x, weights, size) : countAll(graph, x, weights, size);
      if (!binaryOutput) return cast(graph, counts, given.dtype);
      return cast(graph, compare(graph, "Greater", counts, filled(graph, 0, "int32")), given.dtype);
    },
  ),
];
