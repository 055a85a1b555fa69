/**
 * Kernels of one tensor, element by element: the mathematical functions.
 */
import type * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { broadcastShapes } from "../graph/ir.js";
import { elementwise, type Operand, operand } from "../graph/operand.js";
import type { Operator } from "../onnx/operators.js";
import {
  arithmetic,
  choose,
  compare,
  filled,
  inFloat,
  matched,
  numeric,
  store,
  toFloat,
  withNumber,
} from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

/** Kernels that ONNX has an operator for, which takes floats and, if `integers`, integers. */
const direct: Readonly<Record<string, { readonly op: Operator; readonly integers?: boolean }>> = {
  Abs: { op: "Abs", integers: true },
  Acos: { op: "Acos" },
  Acosh: { op: "Acosh" },
  Asin: { op: "Asin" },
  Asinh: { op: "Asinh" },
  Atan: { op: "Atan" },
  Atanh: { op: "Atanh" },
  Cos: { op: "Cos" },
  Cosh: { op: "Cosh" },
  Erf: { op: "Erf" },
  Log: { op: "Log" },
  Neg: { op: "Neg", integers: true },
  Reciprocal: { op: "Reciprocal" },
  Sigmoid: { op: "Sigmoid" },
  Sign: { op: "Sign", integers: true },
  Sin: { op: "Sin" },
  Sinh: { op: "Sinh" },
  Softplus: { op: "Softplus" },
  Sqrt: { op: "Sqrt" },
  Tan: { op: "Tan" },
  Tanh: { op: "Tanh" },
};

/** Kernels that leave integers alone. Rounding is to the nearest even number, in tfjs as in ONNX. */
const roundings = ["Ceil", "Floor", "Round"] as const;

function apply(graph: GraphBuilder, op: Operator, x: Operand): Operand {
  return elementwise(graph, op, [x]);
}

/** log(1 + x). Rounding 1 + x loses most of a small x; the second term adds what was lost, to first order. */
function log1p(graph: GraphBuilder, x: Operand): Operand {
  const small = elementwise(graph, "Clip", [x, filled(graph, -0.5, "float32"), filled(graph, 0.5, "float32")]);
  const onePlusSmall = withNumber(graph, "Add", small, 1);
  const lost = arithmetic(graph, "Sub", small, withNumber(graph, "Sub", onePlusSmall, 1));
  const rounded = apply(graph, "Log", withNumber(graph, "Add", x, 1));
  return arithmetic(graph, "Add", rounded, arithmetic(graph, "Div", lost, onePlusSmall));
}

/** exp(x) − 1, as tanh(x/2)·(exp(x) + 1), which does not cancel near 0. */
function expm1(graph: GraphBuilder, x: Operand): Operand {
  const half = apply(graph, "Tanh", withNumber(graph, "Mul", x, 0.5));
  return arithmetic(graph, "Mul", half, withNumber(graph, "Add", apply(graph, "Exp", x), 1));
}

/** The angle of (x, y): atan(y/x), half a turn further in the left half plane, a quarter turn on the y axis. */
function atan2(graph: GraphBuilder, y: Operand, x: Operand): Operand {
  const number = (value: number): Operand => filled(graph, value, "float32");
  const angle = apply(graph, "Atan", arithmetic(graph, "Div", y, x));
  const halfTurn = choose(graph, compare(graph, "Less", y, number(0)), number(-Math.PI), number(Math.PI));
  const turned = choose(graph, compare(graph, "Less", x, number(0)), arithmetic(graph, "Add", angle, halfTurn), angle);
  const onAxis = withNumber(graph, "Mul", apply(graph, "Sign", y), Math.PI / 2);
  return choose(graph, compare(graph, "Equal", x, number(0)), onAxis, turned);
}

/** A test for special floats; for every integer its result is `integer`. */
function floatTest(graph: GraphBuilder, x: Operand, test: (x: Operand) => Operand, integer: 0 | 1): Operand {
  return x.dtype === "float32" ? test(x) : filled(graph, integer, "bool", x.shape);
}

function clip(graph: GraphBuilder, x: Operand, min: number, max: number): Operand {
  if (x.dtype === "float32") {
    return elementwise(graph, "Clip", [x, filled(graph, min, "float32"), filled(graph, max, "float32")]);
  }
  // To clip an integer at a fraction and truncate is to clip it at the truncated fraction.
  let clipped = numeric(graph, x);
  if (Number.isFinite(max)) clipped = withNumber(graph, "Min", clipped, Math.trunc(max));
  if (Number.isFinite(min)) clipped = withNumber(graph, "Max", clipped, Math.trunc(min));
  return store(graph, clipped, x.dtype);
}

export const unaryLowerings: Lowering[] = [
  ...Object.entries(direct).map(([kernel, { op, integers = false }]) =>
    lowering(kernel, [op], ({ inputs, graph }) => {
      const x = inputs.get("x");
      if (!integers) return inFloat(graph, x, (float) => apply(graph, op, float));
      return store(graph, apply(graph, op, numeric(graph, x)), x.dtype);
    }),
  ),
  ...roundings.map((op) =>
    lowering(op, [op], ({ inputs, graph }) => {
      const x = inputs.get("x");
      return x.dtype === "float32" ? apply(graph, op, x) : x;
    }),
  ),
  lowering("Exp", ["Exp"], ({ inputs, graph }) => apply(graph, "Exp", toFloat(graph, inputs.get("x")))),
  lowering("Expm1", ["Mul", "Tanh", "Exp", "Add"], ({ inputs, graph }) =>
    inFloat(graph, inputs.get("x"), (x) => expm1(graph, x)),
  ),
  lowering("Log1p", ["Clip", "Add", "Sub", "Log", "Div"], ({ inputs, graph }) =>
    inFloat(graph, inputs.get("x"), (x) => log1p(graph, x)),
  ),
  lowering("Rsqrt", ["Sqrt", "Reciprocal"], ({ inputs, graph }) =>
    inFloat(graph, inputs.get("x"), (x) => apply(graph, "Reciprocal", apply(graph, "Sqrt", x))),
  ),
  lowering("Square", ["Mul"], ({ inputs, graph }) => arithmetic(graph, "Mul", inputs.get("x"), inputs.get("x"))),
  lowering<tf.ClipByValueAttrs>("ClipByValue", ["Clip", "Min", "Max"], ({ inputs, attributes, graph }) =>
    clip(graph, inputs.get("x"), attributes.clipValueMin, attributes.clipValueMax),
  ),
  lowering("Relu6", ["Clip", "Min", "Max"], ({ inputs, graph }) => clip(graph, inputs.get("x"), 0, 6)),
  lowering("Atan2", ["Div", "Atan", "Less", "Where", "Add", "Sign", "Mul", "Equal"], ({ inputs, graph }) => {
    const [y, x] = matched(graph, inputs.get("a"), inputs.get("b"));
    const shape = broadcastShapes(y.shape, x.shape);
    const angle = atan2(graph, toFloat(graph, y), toFloat(graph, x));
    return store(graph, operand(angle.value, "float32", shape), inputs.get("a").dtype);
  }),

  lowering("IsNan", ["IsNaN"], ({ inputs, graph }) =>
    floatTest(graph, inputs.get("x"), (x) => elementwise(graph, "IsNaN", [x], "bool"), 0),
  ),
  lowering("IsInf", ["IsInf"], ({ inputs, graph }) =>
    floatTest(graph, inputs.get("x"), (x) => elementwise(graph, "IsInf", [x], "bool"), 0),
  ),
  lowering("IsFinite", ["Abs", "Less"], ({ inputs, graph }) =>
    floatTest(
      graph,
      inputs.get("x"),
      (x) => compare(graph, "Less", apply(graph, "Abs", x), filled(graph, Number.POSITIVE_INFINITY, "float32")),
      1,
    ),
  ),
];
