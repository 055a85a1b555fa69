/**
 * Convolutions in two and three dimensions, and their gradients, which are convolutions too.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int, ints } from "../graph/ir.js";
import { dense, type Operand, operand, reshape } from "../graph/operand.js";
import { activate, activationOperators } from "./activation.js";
import { arithmetic, toFloat } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";
import { transpose } from "./shape.js";
import { slice } from "./slicing.js";
import { channelsFirst, channelsLast, outputPadding, type Window, windowAttributes, windowOf } from "./window.js";

/** x `[n, c, ...]`, filter `[o, c / groups, ...]` → `[n, o, ...]`. */
function convolve(graph: GraphBuilder, x: Operand, filter: Operand, window: Window, groups = 1): Operand {
  const shape = [x.shape[0]!, filter.shape[0]!, ...window.output];
  const attributes = { ...windowAttributes(window), group: int(groups) };
  const inputs = [dense(graph, x), dense(graph, filter)];
  return operand(graph.node("Conv", inputs, { dtype: "float32", shape }, attributes), "float32");
}

/** The gradient by a convolution's x: dy `[n, o, ...]`, the convolution's filter → `[n, c, ...]`. */
function convolveBack(graph: GraphBuilder, dy: Operand, filter: Operand, window: Window, groups = 1): Operand {
  const shape = [dy.shape[0]!, filter.shape[1]! * groups, ...window.input];
  const attributes = {
    ...windowAttributes(window),
    group: int(groups),
    output_padding: ints(outputPadding(window)),
  };
  const inputs = [dense(graph, dy), dense(graph, filter)];
  return operand(graph.node("ConvTranspose", inputs, { dtype: "float32", shape }, attributes), "float32");
}

/**
 * The gradient by a convolution's filter: itself a convolution, of x with dy as its filter, with strides and dilations
 * exchanged. Each position of dy on x gives one tap; positions beyond the filter's size are cut off.
 */
function filterGradient(graph: GraphBuilder, x: Operand, dy: Operand, window: Window, groups = 1): Operand {
  const positions = window.input.map((size, i) => {
    const span = (window.output[i]! - 1) * window.strides[i]! + 1;
    return Math.floor((size + window.padBegin[i]! + window.padEnd[i]! - span) / window.dilations[i]!) + 1;
  });
  const sliding: Window = {
    ...window,
    size: window.output,
    strides: window.dilations,
    dilations: window.strides,
    output: positions,
  };
  const all = convolve(graph, x, dy, sliding, groups);
  const end = [...all.shape.slice(0, 2), ...window.size];
  return slice(
    graph,
    all,
    end.map(() => 0),
    end,
  );
}

/** A tfjs filter `[...taps, in, out]` as ONNX's `[out, in, ...taps]`. */
function toOnnxFilter(graph: GraphBuilder, filter: Operand): Operand {
  const taps = filter.shape.length - 2;
  return transpose(graph, toFloat(graph, filter), [taps + 1, taps, ...Array.from({ length: taps }, (_, i) => i)]);
}

/** `[a, b, ...taps]` as `[...taps, a, b]`. */
function tapsFirst(graph: GraphBuilder, x: Operand): Operand {
  const axes = [...x.shape.keys()];
  return transpose(graph, x, [...axes.slice(2), 0, 1]);
}

/** The first two axes exchanged. */
function swapped(graph: GraphBuilder, x: Operand): Operand {
  return transpose(graph, x, [1, 0, ...[...x.shape.keys()].slice(2)]);
}

/** A depthwise filter `[h, w, c, m]` as `[c·m, 1, h, w]`. */
function toDepthwiseFilter(graph: GraphBuilder, filter: Operand): Operand {
  const [height, width, channels, multiplier] = filter.shape as [number, number, number, number];
  const outFirst = transpose(graph, toFloat(graph, filter), [2, 3, 0, 1]);
  return reshape(graph, outFirst, [channels * multiplier, 1, height, width]);
}

type Shape4D = [number, number, number, number];
type Shape5D = [number, number, number, number, number];
type Layout = "channelsLast" | "channelsFirst";
type Sizes = number | [number, number];
type Pad = "valid" | "same" | number | tf.backend_util.ExplicitPadding;
type Rounding = "floor" | "round" | "ceil" | undefined;

interface Attributes2D {
  readonly strides: Sizes;
  readonly pad: Pad;
  readonly dimRoundingMode?: Rounding;
  readonly dataFormat?: "NHWC" | "NCHW";
  readonly dilations?: Sizes | null;
}

function window2D(
  x: readonly number[],
  filter: readonly number[],
  attributes: Attributes2D,
  depthwise = false,
): Window {
  const { strides, pad, dimRoundingMode, dataFormat } = attributes;
  // Layers pass null where they mean 1.
  const dilations = attributes.dilations ?? 1;
  const layout = layoutOf(dataFormat);
  const [shape, taps] = [[...x] as Shape4D, [...filter] as Shape4D];
  return windowOf(
    tf.backend_util.computeConv2DInfo(shape, taps, strides, dilations, pad, dimRoundingMode, depthwise, layout),
  );
}

const layoutOf = (dataFormat: string | undefined): Layout => (dataFormat === "NCHW" ? "channelsFirst" : "channelsLast");

/** Conversion of images from the layout that the tfjs kernel uses to channels first, and back. */
const enter = (graph: GraphBuilder, x: Operand, format: string | undefined): Operand =>
  layoutOf(format) === "channelsLast" ? channelsFirst(graph, x) : toFloat(graph, x);
const leave = (graph: GraphBuilder, x: Operand, format: string | undefined): Operand =>
  layoutOf(format) === "channelsLast" ? channelsLast(graph, x) : x;

function conv2d(graph: GraphBuilder, x: Operand, filter: Operand, attributes: Attributes2D): Operand {
  const window = window2D(x.shape, filter.shape, attributes);
  const { dataFormat } = attributes;
  return leave(graph, convolve(graph, enter(graph, x, dataFormat), toOnnxFilter(graph, filter), window), dataFormat);
}

function depthwiseConv2d(graph: GraphBuilder, x: Operand, filter: Operand, attributes: Attributes2D): Operand {
  const window = window2D(x.shape, filter.shape, attributes, true);
  const groups = filter.shape[2]!;
  return channelsLast(
    graph,
    convolve(graph, channelsFirst(graph, x), toDepthwiseFilter(graph, filter), window, groups),
  );
}

interface Fused {
  readonly activation?: string | null;
  readonly leakyreluAlpha?: number;
}

/** A bias or slope `[c]` in a shape that broadcasts along the channels. */
function perChannel(graph: GraphBuilder, x: Operand | undefined, format: string | undefined): Operand | undefined {
  return x?.shape.length === 1 && layoutOf(format) === "channelsFirst" ? reshape(graph, x, [x.shape[0]!, 1, 1]) : x;
}

function biasAndActivation(
  graph: GraphBuilder,
  sums: Operand,
  bias: Operand | undefined,
  slope: Operand | undefined,
  { activation, leakyreluAlpha, dataFormat }: Fused & { readonly dataFormat?: string },
): Operand {
  const shift = perChannel(graph, bias, dataFormat);
  const shifted = shift ? arithmetic(graph, "Add", sums, shift) : sums;
  return activate(graph, shifted, activation, perChannel(graph, slope, dataFormat), leakyreluAlpha);
}

function window3D(x: readonly number[], filter: readonly number[], attributes: tf.Conv3DAttrs): Window {
  const { strides, pad } = attributes;
  const dilations = (attributes as { dilations?: tf.Conv3DAttrs["dilations"] }).dilations ?? 1;
  return windowOf(
    tf.backend_util.computeConv3DInfo([...x] as Shape5D, [...filter] as Shape5D, strides, dilations, pad),
  );
}

export const convolutionLowerings: Lowering[] = [
  lowering<tf.Conv2DAttrs>("Conv2D", ["Transpose", "Conv"], ({ inputs, attributes, graph }) =>
    conv2d(graph, inputs.get("x"), inputs.get("filter"), attributes as Attributes2D),
  ),
  lowering<tf.FusedConv2DAttrs>(
    "FusedConv2D",
    ["Transpose", "Conv", "Add", ...activationOperators],
    ({ inputs, attributes, graph }) => {
      const sums = conv2d(graph, inputs.get("x"), inputs.get("filter"), attributes as Attributes2D);
      const [bias, slope] = [inputs.optional("bias"), inputs.optional("preluActivationWeights")];
      return biasAndActivation(graph, sums, bias, slope, attributes as Fused & { dataFormat: string });
    },
  ),
  lowering<tf.Conv2DBackpropInputAttrs>(
    "Conv2DBackpropInput",
    ["Transpose", "ConvTranspose"],
    ({ inputs, attributes, graph }) => {
      const filter = inputs.get("filter");
      const { dataFormat } = attributes;
      const window = window2D(attributes.inputShape, filter.shape, attributes as Attributes2D);
      const dy = enter(graph, inputs.get("dy"), dataFormat);
      return leave(graph, convolveBack(graph, dy, toOnnxFilter(graph, filter), window), dataFormat);
    },
  ),
  lowering<tf.Conv2DBackpropFilterAttrs>(
    "Conv2DBackpropFilter",
    ["Transpose", "Conv", "Slice"],
    ({ inputs, attributes, graph }) => {
      const { dataFormat } = attributes;
      const window = window2D(inputs.get("x").shape, attributes.filterShape, attributes as Attributes2D);
      // Images become channels, because each filter tap sums over all images.
      const [x, dy] = ["x", "dy"].map((name) => swapped(graph, enter(graph, inputs.get(name), dataFormat)));
      return tapsFirst(graph, filterGradient(graph, x!, dy!, window));
    },
  ),

  lowering<tf.DepthwiseConv2dNativeAttrs>(
    "DepthwiseConv2dNative",
    ["Transpose", "Conv"],
    ({ inputs, attributes, graph }) =>
      depthwiseConv2d(graph, inputs.get("x"), inputs.get("filter"), attributes as Attributes2D),
  ),
  lowering<tf.FusedDepthwiseConv2DAttrs>(
    "FusedDepthwiseConv2D",
    ["Transpose", "Conv", "Add", ...activationOperators],
    ({ inputs, attributes, graph }) => {
      const sums = depthwiseConv2d(graph, inputs.get("x"), inputs.get("filter"), attributes as Attributes2D);
      const [bias, slope] = [inputs.optional("bias"), inputs.optional("preluActivationWeights")];
      return biasAndActivation(graph, sums, bias, slope, attributes as Fused);
    },
  ),
  lowering<tf.DepthwiseConv2dNativeBackpropInputAttrs>(
    "DepthwiseConv2dNativeBackpropInput",
    ["Transpose", "ConvTranspose"],
    ({ inputs, attributes, graph }) => {
      const filter = inputs.get("filter");
      const window = window2D(attributes.inputShape, filter.shape, attributes as Attributes2D, true);
      const dy = channelsFirst(graph, inputs.get("dy"));
      const back = convolveBack(graph, dy, toDepthwiseFilter(graph, filter), window, filter.shape[2]!);
      return channelsLast(graph, back);
    },
  ),
  lowering<tf.DepthwiseConv2dNativeBackpropFilterAttrs>(
    "DepthwiseConv2dNativeBackpropFilter",
    ["Transpose", "Conv", "Slice"],
    ({ inputs, attributes, graph }) => {
      const { filterShape } = attributes;
      const window = window2D(inputs.get("x").shape, filterShape, attributes as Attributes2D, true);
      const [height, width, channels, multiplier] = filterShape;
      // One group for each channel, with the images as its channels.
      const x = swapped(graph, channelsFirst(graph, inputs.get("x")));
      const dy = swapped(graph, channelsFirst(graph, inputs.get("dy")));
      const images = x.shape[1]!;
      const stacked = reshape(graph, x, [1, channels * images, ...window.input]);
      const gradient = filterGradient(graph, stacked, dy, window, channels);
      const split = reshape(graph, gradient, [channels, multiplier, height, width]);
      return tapsFirst(graph, split);
    },
  ),

  lowering<tf.Conv3DAttrs>("Conv3D", ["Transpose", "Conv"], ({ inputs, attributes, graph }) => {
    const filter = inputs.get("filter");
    const window = window3D(inputs.get("x").shape, filter.shape, attributes);
    const x = channelsFirst(graph, inputs.get("x"));
    return channelsLast(graph, convolve(graph, x, toOnnxFilter(graph, filter), window));
  }),
  lowering<tf.Conv3DBackpropInputV2Attrs>(
    "Conv3DBackpropInputV2",
    ["Transpose", "ConvTranspose"],
    ({ inputs, attributes, graph }) => {
      const filter = inputs.get("filter");
      const window = window3D(attributes.inputShape, filter.shape, attributes as unknown as tf.Conv3DAttrs);
      const dy = channelsFirst(graph, inputs.get("dy"));
      return channelsLast(graph, convolveBack(graph, dy, toOnnxFilter(graph, filter), window));
    },
  ),
  lowering<tf.Conv3DBackpropFilterV2Attrs>(
    "Conv3DBackpropFilterV2",
    ["Transpose", "Conv", "Slice"],
    ({ inputs, attributes, graph }) => {
      const shape = inputs.get("x").shape;
      const window = window3D(shape, attributes.filterShape, attributes as unknown as tf.Conv3DAttrs);
      const [x, dy] = ["x", "dy"].map((name) => swapped(graph, channelsFirst(graph, inputs.get(name))));
      return tapsFirst(graph, filterGradient(graph, x!, dy!, window));
    },
  ),
];
