/**
 * Kernels that resize images `[n, height, width, channels]`.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int, text } from "../graph/ir.js";
import { constantOperand, dense, type Operand, operand, reshape } from "../graph/operand.js";
import { toFloat } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";
import { channelsFirst, channelsLast } from "./window.js";

interface Sampling {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/** Where each of `to` samples lies on an axis of `from` pixels, in pixels. */
function positions(from: number, to: number, { alignCorners, halfPixelCenters }: Sampling): number[] {
  const aligned = alignCorners && to > 1;
  const scale = aligned ? (from - 1) / (to - 1) : from / to;
  return Array.from({ length: to }, (_, i) => (halfPixelCenters ? scale * (i + 0.5) : scale * i));
}

/** The pixel nearest to each sample. */
function nearest(from: number, to: number, sampling: Sampling): number[] {
  const round = sampling.alignCorners ? Math.round : Math.floor;
  return positions(from, to, sampling).map((position) => Math.max(0, Math.min(from - 1, round(position))));
}

/** The matrix `[from, to]` that carries the gradients of samples back to the pixels from which they were made. */
function spreading(from: number, weights: readonly (readonly [pixel: number, weight: number])[][]): Float32Array {
  const matrix = new Float32Array(from * weights.length);
  weights.forEach((parts, sample) => {
    for (const [pixel, weight] of parts) matrix[pixel * weights.length + sample]! += weight;
  });
  return matrix;
}

/** dy `[n, h, w, c]` with its height and width multiplied by constant matrices. */
function spread(graph: GraphBuilder, dy: Operand, rows: Float32Array, columns: Float32Array): Operand {
  const [images, h, w, channels] = dy.shape as [number, number, number, number];
  const [height, width] = [rows.length / h, columns.length / w];
  const multiply = (matrix: Float32Array, to: number, x: Operand): Operand => {
    const [stack, from, inner] = x.shape as [number, number, number];
    const left = dense(graph, constantOperand(graph, matrix, [to, from], "float32"));
    const output = { dtype: "float32", shape: [stack, to, inner] } as const;
    return operand(graph.node("MatMul", [left, dense(graph, x)], output), "float32");
  };
  const tall = multiply(rows, height, reshape(graph, dy, [images, h, w * channels]));
  const wide = multiply(columns, width, reshape(graph, tall, [images * height, w, channels]));
  return reshape(graph, wide, [images, height, width, channels]);
}

/** The sampling of the gradients, which in tfjs ignore half-pixel centres. */
const sampled = ({ alignCorners }: { alignCorners: boolean }): Sampling => ({ alignCorners, halfPixelCenters: false });

export const imageLowerings: Lowering[] = [
  lowering<tf.ResizeBilinearAttrs>("ResizeBilinear", ["Transpose", "Resize"], ({ inputs, attributes, graph }) => {
    const { alignCorners, halfPixelCenters, size } = attributes;
    const image = channelsFirst(graph, inputs.get("images"));
    const shape = [...image.shape.slice(0, 2), ...size];
    const coordinates = alignCorners ? "align_corners" : halfPixelCenters ? "half_pixel" : "asymmetric";
    const resized = graph.node(
      "Resize",
      [dense(graph, image), undefined, undefined, graph.int64(shape)],
      { dtype: "float32", shape },
      { mode: text("linear"), coordinate_transformation_mode: text(coordinates) },
    );
    return channelsLast(graph, operand(resized, "float32"));
  }),
  lowering<tf.ResizeBilinearGradAttrs>("ResizeBilinearGrad", ["MatMul"], ({ inputs, attributes, graph }) => {
    const [, height, width] = inputs.get("images").shape as [number, number, number];
    const dy = toFloat(graph, inputs.get("dy"));
    const matrix = (from: number, to: number): Float32Array =>
      spreading(
        from,
        positions(from, to, sampled(attributes)).map((position) => {
          const below = Math.floor(position);
          const fraction = position - below;
          return [
            [below, 1 - fraction],
            [Math.min(from - 1, Math.ceil(position)), fraction],
          ];
        }),
      );
    return spread(graph, dy, matrix(height, dy.shape[1]!), matrix(width, dy.shape[2]!));
  }),

  lowering<tf.ResizeNearestNeighborAttrs>("ResizeNearestNeighbor", ["Gather"], ({ inputs, attributes, graph }) => {
    const images = inputs.get("images");
    return [1, 2].reduce((x, axis) => {
      const pixels = Int32Array.from(nearest(x.shape[axis]!, attributes.size[axis - 1]!, attributes));
      const shape = x.shape.map((dim, i) => (i === axis ? pixels.length : dim));
      const places = dense(graph, constantOperand(graph, pixels, [pixels.length], "int32"));
      const value = dense(graph, x);
      return operand(
        graph.node("Gather", [value, places], { dtype: value.dtype, shape }, { axis: int(axis) }),
        x.dtype,
      );
    }, images);
  }),
  lowering<tf.ResizeNearestNeighborGradAttrs>(
    "ResizeNearestNeighborGrad",
    ["MatMul"],
    ({ inputs, attributes, graph }) => {
      const [, height, width] = inputs.get("images").shape as [number, number, number];
      const dy = toFloat(graph, inputs.get("dy"));
      const matrix = (from: number, to: number): Float32Array =>
        spreading(
          from,
          nearest(from, to, sampled(attributes)).map((pixel) => [[pixel, 1]]),
        );
      return spread(graph, dy, matrix(height, dy.shape[1]!), matrix(width, dy.shape[2]!));
    },
  ),
];
