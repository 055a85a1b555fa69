/**
 * Kernels that cut a tensor out of another, or lay a margin around it.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int, text } from "../graph/ir.js";
import { cast, dense, filledWith, type Operand, operand, reshape } from "../graph/operand.js";
import { filled } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

/** The end, in ONNX's Slice, of a backward slice that includes the first element. */
const BEFORE_FIRST = -(2 ** 31);

/** Elements `begin` to `end` (exclusive) of every axis. */
export function slice(graph: GraphBuilder, x: Operand, begin: readonly number[], end: readonly number[]): Operand {
  const axes = [...x.shape.keys()].filter((axis) => begin[axis] !== 0 || end[axis] !== x.shape[axis]);
  if (axes.length === 0) return x;
  const shape = x.shape.map((_, axis) => end[axis]! - begin[axis]!);
  if (filledWith(x) !== undefined) return operand(x.value, x.dtype, shape);
  const value = dense(graph, x);
  const bounds = [begin, end].map((bound) => graph.int64(axes.map((axis) => bound[axis]!)));
  return operand(graph.node("Slice", [value, ...bounds, graph.int64(axes)], { dtype: value.dtype, shape }), x.dtype);
}

/** `x` backwards along `axes`. */
export function reverse(graph: GraphBuilder, x: Operand, axes: readonly number[]): Operand {
  if (axes.length === 0 || filledWith(x) !== undefined) return x;
  const value = dense(graph, x);
  const all = (number: number): ReturnType<typeof graph.int64> => graph.int64(axes.map(() => number));
  const node = graph.node("Slice", [value, all(-1), all(BEFORE_FIRST), graph.int64(axes), all(-1)], {
    dtype: value.dtype,
    shape: x.shape,
  });
  return operand(node, x.dtype);
}

/** `parts` one after the other along `axis`. */
export function concat(graph: GraphBuilder, parts: readonly Operand[], axis: number): Operand {
  const [first] = parts as [Operand];
  tf.backend_util.assertParamsConsistent(
    parts.map((part) => [...part.shape]),
    axis,
  );
  if (parts.length === 1) return first;
  const values = parts.map((part) => dense(graph, part));
  const shape = first.shape.map((dim, i) => (i === axis ? parts.reduce((sum, part) => sum + part.shape[i]!, 0) : dim));
  return operand(graph.node("Concat", values, { dtype: values[0]!.dtype, shape }, { axis: int(axis) }), first.dtype);
}

type Paddings = readonly (readonly number[])[];

const padsOf = (x: Operand, paddings: Paddings): [before: number[], after: number[]] => [
  x.shape.map((_, axis) => paddings[axis]?.[0] ?? 0),
  x.shape.map((_, axis) => paddings[axis]?.[1] ?? 0),
];

/** `x` with margins of `value`. */
export function pad(graph: GraphBuilder, x: Operand, paddings: Paddings, value: number): Operand {
  const [before, after] = padsOf(x, paddings);
  if ([...before, ...after].every((margin) => margin === 0)) return x;
  const inner = dense(graph, x);
  const shape = x.shape.map((dim, axis) => before[axis]! + dim + after[axis]!);
  const margin = filled(graph, value, x.dtype).value;
  const node = graph.node("Pad", [inner, graph.int64([...before, ...after]), margin], { dtype: inner.dtype, shape });
  return operand(node, x.dtype);
}

/** `x` with margins that mirror it, the edge itself left out (reflect) or repeated (symmetric). */
function mirrorPad(graph: GraphBuilder, x: Operand, paddings: Paddings, mode: "reflect" | "symmetric"): Operand {
  const [before, after] = padsOf(x, paddings);
  if (mode === "reflect") {
    const inner = dense(graph, x);
    const shape = x.shape.map((dim, axis) => before[axis]! + dim + after[axis]!);
    const output = { dtype: inner.dtype, shape };
    const node = graph.node("Pad", [inner, graph.int64([...before, ...after])], output, { mode: text("reflect") });
    return operand(node, x.dtype);
  }
  // ONNX has no such mode. Each margin is the strip beside it, reversed.
  let padded = x;
  for (const axis of x.shape.keys()) {
    const length = x.shape[axis]!;
    const strip = (from: number, to: number): Operand => {
      const begin = padded.shape.map((_, i) => (i === axis ? from : 0));
      const end = padded.shape.map((dim, i) => (i === axis ? to : dim));
      return reverse(graph, slice(graph, padded, begin, end), [axis]);
    };
    const parts = [padded];
    if (before[axis]! > 0) parts.unshift(strip(0, before[axis]!));
    if (after[axis]! > 0) parts.push(strip(length - after[axis]!, length));
    padded = concat(graph, parts, axis);
  }
  return padded;
}

export const slicingLowerings: Lowering[] = [
  lowering<tf.SliceAttrs>("Slice", ["Slice"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const like = { shape: [...x.shape] } as tf.Tensor;
    const params = tf.slice_util.parseSliceParams(like, attributes.begin, attributes.size);
    const [begin, size] = params as [number[], number[]];
    return slice(
      graph,
      x,
      begin,
      begin.map((start, axis) => start + size[axis]!),
    );
  }),

  lowering<tf.StridedSliceAttrs>("StridedSlice", ["Slice"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const { beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
    const cut = tf.slice_util.sliceInfo(
      [...x.shape],
      attributes.begin,
      attributes.end,
      attributes.strides,
      beginMask,
      endMask,
      ellipsisMask,
      newAxisMask,
      shrinkAxisMask,
    );
    if (cut.isIdentity) return reshape(graph, x, cut.finalShape);
    const sizes = tf.slice_util.computeOutShape(cut.begin, cut.end, cut.strides);
    const value = dense(graph, x);
    const ends = cut.begin.map((start, axis) => {
      const end = start + cut.strides[axis]! * sizes[axis]!;
      return end < 0 ? BEFORE_FIRST : end;
    });
    // Axes that stay whole are left out: else the bounds of a symbolic batch would have to be computed in the graph.
    const axes = [...x.shape.keys()].filter(
      (axis) => cut.begin[axis] !== 0 || cut.strides[axis] !== 1 || sizes[axis] !== x.shape[axis],
    );
    if (axes.length === 0) return reshape(graph, x, cut.finalShape);
    const bounds = [cut.begin, ends, [...x.shape.keys()], cut.strides].map((numbers) =>
      graph.int64(axes.map((axis) => numbers[axis]!)),
    );
    const node = graph.node("Slice", [value, ...bounds], { dtype: value.dtype, shape: sizes });
    return reshape(graph, operand(node, x.dtype), cut.finalShape);
  }),

  lowering<tf.ReverseAttrs>("Reverse", ["Slice"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    return reverse(graph, x, x.shape.length === 0 ? [] : tf.util.parseAxisParam(attributes.dims, [...x.shape]));
  }),
  lowering("FlipLeftRight", ["Slice"], ({ inputs, graph }) => reverse(graph, inputs.get("image"), [2])),

  lowering<tf.PadV2Attrs>("PadV2", ["Pad"], ({ inputs, attributes: { paddings, constantValue }, graph }) =>
    pad(graph, inputs.get("x"), paddings, constantValue),
  ),
  lowering<tf.MirrorPadAttrs>(
    "MirrorPad",
    ["Pad", "Slice", "Concat"],
    ({ inputs, attributes: { paddings, mode }, graph }) => {
      const x = inputs.get("x");
      const padded = mirrorPad(graph, x.dtype === "bool" ? cast(graph, x, "int32") : x, paddings, mode);
      return cast(graph, padded, x.dtype);
    },
  ),
];
