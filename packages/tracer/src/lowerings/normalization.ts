/**
 * Kernels that normalise: softmax, batch normalisation, local response normalisation.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { int } from "../graph/ir.js";
import { constantOperand, dense, elementwise, type Operand, operand } from "../graph/operand.js";
import { arithmetic, toFloat, withNumber } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

/** For each of x's channels (its last axis), the sum over the channels at most `radius` away. */
function neighbourhoodSum(graph: GraphBuilder, x: Operand, radius: number): Operand {
  const channels = x.shape.at(-1)!;
  const near = Float32Array.from({ length: channels * channels }, (_, i) => {
    return +(Math.abs(Math.floor(i / channels) - (i % channels)) <= radius);
  });
  const band = dense(graph, constantOperand(graph, near, [channels, channels], "float32"));
  return operand(graph.node("MatMul", [dense(graph, x), band], { dtype: "float32", shape: x.shape }), "float32");
}

/** bias + alpha · (the sum of the squares around each channel), the base of local response normalisation. */
function localResponse(graph: GraphBuilder, x: Operand, { depthRadius, bias, alpha }: tf.LRNAttrs): Operand {
  const squares = neighbourhoodSum(graph, arithmetic(graph, "Mul", x, x), depthRadius);
  return withNumber(graph, "Add", withNumber(graph, "Mul", squares, alpha), bias);
}

export const normalizationLowerings: Lowering[] = [
  lowering<tf.SoftmaxAttrs>("Softmax", ["Softmax"], ({ inputs, attributes: { dim }, graph }) => {
    const logits = toFloat(graph, inputs.get("logits"));
    const axis = dim < 0 ? dim + logits.shape.length : dim;
    const value = dense(graph, logits);
    const output = { dtype: value.dtype, shape: logits.shape };
    return operand(graph.node("Softmax", [value], output, { axis: int(axis) }), "float32");
  }),

  lowering<tf.FusedBatchNormAttrs>(
    "FusedBatchNorm",
    ["Add", "Sqrt", "Sub", "Div", "Mul"],
    ({ inputs, attributes: { varianceEpsilon }, graph }) => {
      const [mean, variance] = [inputs.get("mean"), inputs.get("variance")];
      const deviation = elementwise(graph, "Sqrt", [withNumber(graph, "Add", variance, varianceEpsilon)]);
      const scale = inputs.optional("scale");
      const offset = inputs.optional("offset");
      const centred = arithmetic(graph, "Sub", inputs.get("x"), mean);
      const normal = scale
        ? arithmetic(graph, "Mul", centred, arithmetic(graph, "Div", scale, deviation))
        : arithmetic(graph, "Div", centred, deviation);
      return offset ? arithmetic(graph, "Add", normal, offset) : normal;
    },
  ),

  lowering<tf.LRNAttrs>("LRN", ["Mul", "MatMul", "Add", "Pow"], ({ inputs, attributes, graph }) => {
    const x = inputs.get("x");
    const response = localResponse(graph, x, attributes);
    return arithmetic(graph, "Mul", x, withNumber(graph, "Pow", response, -attributes.beta));
  }),
  // y = x·n^−β with n the local response: dx = dy·n^−β − 2αβ·x·Σ_near(dy·y/n).
  lowering<tf.LRNGradAttrs>(
    "LRNGrad",
    ["Mul", "MatMul", "Add", "Pow", "Div", "Sub"],
    ({ inputs, attributes, graph }) => {
      const [x, y, dy] = [inputs.get("x"), inputs.get("y"), inputs.get("dy")];
      const response = localResponse(graph, x, attributes);
      const own = arithmetic(graph, "Mul", dy, withNumber(graph, "Pow", response, -attributes.beta));
      const share = arithmetic(graph, "Div", arithmetic(graph, "Mul", dy, y), response);
      const around = arithmetic(graph, "Mul", x, neighbourhoodSum(graph, share, attributes.depthRadius));
      return arithmetic(graph, "Sub", own, withNumber(graph, "Mul", around, 2 * attributes.alpha * attributes.beta));
    },
  ),
];
