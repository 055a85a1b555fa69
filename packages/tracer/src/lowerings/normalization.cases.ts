/** Cases of the kernels that scale elements by statistics of others. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, type LoweringCase } from "./lowering.cases.js";

export const normalizationCases: LoweringCase[] = [
  {
    kernel: "Softmax",
    about: "symbolic batch",
    inputs: [floats([BATCH, 4])],
    run: (x) => tf.softmax(x!),
    gradient: true,
    expect: ["Softmax"],
  },
  {
    kernel: "Softmax",
    about: "a vector",
    inputs: [floats([3], -50, 50)],
    run: (x) => tf.softmax(x!),
    gradient: true,
    expect: ["Softmax"],
  },
  {
    kernel: "Max",
    about: "tf.logSoftmax",
    inputs: [floats([BATCH, 4])],
    run: (x) => tf.logSoftmax(x!),
    gradient: true,
  },
  {
    kernel: "Max",
    about: "tf.logSumExp",
    inputs: [floats([BATCH, 4])],
    run: (x) => tf.logSumExp(x!, 1),
    gradient: true,
  },
  {
    kernel: "FusedBatchNorm",
    about: "all parameters",
    inputs: [floats([BATCH, 2, 2, 3]), floats([3]), floats([3], 0.5, 2), floats([3]), floats([3])],
    run: (x, mean, variance, offset, scale) =>
      tf.batchNorm(x!, mean as tf.Tensor1D, variance as tf.Tensor1D, offset as tf.Tensor1D, scale as tf.Tensor1D, 0.01),
    gradient: true,
    expect: ["Add", "Sqrt", "Sub", "Div", "Mul", "Add"],
  },
  {
    kernel: "FusedBatchNorm",
    about: "mean and variance alone",
    inputs: [floats([BATCH, 3]), floats([3]), floats([3], 0.5, 2)],
    run: (x, mean, variance) => tf.batchNorm(x!, mean as tf.Tensor1D, variance as tf.Tensor1D),
  },
  {
    kernel: "LRN",
    about: "channels near each other",
    inputs: [floats([BATCH, 2, 1, 6])],
    run: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 2, 1.5, 0.3, 0.75),
    gradient: true,
    expect: ["Mul", "MatMul", "Mul", "Add", "Pow", "Mul"],
  },
  {
    kernel: "LRNGrad",
    about: "called as the gradient",
    inputs: [floats([1, 2, 2, 5])],
    run: (x) => tf.grad((each) => tf.localResponseNormalization(each as tf.Tensor4D, 1))(x!),
  },
];
