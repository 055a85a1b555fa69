/**
 * Kernels that rearrange whole tensors: reshape, transpose, repeat, join, split.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int, ints, type Shape } from "../graph/ir.js";
import { dense, type Operand, operand, reshape, reshapeValue } from "../graph/operand.js";
import { type Lowering, lowering } from "./lowering.js";
import { concat, pad, slice } from "./slicing.js";

/** `axis` counted from the front. */
const fromFront = (axis: number, rank: number): number => (axis < 0 ? rank + axis : axis);

/** The axes of `x` in the order `order`. */
export function transpose(graph: GraphBuilder, x: Operand, order: readonly number[]): Operand {
  if (order.every((axis, i) => axis === i)) return x;
  const shape = order.map((axis) => x.shape[axis]!);
  const value = dense(graph, x);
  return operand(graph.node("Transpose", [value], { dtype: value.dtype, shape }, { perm: ints(order) }), x.dtype);
}

export const shapeLowerings: Lowering[] = [
  lowering<tf.ReshapeAttrs>("Reshape", ["Reshape"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const size = x.shape.reduce((product, dim) => product * dim, 1);
    const known = attributes.shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
    return reshape(
      graph,
      x,
      attributes.shape.map((dim) => (dim === -1 ? size / known : dim)),
    );
  }),

  lowering<tf.ExpandDimsAttrs>("ExpandDims", ["Reshape"], ({ inputs, attributes, graph }) => {
    const input = inputs.get("input");
    const axis = fromFront(attributes.dim, input.shape.length + 1);
    return reshape(graph, input, [...input.shape.slice(0, axis), 1, ...input.shape.slice(axis)]);
  }),

  lowering<tf.TransposeAttrs>("Transpose", ["Transpose"], ({ inputs, attributes, graph }) =>
    transpose(graph, inputs.get("x"), attributes.perm),
  ),

  lowering<tf.TileAttrs>("Tile", ["Tile"], ({ inputs, attributes: { reps }, graph }) => {
    const x = inputs.get("x");
    const shape = x.shape.map((dim, axis) => dim * reps[axis]!);
    // To repeat dimensions of size 1 is to broadcast, which costs no node.
    if (x.shape.every((dim, axis) => dim === 1 || reps[axis] === 1)) return operand(x.value, x.dtype, shape);
    const value = dense(graph, x);
    return operand(graph.node("Tile", [value, graph.int64(reps)], { dtype: value.dtype, shape }), x.dtype);
  }),

  lowering<tf.ConcatAttrs>("Concat", ["Concat"], ({ inputs, attributes, graph }) => {
    const parts = inputs.list();
    return concat(graph, parts, fromFront(attributes.axis, parts[0]!.shape.length));
  }),

  lowering<tf.PackAttrs>("Pack", ["Concat"], ({ inputs, attributes, graph }) => {
    const parts = inputs.list();
    const axis = fromFront(attributes.axis, parts[0]!.shape.length + 1);
    const withAxis = ({ shape }: Operand): Shape => [...shape.slice(0, axis), 1, ...shape.slice(axis)];
    return concat(
      graph,
      parts.map((part) => reshape(graph, part, withAxis(part))),
      axis,
    );
  }),

  lowering<tf.UnpackAttrs>("Unpack", ["Split"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("value");
    const axis = fromFront(attributes.axis, x.shape.length);
    const length = x.shape[axis]!;
    const kept = x.shape.filter((_, i) => i !== axis);
    if (length === 1) return [reshape(graph, x, kept)];
    const value = dense(graph, x);
    const part = { dtype: value.dtype, shape: x.shape.map((dim, i) => (i === axis ? 1 : dim)) };
    const parts = graph.nodes("Split", [value], new Array<typeof part>(length).fill(part), {
      axis: int(axis),
      num_outputs: int(length),
    });
    return parts.map((each) => operand(reshapeValue(graph, each, kept), x.dtype));
  }),

  lowering<tf.SplitVAttrs>("SplitV", ["Split"], ({ inputs, attributes: { numOrSizeSplits, axis: given }, graph }) => {
    const x = inputs.get("x");
    const axis = fromFront(given, x.shape.length);
    const length = x.shape[axis]!;
    const sizes =
      typeof numOrSizeSplits === "number"
        ? new Array<number>(numOrSizeSplits).fill(length / numOrSizeSplits)
        : [...numOrSizeSplits];
    const rest = sizes.indexOf(-1);
    if (rest >= 0) sizes[rest] = length - sizes.reduce((sum, size) => sum + (size === -1 ? 0 : size), 0);
    if (sizes.length === 1) return [x];
    const value = dense(graph, x);
    const parts = graph.nodes(
      "Split",
      [value, graph.int64(sizes)],
      sizes.map((size) => ({ dtype: value.dtype, shape: x.shape.map((dim, i) => (i === axis ? size : dim)) })),
      { axis: int(axis) },
    );
    return parts.map((each) => operand(each, x.dtype));
  }),

  // [n, h·p, w·q, ...rest] → [p·q·n, h, w, ...rest]: the places within a block move to the batch.
  lowering<tf.SpaceToBatchNDAttrs>(
    "SpaceToBatchND",
    ["Pad", "Transpose"],
    ({ inputs, attributes: { blockShape, paddings }, graph }) => {
      const x = inputs.get("x");
      const rank = blockShape.length;
      const padded = pad(graph, x, [[0, 0], ...paddings], 0);
      const [batch, ...spatial] = padded.shape.slice(0, rank + 1) as [number, ...number[]];
      const rest = padded.shape.slice(rank + 1);
      const counts = spatial.map((dim, i) => dim / blockShape[i]!);
      const split = reshape(graph, padded, [batch, ...counts.flatMap((count, i) => [count, blockShape[i]!]), ...rest]);
      const moved = transpose(graph, split, [
        ...counts.map((_, i) => 2 * i + 2),
        0,
        ...counts.map((_, i) => 2 * i + 1),
        ...rest.map((_, i) => 1 + 2 * rank + i),
      ]);
      return reshape(graph, moved, [batch * blockShape.reduce((a, b) => a * b, 1), ...counts, ...rest]);
    },
  ),

  lowering<tf.BatchToSpaceNDAttrs>(
    "BatchToSpaceND",
    ["Transpose", "Slice"],
    ({ inputs, attributes: { blockShape, crops }, graph }) => {
      const x = inputs.get("x");
      const rank = blockShape.length;
      const [batch, ...spatial] = x.shape.slice(0, rank + 1) as [number, ...number[]];
      const rest = x.shape.slice(rank + 1);
      const images = batch / blockShape.reduce((a, b) => a * b, 1);
      const split = reshape(graph, x, [...blockShape, images, ...spatial, ...rest]);
      const moved = transpose(graph, split, [
        rank,
        ...blockShape.flatMap((_, i) => [rank + 1 + i, i]),
        ...rest.map((_, i) => 1 + 2 * rank + i),
      ]);
      const whole = reshape(graph, moved, [images, ...spatial.map((dim, i) => dim * blockShape[i]!), ...rest]);
      const begin = [0, ...crops.map(([before]) => before!), ...rest.map(() => 0)];
      const end = whole.shape.map((dim, axis) => dim - (crops[axis - 1]?.[1] ?? 0));
      return slice(graph, whole, begin, end);
    },
  ),

  lowering<tf.DepthToSpaceAttrs>(
    "DepthToSpace",
    ["Transpose"],
    ({ inputs, attributes: { blockSize, dataFormat }, graph }) => {
      const x = inputs.get("x");
      if (dataFormat !== "NHWC") throw new Error(`depthToSpace is traced for NHWC images, not for ${dataFormat}`);
      const [batch, height, width, depth] = x.shape as [number, number, number, number];
      const channels = depth / (blockSize * blockSize);
      const split = reshape(graph, x, [batch, height, width, blockSize, blockSize, channels]);
      const moved = transpose(graph, split, [0, 1, 3, 2, 4, 5]);
      return reshape(graph, moved, [batch, height * blockSize, width * blockSize, channels]);
    },
  ),
];
