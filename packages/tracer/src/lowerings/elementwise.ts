/**
 * Kernels that work element by element, with broadcasting.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { broadcastShapes } from "../graph/ir.js";
import { cast, elementwise, filledWith, type Operand, operand } from "../graph/operand.js";
import { type Lowering, lowering } from "./lowering.js";

/** Kernels with one input `x` that ONNX has an operator for. */
const unary: Readonly<Record<string, string>> = {
  Abs: "Abs",
  Exp: "Exp",
  Log: "Log",
  Neg: "Neg",
  Relu: "Relu",
  Sigmoid: "Sigmoid",
  Softplus: "Softplus",
  Sqrt: "Sqrt",
  Tanh: "Tanh",
};

function constantFilled(graph: GraphBuilder, value: number, like: Operand): Operand {
  return operand(graph.scalar(value, like.dtype === "int32" ? "int32" : "float32"), like.dtype, like.shape);
}

function binary(op: string, graph: GraphBuilder, a: Operand, b: Operand): Operand {
  return elementwise(graph, op, [a, b]);
}

/** `x` as it is where the other operand changes nothing, in the shape of both. */
function unchanged(x: Operand, other: Operand): Operand {
  return operand(x.value, x.dtype, broadcastShapes(x.shape, other.shape));
}

export const elementwiseLowerings: Lowering[] = [
  ...Object.entries(unary).map(([kernel, op]) =>
    lowering(kernel, ({ inputs, graph }) => elementwise(graph, op, [inputs.get("x")])),
  ),

  lowering("Add", ({ inputs, graph }) => {
    const [a, b] = [inputs.get("a"), inputs.get("b")];
    if (filledWith(b) === 0) return unchanged(a, b);
    if (filledWith(a) === 0) return unchanged(b, a);
    return binary("Add", graph, a, b);
  }),
  lowering("Sub", ({ inputs, graph }) => {
    const [a, b] = [inputs.get("a"), inputs.get("b")];
    return filledWith(b) === 0 ? unchanged(a, b) : binary("Sub", graph, a, b);
  }),
  lowering("Multiply", ({ inputs, graph }) => {
    const [a, b] = [inputs.get("a"), inputs.get("b")];
    if (filledWith(b) === 1) return unchanged(a, b);
    if (filledWith(a) === 1) return unchanged(b, a);
    return binary("Mul", graph, a, b);
  }),
  lowering("RealDiv", ({ inputs, graph }) => {
    const [a, b] = [inputs.get("a"), inputs.get("b")];
    return filledWith(b) === 1 ? unchanged(a, b) : binary("Div", graph, a, b);
  }),
  lowering("Pow", ({ inputs, graph }) => {
    const [a, b] = [inputs.get("a"), inputs.get("b")];
    // onnxruntime's Pow costs ten times a multiplication.
    if (filledWith(b) === 1) return unchanged(a, b);
    if (filledWith(b) === 2) return unchanged(binary("Mul", graph, a, a), b);
    return binary("Pow", graph, a, b);
  }),
  lowering("Square", ({ inputs, graph }) => binary("Mul", graph, inputs.get("x"), inputs.get("x"))),
  lowering("Rsqrt", ({ inputs, graph }) =>
    elementwise(graph, "Reciprocal", [elementwise(graph, "Sqrt", [inputs.get("x")])]),
  ),
  lowering("Maximum", ({ inputs, graph }) => binary("Max", graph, inputs.get("a"), inputs.get("b"))),
  lowering("Minimum", ({ inputs, graph }) => binary("Min", graph, inputs.get("a"), inputs.get("b"))),

  lowering<tf.StepAttrs>("Step", ({ inputs, attributes, graph }) => {
    // 1 where x > 0, alpha elsewhere. A cast comparison is several times cheaper than Where or Sign.
    const x = inputs.get("x");
    const positive = elementwise(graph, "Greater", [x, constantFilled(graph, 0, x)], "bool");
    const mask = cast(graph, positive, "float32");
    const alpha = attributes.alpha ?? 0;
    if (alpha === 0) return mask;
    return binary(
      "Add",
      graph,
      binary("Mul", graph, mask, constantFilled(graph, 1 - alpha, mask)),
      constantFilled(graph, alpha, mask),
    );
  }),

  lowering<tf.CastAttrs>("Cast", ({ inputs, attributes, graph }) => cast(graph, inputs.get("x"), attributes.dtype)),
  lowering("Identity", ({ inputs }) => inputs.get("x")),
  lowering("ZerosLike", ({ inputs, graph }) => constantFilled(graph, 0, inputs.get("x"))),
  lowering("OnesLike", ({ inputs, graph }) => constantFilled(graph, 1, inputs.get("x"))),
];
