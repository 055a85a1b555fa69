/**
 * The windows that convolutions and pools slide over an image or a volume, between tfjs's channels-last layout and
 * ONNX's channels-first.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { type Attribute, ints } from "../graph/ir.js";
import type { Operand } from "../graph/operand.js";
import { toFloat } from "./arithmetic.js";
import { transpose } from "./shape.js";

type ConvInfo = tf.backend_util.Conv2DInfo | tf.backend_util.Conv3DInfo;

/** Sizes by spatial axis: height and width, or depth, height and width. */
export interface Window {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly padBegin: readonly number[];
  /** The padding that gives this output: tfjs can round the output's size up, ONNX's formula rounds down. */
  readonly padEnd: readonly number[];
}

export function windowOf(info: ConvInfo): Window {
  const deep = "inDepth" in info;
  const axes = <T>(depth: (info: tf.backend_util.Conv3DInfo) => T, height: T, width: T): T[] =>
    deep ? [depth(info), height, width] : [height, width];
  const size = axes((i) => i.filterDepth, info.filterHeight, info.filterWidth);
  const strides = axes((i) => i.strideDepth, info.strideHeight, info.strideWidth);
  const dilations = axes((i) => i.dilationDepth, info.dilationHeight, info.dilationWidth);
  const input = axes((i) => i.inDepth, info.inHeight, info.inWidth);
  const output = axes((i) => i.outDepth, info.outHeight, info.outWidth);
  const padBegin = axes((i) => i.padInfo.front, info.padInfo.top, info.padInfo.left);
  const padEnd = output.map((steps, i) => {
    const reach = (steps - 1) * strides[i]! + (size[i]! - 1) * dilations[i]! + 1;
    return Math.max(0, reach - padBegin[i]! - input[i]!);
  });
  return { size, strides, dilations, input, output, padBegin, padEnd };
}

/** The ONNX attributes of a window. Dilations of 1 are the default, which AveragePool can say since opset 19 only. */
export function windowAttributes(window: Window): Record<string, Attribute> {
  return {
    kernel_shape: ints(window.size),
    strides: ints(window.strides),
    ...(window.dilations.some((step) => step !== 1) && { dilations: ints(window.dilations) }),
    pads: ints([...window.padBegin, ...window.padEnd]),
  };
}

/** ONNX's `output_padding`: how much larger the output of a transposed window is than its formula gives. */
export function outputPadding(window: Window): number[] {
  return window.input.map((size, i) => {
    const reach = (window.output[i]! - 1) * window.strides[i]! + (window.size[i]! - 1) * window.dilations[i]! + 1;
    return size - (reach - window.padBegin[i]! - window.padEnd[i]!);
  });
}

/** `[n, ...spatial, c]` as floats `[n, c, ...spatial]`. */
export function channelsFirst(graph: GraphBuilder, x: Operand): Operand {
  const rank = x.shape.length;
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  return transpose(graph, toFloat(graph, x), [0, rank - 1, ...spatial]);
}

/** `[n, c, ...spatial]` as `[n, ...spatial, c]`. */
export function channelsLast(graph: GraphBuilder, x: Operand): Operand {
  const rank = x.shape.length;
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 2);
  return transpose(graph, x, [0, ...spatial, 1]);
}
