/**
 * Pools in two and three dimensions, and their gradients as tfjs defines them.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int, ints, sameShape, sizeOf, text } from "../graph/ir.js";
import { dense, type Operand, operand, reshape } from "../graph/operand.js";
import { filled, store, withNumber } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";
import { channelsFirst, channelsLast, outputPadding, type Window, windowAttributes, windowOf } from "./window.js";

interface PoolAttributes {
  readonly filterSize: number | [number, number] | [number, number, number];
  readonly strides: number | [number, number] | [number, number, number];
  readonly pad: tf.MaxPoolAttrs["pad"];
  readonly dimRoundingMode?: "floor" | "round" | "ceil";
}

function poolWindow(x: Operand, { filterSize, strides, pad, dimRoundingMode }: PoolAttributes): Window {
  const shape = [...x.shape];
  if (shape.length === 5) {
    type Volume = [number, number, number, number, number];
    type Sizes = number | [number, number, number];
    return windowOf(
      tf.backend_util.computePool3DInfo(
        shape as Volume,
        filterSize as Sizes,
        strides as Sizes,
        1,
        pad as "same",
        dimRoundingMode,
      ),
    );
  }
  type Image = [number, number, number, number];
  type Sizes = number | [number, number];
  return windowOf(
    tf.backend_util.computePool2DInfo(shape as Image, filterSize as Sizes, strides as Sizes, 1, pad, dimRoundingMode),
  );
}

function pool(graph: GraphBuilder, op: "MaxPool" | "AveragePool", x: Operand, attributes: PoolAttributes): Operand {
  const window = poolWindow(x, attributes);
  if (window.size.every((size) => size === 1) && sameShape(window.input, window.output)) return x;
  const image = channelsFirst(graph, x);
  const shape = [...image.shape.slice(0, 2), ...window.output];
  const pooled = graph.node(op, [dense(graph, image)], { dtype: "float32", shape }, windowAttributes(window));
  return store(graph, channelsLast(graph, operand(pooled, "float32")), x.dtype);
}

/** The gradient of a max pool: each window's gradient goes to the place of its maximum, the first of equals. */
function maxPoolGradient(graph: GraphBuilder, dy: Operand, x: Operand, attributes: PoolAttributes): Operand {
  const window = poolWindow(x, attributes);
  const image = channelsFirst(graph, x);
  const shape = [...image.shape.slice(0, 2), ...window.output];
  const [, places] = graph.nodes(
    "MaxPool",
    [dense(graph, image)],
    [
      { dtype: "float32", shape },
      { dtype: "int64", shape },
    ],
    windowAttributes(window),
  );
  const flat = (each: Operand): Operand => reshape(graph, each, [sizeOf(each.shape)]);
  const zeros = filled(graph, 0, "float32", [sizeOf(image.shape)]);
  const updates = dense(graph, flat(channelsFirst(graph, dy)));
  const gradient = graph.node(
    "ScatterElements",
    [dense(graph, zeros), dense(graph, flat(operand(places!, "int32"))), updates],
    { dtype: "float32", shape: zeros.shape },
    { axis: int(0), reduction: text("add") },
  );
  return channelsLast(graph, reshape(graph, operand(gradient, "float32"), image.shape));
}

/**
 * The gradient of an average pool: each window's gradient is shared equally among its elements. As in tfjs, elements of
 * the padding get a share, although the forward pass does not count them.
 */
function avgPoolGradient(graph: GraphBuilder, dy: Operand, x: Operand, attributes: PoolAttributes): Operand {
  const window = poolWindow(x, attributes);
  const gradient = channelsFirst(graph, dy);
  const [images, channels] = gradient.shape as [number, number];
  const ones = filled(graph, 1, "float32", [channels, 1, ...window.size]);
  const spread = graph.node(
    "ConvTranspose",
    [dense(graph, gradient), dense(graph, ones)],
    { dtype: "float32", shape: [images, channels, ...window.input] },
    { ...windowAttributes(window), group: int(channels), output_padding: ints(outputPadding(window)) },
  );
  return channelsLast(graph, withNumber(graph, "Mul", operand(spread, "float32"), 1 / sizeOf(window.size)));
}

export const poolingLowerings: Lowering[] = ["", "3D"].flatMap((suffix) => [
  lowering<PoolAttributes>(`MaxPool${suffix}`, ["Transpose", "MaxPool"], ({ inputs, attributes, graph }) =>
    pool(graph, "MaxPool", inputs.get("x"), attributes),
  ),
  lowering<PoolAttributes>(`AvgPool${suffix}`, ["Transpose", "AveragePool"], ({ inputs, attributes, graph }) =>
    pool(graph, "AveragePool", inputs.get("x"), attributes),
  ),
  lowering<PoolAttributes>(
    `MaxPool${suffix}Grad`,
    ["Transpose", "MaxPool", "ScatterElements"],
    ({ inputs, attributes, graph }) => maxPoolGradient(graph, inputs.get("dy"), inputs.get("input"), attributes),
  ),
  lowering<PoolAttributes>(
    `AvgPool${suffix}Grad`,
    ["Transpose", "ConvTranspose", "Mul"],
    ({ inputs, attributes, graph }) => avgPoolGradient(graph, inputs.get("dy"), inputs.get("input"), attributes),
  ),
]);
