/**
 * Kernels that move elements and compute nothing.
 */
import type * as tf from "@tensorflow/tfjs";
import { int, ints } from "../graph/ir.js";
import { dense, operand, reshape, reshapeValue } from "../graph/operand.js";
import { type Lowering, lowering } from "./lowering.js";

export const shapeLowerings: Lowering[] = [
  lowering<tf.ReshapeAttrs>("Reshape", ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const size = x.shape.reduce((product, dim) => product * dim, 1);
    const known = attributes.shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
    return reshape(
      graph,
      x,
      attributes.shape.map((dim) => (dim === -1 ? size / known : dim)),
    );
  }),

  lowering<tf.ExpandDimsAttrs>("ExpandDims", ({ inputs, attributes, graph }) => {
    const input = inputs.get("input");
    const axis = attributes.dim < 0 ? input.shape.length + 1 + attributes.dim : attributes.dim;
    return reshape(graph, input, [...input.shape.slice(0, axis), 1, ...input.shape.slice(axis)]);
  }),

  lowering<tf.ConcatAttrs>("Concat", ({ inputs, attributes, graph }) => {
    const parts = inputs.list().map((part) => dense(graph, part));
    const first = parts[0]!;
    const axis = attributes.axis < 0 ? first.shape.length + attributes.axis : attributes.axis;
    const shape = first.shape.map((dim, i) =>
      i === axis ? parts.reduce((sum, part) => sum + part.shape[i]!, 0) : dim,
    );
    return operand(
      graph.node("Concat", parts, { dtype: first.dtype, shape }, { axis: int(axis) }),
      inputs.list()[0]!.dtype,
    );
  }),

  lowering<tf.PackAttrs>("Pack", ({ inputs, attributes, graph }) => {
    const operands = inputs.list();
    const rank = operands[0]!.shape.length + 1;
    const axis = attributes.axis < 0 ? rank + attributes.axis : attributes.axis;
    const insert = (shape: readonly number[], dim: number): number[] => [
      ...shape.slice(0, axis),
      dim,
      ...shape.slice(axis),
    ];
    const parts = operands.map((x) => reshapeValue(graph, dense(graph, x), insert(x.shape, 1)));
    const shape = insert(operands[0]!.shape, operands.length);
    return operand(
      graph.node("Concat", parts, { dtype: parts[0]!.dtype, shape }, { axis: int(axis) }),
      operands[0]!.dtype,
    );
  }),

  lowering<tf.UnpackAttrs>("Unpack", ({ inputs, attributes, graph }) => {
    const x = inputs.get("value");
    const value = dense(graph, x);
    const axis = attributes.axis < 0 ? x.shape.length + attributes.axis : attributes.axis;
    const length = x.shape[axis]!;
    const kept = x.shape.filter((_, i) => i !== axis);
    const part = x.shape.map((dim, i) => (i === axis ? 1 : dim));
    const parts = graph.nodes(
      "Split",
      [value],
      Array.from({ length }, () => ({ dtype: value.dtype, shape: part })),
      { axis: int(axis), num_outputs: int(length) },
    );
    return parts.map((each) => operand(reshapeValue(graph, each, kept), x.dtype));
  }),

  lowering<tf.SplitVAttrs>("SplitV", ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const value = dense(graph, x);
    const axis = attributes.axis < 0 ? x.shape.length + attributes.axis : attributes.axis;
    const sizes =
      typeof attributes.numOrSizeSplits === "number"
        ? new Array<number>(attributes.numOrSizeSplits).fill(x.shape[axis]! / attributes.numOrSizeSplits)
        : [...attributes.numOrSizeSplits];
    const rest = sizes.indexOf(-1);
    if (rest >= 0) sizes[rest] = x.shape[axis]! - sizes.reduce((sum, size) => sum + (size === -1 ? 0 : size), 0);
    const parts = graph.nodes(
      "Split",
      [value, graph.int64(sizes)],
      sizes.map((size) => ({ dtype: value.dtype, shape: x.shape.map((dim, i) => (i === axis ? size : dim)) })),
      { axis: int(axis) },
    );
    return parts.map((each) => operand(each, x.dtype));
  }),

  lowering<tf.SliceAttrs>("Slice", ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const value = dense(graph, x);
    const begin = x.shape.map((_, axis) =>
      typeof attributes.begin === "number" ? (axis === 0 ? attributes.begin : 0) : (attributes.begin[axis] ?? 0),
    );
    const given = typeof attributes.size === "number" ? [attributes.size] : attributes.size;
    const shape = x.shape.map((dim, axis) => {
      const size = given[axis] ?? -1;
      return size < 0 ? dim - begin[axis]! : size;
    });
    const axes = [...shape.keys()].filter((axis) => shape[axis] !== x.shape[axis]);
    if (axes.length === 0) return x;
    return operand(
      graph.node(
        "Slice",
        [
          value,
          graph.int64(axes.map((axis) => begin[axis]!)),
          graph.int64(axes.map((axis) => begin[axis]! + shape[axis]!)),
          graph.int64(axes),
        ],
        { dtype: value.dtype, shape },
      ),
      x.dtype,
    );
  }),

  lowering<tf.TransposeAttrs>("Transpose", ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const shape = attributes.perm.map((axis) => x.shape[axis]!);
    return operand(
      graph.node("Transpose", [dense(graph, x)], { dtype: x.value.dtype, shape }, { perm: ints(attributes.perm) }),
      x.dtype,
    );
  }),

  lowering<tf.TileAttrs>("Tile", ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const shape = x.shape.map((dim, axis) => dim * attributes.reps[axis]!);
    // Repeating dimensions of size 1 is a broadcast, which need not be written out.
    if (x.shape.every((dim, axis) => dim === 1 || attributes.reps[axis] === 1)) return operand(x.value, x.dtype, shape);
    return operand(
      graph.node("Tile", [dense(graph, x), graph.int64(attributes.reps)], { dtype: x.value.dtype, shape }),
      x.dtype,
    );
  }),
];
