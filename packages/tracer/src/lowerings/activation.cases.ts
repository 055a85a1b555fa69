/** Cases of the activation functions. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase } from "./lowering.cases.js";

const functions: readonly [kernel: string, op: (x: tf.Tensor) => tf.Tensor, expect: readonly string[]][] = [
  ["Relu", (x) => tf.relu(x), ["Relu"]],
  ["Elu", (x) => tf.elu(x), ["Elu"]],
  ["Selu", (x) => tf.selu(x), ["Selu"]],
  ["LeakyRelu", (x) => tf.leakyRelu(x, 0.1), ["LeakyRelu"]],
];

export const activationCases: LoweringCase[] = [
  ...functions.flatMap(([kernel, run, expect]): LoweringCase[] => [
    { kernel, about: "a symbolic batch", inputs: [floats([BATCH, 3])], run, gradient: true, expect },
    { kernel, about: "a scalar", inputs: [floats([], -2, -1)], run, gradient: true },
    { kernel, about: "rank 5", inputs: [floats([1, 2, 1, 2, 2])], run, gradient: true },
    { kernel, about: "no elements", inputs: [floats([2, 0])], run },
  ]),
  { kernel: "Relu", about: "integers", inputs: [integers([6])], run: (x) => tf.relu(x!) },
  {
    kernel: "EluGrad",
    about: "called as the gradient of elu",
    inputs: [floats([BATCH, 4])],
    run: (x) => tf.grad((each) => tf.elu(each))(x!),
    expect: ["Elu", "Add", "Mul", "GreaterOrEqual", "Where"],
  },
  {
    kernel: "Prelu",
    about: "a slope for each column",
    inputs: [floats([BATCH, 3]), floats([3], 0.1, 0.5)],
    run: (x, alpha) => tf.prelu(x!, alpha!),
    gradient: true,
    expect: ["PRelu"],
  },
  {
    kernel: "Prelu",
    about: "more slopes than elements",
    inputs: [floats([1, 3], -2, -1), floats([2, 3], 0.1, 0.5)],
    run: (x, alpha) => tf.prelu(x!, alpha!),
  },
  {
    kernel: "Step",
    about: "a mask is a cast comparison",
    inputs: [floats([BATCH, 3])],
    run: (x) => tf.step(x!),
    gradient: true,
    expect: ["Greater", "Cast"],
  },
  {
    kernel: "Step",
    about: "a slope elsewhere",
    inputs: [given([3], [-1, 0, 2])],
    run: (x) => tf.step(x!, 0.25),
    expect: ["Greater", "Where"],
  },
  { kernel: "Step", about: "integers", inputs: [integers([5])], run: (x) => tf.step(x!) },
];
