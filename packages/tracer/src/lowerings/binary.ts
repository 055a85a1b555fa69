/**
 * Kernels of two tensors, element by element, with broadcasting: arithmetic, comparison, logic, selection.
 */
import { upcastType } from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { broadcastShapes, int } from "../graph/ir.js";
import { cast, elementwise, filledWith, type Operand, operand } from "../graph/operand.js";
import type { Operator } from "../onnx/operators.js";
import { arithmetic, choose, compare, filled, matched, store, toFloat, unlessNeutral } from "./arithmetic.js";
import type { KernelInputs, Lowering } from "./lowering.js";
import { lowering } from "./lowering.js";

const pair = (inputs: KernelInputs): [Operand, Operand] => [inputs.get("a"), inputs.get("b")];

const comparisons: Readonly<Record<string, Operator>> = {
  Equal: "Equal",
  Greater: "Greater",
  GreaterEqual: "GreaterOrEqual",
  Less: "Less",
  LessEqual: "LessOrEqual",
};

const logic: Readonly<Record<string, Operator>> = { LogicalAnd: "And", LogicalOr: "Or" };

/**
 * An integer operation that divides by `b`, and is 0 where `b` is 0, as in tfjs: onnxruntime's process would end there.
 */
function dividing(graph: GraphBuilder, b: Operand, divide: (divisor: Operand) => Operand): Operand {
  if (b.value.kind === "constant" && b.value.data.every((each) => each !== 0)) return divide(b);
  const byZero = compare(graph, "Equal", b, filled(graph, 0, "int32"));
  const quotient = divide(choose(graph, byZero, filled(graph, 1, "int32"), b));
  return choose(graph, byZero, filled(graph, 0, "int32"), quotient);
}

/**
 * The remainder with the divisor's sign. ONNX's Mod of integers has it; its Mod of floats is C's fmod, which has the
 * dividend's sign and is corrected here as in tfjs.
 */
function mod(graph: GraphBuilder, a: Operand, b: Operand): Operand {
  const [left, right] = matched(graph, a, b);
  if (left.dtype === "int32") {
    return dividing(graph, right, (divisor) => arithmetic(graph, "Mod", left, divisor, { fmod: int(0) }));
  }
  const fmod = (x: Operand): Operand => arithmetic(graph, "Mod", x, right, { fmod: int(1) });
  const negative = (x: Operand): Operand => compare(graph, "Less", x, filled(graph, 0, "float32"));
  const remainder = fmod(left);
  const alike = elementwise(graph, "Equal", [negative(left), negative(right)], "bool");
  return choose(graph, alike, remainder, fmod(arithmetic(graph, "Add", remainder, right)));
}

function floorDiv(graph: GraphBuilder, a: Operand, b: Operand): Operand {
  const [left, right] = matched(graph, a, b);
  if (left.dtype === "float32") {
    return cast(graph, elementwise(graph, "Floor", [arithmetic(graph, "Div", left, right)]), "int32");
  }
  // ONNX truncates: take off the remainder first, and the division is exact.
  return dividing(graph, right, (divisor) => {
    const remainder = arithmetic(graph, "Mod", left, divisor, { fmod: int(0) });
    return arithmetic(graph, "Div", arithmetic(graph, "Sub", left, remainder), divisor);
  });
}

export const binaryLowerings: Lowering[] = [
  lowering("Add", ["Add"], ({ inputs, graph }) => {
    const [a, b] = pair(inputs);
    return unlessNeutral(a, b, 0) ?? unlessNeutral(b, a, 0) ?? arithmetic(graph, "Add", a, b);
  }),
  lowering("AddN", ["Add"], ({ inputs, graph }) =>
    inputs.list().reduce((sum, each) => arithmetic(graph, "Add", sum, each)),
  ),
  lowering("Sub", ["Sub"], ({ inputs, graph }) => {
    const [a, b] = pair(inputs);
    return unlessNeutral(a, b, 0) ?? arithmetic(graph, "Sub", a, b);
  }),
  lowering("Multiply", ["Mul"], ({ inputs, graph }) => {
    const [a, b] = pair(inputs);
    return unlessNeutral(a, b, 1) ?? unlessNeutral(b, a, 1) ?? arithmetic(graph, "Mul", a, b);
  }),
  lowering("RealDiv", ["Div"], ({ inputs, graph }) => {
    const [a, b] = pair(inputs);
    const quotient = (): Operand => arithmetic(graph, "Div", toFloat(graph, a), toFloat(graph, b));
    return unlessNeutral(a, b, 1) ?? store(graph, quotient(), a.dtype);
  }),
  lowering("FloorDiv", ["Div", "Floor", "Equal", "Where", "Mod", "Sub"], ({ inputs, graph }) =>
    floorDiv(graph, ...pair(inputs)),
  ),
  lowering("Mod", ["Mod", "Less", "Equal", "Add", "Where"], ({ inputs, graph }) => {
    const [a, b] = pair(inputs);
    return store(graph, mod(graph, a, b), a.dtype);
  }),
  lowering("Pow", ["Pow", "Mul"], ({ inputs, graph }) => {
    const [a, b] = pair(inputs);
    // onnxruntime's Pow costs ten times a multiplication.
    if (filledWith(b) === 2) {
      return operand(arithmetic(graph, "Mul", a, a).value, a.dtype, broadcastShapes(a.shape, b.shape));
    }
    return unlessNeutral(a, b, 1) ?? arithmetic(graph, "Pow", a, b);
  }),
  lowering("SquaredDifference", ["Sub", "Mul"], ({ inputs, graph }) => {
    const difference = arithmetic(graph, "Sub", ...pair(inputs));
    return arithmetic(graph, "Mul", difference, difference);
  }),
  lowering("Maximum", ["Max"], ({ inputs, graph }) => arithmetic(graph, "Max", ...pair(inputs))),
  lowering("Minimum", ["Min"], ({ inputs, graph }) => arithmetic(graph, "Min", ...pair(inputs))),
  lowering("BitwiseAnd", ["BitwiseAnd"], ({ inputs, graph }) => arithmetic(graph, "BitwiseAnd", ...pair(inputs))),

  ...Object.entries(comparisons).map(([kernel, op]) =>
    lowering(kernel, [op], ({ inputs, graph }) => compare(graph, op, ...pair(inputs))),
  ),
  lowering("NotEqual", ["Equal", "Not"], ({ inputs, graph }) =>
    elementwise(graph, "Not", [compare(graph, "Equal", ...pair(inputs))], "bool"),
  ),
  ...Object.entries(logic).map(([kernel, op]) =>
    lowering(kernel, [op], ({ inputs, graph }) =>
      elementwise(
        graph,
        op,
        pair(inputs).map((each) => cast(graph, each, "bool")),
        "bool",
      ),
    ),
  ),
  lowering("LogicalNot", ["Not"], ({ inputs, graph }) =>
    elementwise(graph, "Not", [cast(graph, inputs.get("x"), "bool")], "bool"),
  ),
  lowering("Select", ["Where"], ({ inputs, graph }) => {
    const [yes, no] = [inputs.get("t"), inputs.get("e")];
    const condition = cast(graph, inputs.get("condition"), "bool");
    return choose(graph, condition, cast(graph, yes, upcastType(yes.dtype, no.dtype)), no);
  }),
];
