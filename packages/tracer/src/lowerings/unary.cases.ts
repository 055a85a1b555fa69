/** Cases of the mathematical functions. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase, truths } from "./lowering.cases.js";

type Op = (x: tf.Tensor) => tf.Tensor;
const kernel = (name: string, attributes?: tf.NamedAttrMap): Op => {
  return (x) => tf.engine().runKernel(name, { x }, attributes) as tf.Tensor;
};

/** Functions with the interval on which they are compared. Away from kinks, where gradients differ by definition. */
const functions: readonly [kernel: string, op: Op, low: number, high: number, expect?: readonly string[]][] = [
  ["Abs", (x) => tf.abs(x), 0.1, 2, ["Abs"]],
  ["Acos", (x) => tf.acos(x), -0.9, 0.9, ["Acos"]],
  ["Acosh", (x) => tf.acosh(x), 1.1, 4, ["Acosh"]],
  ["Asin", (x) => tf.asin(x), -0.9, 0.9, ["Asin"]],
  ["Asinh", (x) => tf.asinh(x), -4, 4, ["Asinh"]],
  ["Atan", (x) => tf.atan(x), -4, 4, ["Atan"]],
  ["Atanh", (x) => tf.atanh(x), -0.9, 0.9, ["Atanh"]],
  ["Ceil", (x) => tf.ceil(x), -4, 4, ["Ceil"]],
  ["Cos", (x) => tf.cos(x), -4, 4, ["Cos"]],
  ["Cosh", (x) => tf.cosh(x), -3, 3, ["Cosh"]],
  ["Erf", (x) => tf.erf(x), -3, 3, ["Erf"]],
  ["Exp", (x) => tf.exp(x), -3, 3, ["Exp"]],
  ["Expm1", (x) => tf.expm1(x), -3, 3],
  ["Floor", (x) => tf.floor(x), -4, 4, ["Floor"]],
  ["Log", (x) => tf.log(x), 0.1, 5, ["Log"]],
  ["Log1p", (x) => tf.log1p(x), -0.9, 5],
  ["Neg", (x) => tf.neg(x), -4, 4, ["Neg"]],
  ["Reciprocal", (x) => tf.reciprocal(x), 0.2, 4, ["Reciprocal"]],
  ["Round", (x) => tf.round(x), -4, 4, ["Round"]],
  ["Rsqrt", (x) => tf.rsqrt(x), 0.2, 4, ["Sqrt", "Reciprocal"]],
  ["Sigmoid", (x) => tf.sigmoid(x), -6, 6, ["Sigmoid"]],
  ["Sign", (x) => tf.sign(x), -4, 4, ["Sign"]],
  ["Sin", (x) => tf.sin(x), -4, 4, ["Sin"]],
  ["Sinh", (x) => tf.sinh(x), -3, 3, ["Sinh"]],
  ["Softplus", (x) => tf.softplus(x), -6, 6, ["Softplus"]],
  ["Sqrt", (x) => tf.sqrt(x), 0.1, 5, ["Sqrt"]],
  ["Square", (x) => tf.square(x), -3, 3, ["Mul"]],
  ["Tan", (x) => tf.tan(x), -1.2, 1.2, ["Tan"]],
  ["Tanh", (x) => tf.tanh(x), -3, 3, ["Tanh"]],
  ["ClipByValue", (x) => tf.clipByValue(x, -0.5, 1.25), -2, 2, ["Clip"]],
  ["Relu6", (x) => tf.relu6(x), -3, 9, ["Clip"]],
];

/** Kernels that take integers as they are, beside their range. */
const ofIntegers: readonly [kernel: string, low: number, high: number][] = [
  ["Abs", -5, 5],
  ["Neg", -5, 5],
  ["Sign", -3, 3],
  ["Square", -5, 5],
  ["Exp", -3, 3],
  ["Sin", -3, 3],
  ["Sqrt", 0, 20],
  ["Reciprocal", 1, 3],
  ["Floor", -5, 5],
  ["Ceil", -5, 5],
  ["Round", -5, 5],
  ["Relu6", -3, 9],
  ["Expm1", -2, 3],
  ["Log1p", 0, 20],
];

const edges = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-30, -3e38, 2.5];

export const unaryCases: LoweringCase[] = [
  ...functions.flatMap(([name, run, low, high, expect]): LoweringCase[] => [
    {
      kernel: name,
      about: "a matrix with a symbolic batch",
      inputs: [floats([BATCH, 3], low, high)],
      run,
      gradient: true,
      ...(expect ? { expect } : {}),
    },
    { kernel: name, about: "a scalar", inputs: [floats([], low, high)], run, gradient: true },
  ]),
  ...(["Exp", "Tanh", "Softplus", "Log1p"] as const).map((name): LoweringCase => {
    return { kernel: name, about: "no elements", inputs: [floats([0, 3])], run: kernel(name) };
  }),
  ...ofIntegers.map(([name, low, high]): LoweringCase => {
    return { kernel: name, about: "integers", inputs: [integers([2, 3], low, high)], run: kernel(name) };
  }),
  {
    kernel: "ClipByValue",
    about: "integers between fractions",
    inputs: [integers([20])],
    run: kernel("ClipByValue", { clipValueMin: -1.5, clipValueMax: 2.5 }),
  },
  {
    kernel: "Round",
    about: "halves go to the even neighbour",
    inputs: [given([8], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 0.49999997])],
    run: (x) => tf.round(x),
  },
  {
    kernel: "Log1p",
    about: "tiny, huge and limiting arguments",
    inputs: [given([7], [1e-7, -1e-7, 1e-20, 1e30, Number.POSITIVE_INFINITY, -1, -0.9999])],
    run: (x) => tf.log1p(x),
    tolerance: 1e-6,
  },
  {
    kernel: "Log1p",
    about: "relative accuracy near zero",
    inputs: [given([3], [1e-7, -3e-7, 1e-20])],
    run: (x) => tf.div(tf.log1p(x), x),
    tolerance: 1e-6,
  },
  {
    kernel: "Expm1",
    about: "relative accuracy near zero",
    inputs: [given([3], [1e-7, -3e-7, 1e-20])],
    run: (x) => tf.div(tf.expm1(x), x),
    tolerance: 1e-6,
  },
  {
    kernel: "Expm1",
    about: "limits",
    inputs: [given([3], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, -40])],
    run: (x) => tf.expm1(x),
  },
  {
    kernel: "Atan2",
    about: "all quadrants and the axes",
    inputs: [given([9], [1, 1, -1, -1, 0, 0, 1, -1, 0]), given([9], [1, -1, 1, -1, 1, -1, 0, 0, 0])],
    run: (y, x) => tf.atan2(y!, x!),
  },
  {
    kernel: "Atan2",
    about: "broadcast, with gradients",
    inputs: [floats([BATCH, 3]), floats([3], 0.5, 2)],
    run: (y, x) => tf.atan2(y!, x!),
    gradient: true,
  },
  ...(["IsNan", "IsInf", "IsFinite"] as const).flatMap((name): LoweringCase[] => [
    { kernel: name, about: "special floats", inputs: [given([8], edges)], run: kernel(name) },
    { kernel: name, about: "integers", inputs: [integers([3])], run: kernel(name) },
  ]),
  { kernel: "Neg", about: "truths", inputs: [truths([4])], run: kernel("Neg") },
];
