/** Cases of arithmetic, comparison, logic and selection. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, type CaseInput, floats, given, integers, type LoweringCase, truths } from "./lowering.cases.js";

type Op = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
const kernel =
  (name: string): LoweringCase["run"] =>
  (a, b) =>
    tf.engine().runKernel(name, { a: a!, b: b! }) as tf.Tensor;

const arithmetic: readonly [kernel: string, op: Op, expect?: readonly string[]][] = [
  ["Add", (a, b) => tf.add(a, b), ["Add"]],
  ["Sub", (a, b) => tf.sub(a, b), ["Sub"]],
  ["Multiply", (a, b) => tf.mul(a, b), ["Mul"]],
  ["RealDiv", (a, b) => tf.div(a, b), ["Div"]],
  ["Maximum", (a, b) => tf.maximum(a, b), ["Max"]],
  ["Minimum", (a, b) => tf.minimum(a, b), ["Min"]],
  ["SquaredDifference", (a, b) => tf.squaredDifference(a, b), ["Sub", "Mul"]],
  ["Pow", (a, b) => tf.pow(a, b), ["Pow"]],
  ["Mod", (a, b) => tf.mod(a, b)],
  ["FloorDiv", (a, b) => tf.floorDiv(a, b)],
];

const comparisons: readonly [kernel: string, op: Op][] = [
  ["Equal", (a, b) => tf.equal(a, b)],
  ["NotEqual", (a, b) => tf.notEqual(a, b)],
  ["Greater", (a, b) => tf.greater(a, b)],
  ["GreaterEqual", (a, b) => tf.greaterEqual(a, b)],
  ["Less", (a, b) => tf.less(a, b)],
  ["LessEqual", (a, b) => tf.lessEqual(a, b)],
];

/** Shapes that broadcast. */
const shapes: readonly [about: string, a: CaseInput["shape"], b: CaseInput["shape"]][] = [
  ["a row against a symbolic batch", [BATCH, 3], [3]],
  ["a scalar first", [], [2, 3]],
  ["both sides, rank 5", [2, 1, 2, 1, 3], [1, 2, 1, 2, 1]],
];

/** Kernels whose gradients in tfjs do not undo the broadcast. */
const withoutBroadcast = new Set(["Maximum", "Minimum", "SquaredDifference"]);

/** Positive, and away from equal elements, where the gradients of maximum and of mod are a matter of definition. */
const positive = (shape: CaseInput["shape"], low: number, high: number): CaseInput => floats(shape, low, high);

const signs = given([8], [7, -7, 7, -7, 6, -6, 0, 5]);
const divisors = given([8], [3, 3, -3, -3, 3, 3, 3, -2]);
const asIntegers = (x: CaseInput): CaseInput => ({ ...x, dtype: "int32" });

export const binaryCases: LoweringCase[] = [
  ...arithmetic.flatMap(([name, op, expect]): LoweringCase[] =>
    shapes.map(([about, a, b], i) => ({
      kernel: name,
      about,
      inputs: [positive(a, 1.6, 3), positive(b, 0.5, 1.4)],
      run: (x, y) => op(x!, y!),
      gradient: name !== "FloorDiv" && !withoutBroadcast.has(name),
      ...(i === 0 && expect ? { expect } : {}),
    })),
  ),
  ...["Maximum", "Minimum", "SquaredDifference"].map((name): LoweringCase => {
    return {
      kernel: name,
      about: "gradients of equal shapes",
      inputs: [floats([BATCH, 3]), floats([BATCH, 3])],
      run: kernel(name),
      gradient: true,
    };
  }),
  ...["Add", "Multiply", "Pow"].map((name): LoweringCase => {
    return { kernel: name, about: "no elements", inputs: [floats([0, 3]), floats([3])], run: kernel(name) };
  }),
  ...["Add", "Sub", "Multiply", "RealDiv", "Maximum", "Minimum", "SquaredDifference", "BitwiseAnd"].map(
    (name): LoweringCase => ({
      kernel: name,
      about: "integers",
      inputs: [integers([2, 3]), integers([3], 1, 4)],
      run: kernel(name),
    }),
  ),
  ...["Add", "Multiply", "Maximum", "Minimum", "Sub"].map((name): LoweringCase => {
    return { kernel: name, about: "truths", inputs: [truths([8]), truths([8])], run: kernel(name) };
  }),
  { kernel: "Pow", about: "integers", inputs: [integers([8]), integers([8], 0, 3)], run: kernel("Pow") },
  {
    kernel: "Pow",
    about: "a square is a product",
    inputs: [floats([BATCH, 3])],
    run: (x) => tf.pow(x!, 2),
    gradient: true,
    expect: ["Mul"],
  },
  {
    kernel: "Mod",
    about: "the divisor's sign, floats",
    inputs: [signs, divisors],
    run: kernel("Mod"),
    expect: ["Mod", "Less", "Less", "Equal", "Add", "Mod", "Where"],
  },
  {
    kernel: "Mod",
    about: "the divisor's sign, integers",
    inputs: [asIntegers(signs), asIntegers(divisors)],
    run: kernel("Mod"),
  },
  {
    kernel: "FloorDiv",
    about: "down, not toward zero, integers",
    inputs: [asIntegers(signs), asIntegers(divisors)],
    run: kernel("FloorDiv"),
    expect: ["Equal", "Where", "Mod", "Sub", "Div", "Where"],
  },
  {
    kernel: "FloorDiv",
    about: "integers by tf.div",
    inputs: [integers([2, 3]), given([], [2], "int32")],
    run: (a, b) => tf.div(a!, b!),
  },
  {
    kernel: "FloorDiv",
    about: "integers by a constant",
    inputs: [integers([6])],
    run: (a) => tf.div(a!, tf.scalar(3, "int32")),
    expect: ["Mod", "Sub", "Div"],
  },
  {
    kernel: "FloorDiv",
    about: "by zero gives 0",
    inputs: [given([2], [5, -5], "int32"), given([2], [0, 2], "int32")],
    run: kernel("FloorDiv"),
  },
  {
    kernel: "Mod",
    about: "by zero gives 0",
    inputs: [given([2], [5, -5], "int32"), given([2], [0, 2], "int32")],
    run: kernel("Mod"),
  },
  ...([0, 1] as const).map((neutral): LoweringCase => {
    return {
      kernel: neutral === 0 ? "Add" : "Multiply",
      about: "a neutral constant costs nothing but its shape",
      inputs: [floats([3])],
      run: (x) => (neutral === 0 ? tf.add(x!, tf.zeros([2, 3])) : tf.mul(tf.ones([2, 3]), x!)),
      gradient: true,
      expect: ["Expand"],
    };
  }),
  {
    kernel: "Add",
    about: "an integer constant and a float",
    inputs: [floats([3])],
    run: (x) => tf.add(tf.scalar(0, "int32"), x!),
  },
  {
    kernel: "AddN",
    about: "three tensors",
    inputs: [floats([BATCH, 2]), floats([BATCH, 2]), floats([BATCH, 2])],
    run: (a, b, c) => tf.addN([a!, b!, c!]),
    gradient: true,
    expect: ["Add", "Add"],
  },
  ...comparisons.flatMap(([name, op]): LoweringCase[] => [
    {
      kernel: name,
      about: "integers, broadcast",
      inputs: [integers([BATCH, 4], 0, 2), integers([4], 0, 2)],
      run: (a, b) => op(a!, b!),
    },
    {
      kernel: name,
      about: "floats",
      inputs: [given([4], [1, 2, -0, Number.NaN]), given([4], [2, 2, 0, Number.NaN])],
      run: (a, b) => op(a!, b!),
    },
    { kernel: name, about: "truths", inputs: [truths([8]), truths([8])], run: (a, b) => op(a!, b!) },
  ]),
  ...["LogicalAnd", "LogicalOr"].map((name): LoweringCase => {
    return { kernel: name, about: "broadcast", inputs: [truths([BATCH, 4]), truths([4])], run: kernel(name) };
  }),
  { kernel: "LogicalNot", about: "truths", inputs: [truths([BATCH, 4])], run: (x) => tf.logicalNot(x!) },
  {
    kernel: "Select",
    about: "elements",
    inputs: [truths([BATCH, 3]), floats([BATCH, 3]), floats([BATCH, 3])],
    run: (c, a, b) => tf.where(c!, a!, b!),
    gradient: true,
    expect: ["Where"],
  },
  {
    kernel: "Select",
    about: "truths and integers",
    inputs: [truths([6]), truths([6]), integers([6])],
    run: (condition, t, e) => tf.engine().runKernel("Select", { condition: condition!, t: t!, e: e! }) as tf.Tensor,
    expect: ["Cast", "Where"],
  },
  {
    kernel: "Select",
    about: "truths",
    inputs: [truths([6]), truths([6]), truths([6])],
    run: (c, a, b) => tf.where(c!, a!, b!),
  },
];
