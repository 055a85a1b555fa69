/**
 * Activation functions, as kernels of their own and as the last step of fused kernels.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { broadcastShapes, float } from "../graph/ir.js";
import { cast, dense, elementwise, type Operand, operand } from "../graph/operand.js";
import { arithmetic, choose, compare, filled, inFloat, numeric, store, toFloat, withNumber } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

function relu(graph: GraphBuilder, x: Operand): Operand {
  return store(graph, elementwise(graph, "Relu", [numeric(graph, x)]), x.dtype);
}

function elu(graph: GraphBuilder, x: Operand): Operand {
  return inFloat(graph, x, (each) => elementwise(graph, "Elu", [each], "float32", { alpha: float(1) }));
}

function leakyRelu(graph: GraphBuilder, x: Operand, alpha: number): Operand {
  return elementwise(graph, "LeakyRelu", [toFloat(graph, x)], "float32", { alpha: float(alpha) });
}

function prelu(graph: GraphBuilder, x: Operand, alpha: Operand): Operand {
  const shape = broadcastShapes(x.shape, alpha.shape);
  // ONNX broadcasts the slope alone.
  const wide = dense(graph, operand(toFloat(graph, x).value, "float32", shape));
  const slope = toFloat(graph, alpha).value;
  return operand(graph.node("PRelu", [wide, slope], { dtype: "float32", shape }), "float32");
}

/** 1 where x > 0, `alpha` elsewhere. A cast comparison is several times cheaper in onnxruntime than Where or Sign. */
function step(graph: GraphBuilder, x: Operand, alpha: number): Operand {
  const positive = compare(graph, "Greater", x, filled(graph, 0, x.dtype));
  if (alpha === 0) return cast(graph, positive, x.dtype);
  return choose(graph, positive, filled(graph, 1, x.dtype), filled(graph, alpha, x.dtype));
}

/** The ONNX operators that {@link activate} may write. */
export const activationOperators = ["Relu", "Clip", "Elu", "Sigmoid", "LeakyRelu", "PRelu"] as const;

/** The activation function of a fused kernel, applied to `x`. `activation` is the kernel's attribute. */
export function activate(
  graph: GraphBuilder,
  x: Operand,
  activation: string | null | undefined,
  slope?: Operand,
  leakyAlpha?: number,
): Operand {
  switch (activation) {
    case null:
    case undefined:
    case "linear":
      return x;
    case "relu":
      return relu(graph, x);
    case "relu6":
      return elementwise(graph, "Clip", [x, filled(graph, 0, "float32"), filled(graph, 6, "float32")]);
    case "elu":
      return elu(graph, x);
    case "sigmoid":
      return elementwise(graph, "Sigmoid", [x]);
    case "leakyrelu":
      return leakyRelu(graph, x, leakyAlpha ?? 0.2);
    case "prelu":
      if (!slope) throw new Error("The fused activation prelu was given no slope");
      return prelu(graph, x, slope);
    default:
      throw new Error(`The fused activation ${activation} is unknown`);
  }
}

export const activationLowerings: Lowering[] = [
  lowering("Relu", ["Relu"], ({ inputs, graph }) => relu(graph, inputs.get("x"))),
  lowering("Elu", ["Elu"], ({ inputs, graph }) => elu(graph, inputs.get("x"))),
  lowering("EluGrad", ["Add", "Mul", "GreaterOrEqual", "Where"], ({ inputs, graph }) => {
    const [dy, y] = [inputs.get("dy"), inputs.get("y")];
    const scaled = arithmetic(graph, "Mul", dy, withNumber(graph, "Add", y, 1));
    return choose(graph, compare(graph, "GreaterOrEqual", y, filled(graph, 0, "float32")), dy, scaled);
  }),
  // ONNX's default constants are those of tfjs.
  lowering("Selu", ["Selu"], ({ inputs, graph }) =>
    inFloat(graph, inputs.get("x"), (x) => elementwise(graph, "Selu", [x])),
  ),
  lowering<tf.LeakyReluAttrs>("LeakyRelu", ["LeakyRelu"], ({ inputs, attributes, graph }) =>
    leakyRelu(graph, inputs.get("x"), attributes.alpha),
  ),
  lowering("Prelu", ["PRelu"], ({ inputs, graph }) => prelu(graph, inputs.get("x"), inputs.get("alpha"))),
  lowering<tf.StepAttrs>("Step", ["Greater", "Where"], ({ inputs, attributes, graph }) => {
    return step(graph, inputs.get("x"), attributes.alpha ?? 0);
  }),
];
