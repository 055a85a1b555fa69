/**
 * Kernels that read or write elements at the places that a tensor of indices gives.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { type Attribute, int, type Shape, sizeOf, text, type Value } from "../graph/ir.js";
import { cast, dense, elementwise, type Operand, operand, reshape } from "../graph/operand.js";
import { choose, compare, filled, numeric, toFloat } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";
import { transpose } from "./shape.js";
import { slice } from "./slicing.js";

/** Indices as int64, the only type that ONNX's GatherND and ScatterND take. */
function wideIndices(graph: GraphBuilder, indices: Operand): Value {
  const value = dense(graph, cast(graph, indices, "int32"));
  return graph.node("Cast", [value], { dtype: "int64", shape: value.shape }, { to: int(7) });
}

/**
 * `into` with `updates` written at `indices` `[n..., k]`, which are places in its first k axes.
 *
 * @param reduction `add` adds to what is there, and adds up what is written twice
 */
export function scatter(
  graph: GraphBuilder,
  into: Operand,
  indices: Operand,
  updates: Operand,
  reduction: "none" | "add",
): Operand {
  const data = dense(graph, into);
  const attributes: Record<string, Attribute> = reduction === "none" ? {} : { reduction: text(reduction) };
  const node = graph.node(
    "ScatterND",
    [data, wideIndices(graph, indices), dense(graph, updates)],
    { dtype: data.dtype, shape: into.shape },
    attributes,
  );
  return operand(node, into.dtype);
}

/** Elements of x `[n, d, ...]` at indices `[n, m]`, where row i of the indices is for x[i]: `[n, m, ...]`. */
export function gatherRows(graph: GraphBuilder, x: Operand, indices: Operand): Operand {
  const [rows, count] = indices.shape as [number, number];
  const value = dense(graph, x);
  const node = graph.node(
    "GatherND",
    [value, wideIndices(graph, reshape(graph, indices, [rows, count, 1]))],
    { dtype: value.dtype, shape: [rows, count, ...x.shape.slice(2)] },
    { batch_dims: int(1) },
  );
  return operand(node, x.dtype);
}

export const gatherLowerings: Lowering[] = [
  lowering<tf.GatherV2Attrs>(
    "GatherV2",
    ["Gather", "Transpose", "GatherND"],
    ({ inputs, attributes: { axis, batchDims = 0 }, graph }) => {
      const [x, indices] = [inputs.get("x"), inputs.get("indices")];
      const along = tf.util.parseAxisParam(axis, [...x.shape])[0]!;
      if (batchDims === 0) {
        const value = dense(graph, x);
        const places = dense(graph, cast(graph, indices, "int32"));
        const shape = [...x.shape.slice(0, along), ...places.shape, ...x.shape.slice(along + 1)];
        return operand(
          graph.node("Gather", [value, places], { dtype: value.dtype, shape }, { axis: int(along) }),
          x.dtype,
        );
      }
      const batch = x.shape.slice(0, batchDims);
      const outer = x.shape.slice(batchDims, along);
      const inner = x.shape.slice(along + 1);
      const picked = indices.shape.slice(batchDims);
      const [n, o, d, i] = [sizeOf(batch), sizeOf(outer), x.shape[along]!, sizeOf(inner)];
      const rows = transpose(graph, reshape(graph, x, [n, o, d, i]), [0, 2, 1, 3]);
      const gathered = gatherRows(graph, rows, reshape(graph, indices, [n, sizeOf(picked)]));
      return reshape(graph, transpose(graph, gathered, [0, 2, 1, 3]), [...batch, ...outer, ...picked, ...inner]);
    },
  ),

  lowering("GatherNd", ["GatherND"], ({ inputs, graph }) => {
    const [params, indices] = [inputs.get("params"), inputs.get("indices")];
    const value = dense(graph, params);
    const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(indices.shape.at(-1)!)];
    return operand(
      graph.node("GatherND", [value, wideIndices(graph, indices)], { dtype: value.dtype, shape }),
      params.dtype,
    );
  }),

  lowering<tf.ScatterNdAttrs>("ScatterNd", ["ScatterND"], ({ inputs, attributes, graph }) => {
    const updates = inputs.get("updates");
    const terms = numeric(graph, updates);
    const zeros = filled(graph, 0, terms.dtype, attributes.shape as Shape);
    return cast(graph, scatter(graph, zeros, inputs.get("indices"), terms, "add"), updates.dtype);
  }),

  lowering("TensorScatterUpdate", ["ScatterND"], ({ inputs, graph }) =>
    scatter(graph, inputs.get("tensor"), inputs.get("indices"), inputs.get("updates"), "none"),
  ),

  lowering<tf.SparseToDenseAttrs>("SparseToDense", ["ScatterND"], ({ inputs, attributes: { outputShape }, graph }) => {
    const [indices, values] = [inputs.get("sparseIndices"), inputs.get("sparseValues")];
    const count = indices.shape[0] ?? 1;
    const places = reshape(graph, indices, [count, indices.shape[1] ?? 1]);
    const written = operand(
      reshape(graph, values, values.shape.length === 0 ? [1] : values.shape).value,
      values.dtype,
      [count],
    );
    const fill = cast(graph, inputs.get("defaultValue"), values.dtype);
    const background = operand(fill.value, values.dtype, outputShape);
    return scatter(graph, background, places, written, "none");
  }),

  // The sum of the rows of x [n, ...] by segment. Rows without a segment (in tfjs: a negative id) go to an additional
  // one, which is cut off.
  lowering<tf.UnsortedSegmentSumAttrs>(
    "UnsortedSegmentSum",
    ["GreaterOrEqual", "Less", "And", "Where", "ScatterND", "Slice"],
    ({ inputs, attributes: { numSegments }, graph }) => {
      const [x, ids] = [inputs.get("x"), inputs.get("segmentIds")];
      if (ids.shape.length !== 1) throw new Error(`unsortedSegmentSum needs segment ids of rank 1, got [${ids.shape}]`);
      const nowhere = filled(graph, numSegments, "int32");
      const exists = elementwise(
        graph,
        "And",
        [compare(graph, "GreaterOrEqual", ids, filled(graph, 0, "int32")), compare(graph, "Less", ids, nowhere)],
        "bool",
      );
      const places = reshape(graph, choose(graph, exists, ids, nowhere), [...ids.shape, 1]);
      const kept = [numSegments, ...x.shape.slice(1)];
      const zeros = filled(graph, 0, "float32", [numSegments + 1, ...x.shape.slice(1)]);
      const sums = scatter(graph, zeros, places, toFloat(graph, x), "add");
      return slice(
        graph,
        sums,
        kept.map(() => 0),
        kept,
      );
    },
  ),
];
