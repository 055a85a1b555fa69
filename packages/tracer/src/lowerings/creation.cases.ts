/** Cases of the kernels that make tensors from numbers, or change nothing but the type. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase, truths } from "./lowering.cases.js";

export const creationCases: LoweringCase[] = [
  {
    kernel: "Cast",
    about: "floats to integers, toward zero",
    inputs: [given([5], [-1.9, -0.5, 0, 0.5, 1.9])],
    run: (x) => tf.cast(x!, "int32"),
    expect: ["Cast"],
  },
  { kernel: "Cast", about: "floats to truths", inputs: [given([3], [0, 0.5, -1])], run: (x) => tf.cast(x!, "bool") },
  { kernel: "Cast", about: "integers to floats", inputs: [integers([BATCH, 2])], run: (x) => tf.cast(x!, "float32") },
  { kernel: "Cast", about: "truths to integers", inputs: [truths([6])], run: (x) => tf.cast(x!, "int32") },
  {
    kernel: "Cast",
    about: "a float to itself",
    inputs: [floats([2])],
    run: (x) => tf.cast(x!, "float32"),
    gradient: true,
  },
  { kernel: "Identity", about: "a clone", inputs: [floats([BATCH, 2])], run: (x) => tf.clone(x!), gradient: true },
  {
    kernel: "ZerosLike",
    about: "of a symbolic batch",
    inputs: [floats([BATCH, 2])],
    run: (x) => tf.add(x!, tf.exp(tf.zerosLike(x!))),
    gradient: true,
  },
  {
    kernel: "OnesLike",
    about: "of a symbolic batch, returned itself",
    inputs: [floats([BATCH, 2])],
    run: (x) => tf.onesLike(x!),
    expect: ["Expand"],
  },
  {
    kernel: "Fill",
    about: "as large as the batch",
    inputs: [floats([BATCH, 2])],
    run: (x) => tf.concat([x!, tf.fill([x!.shape[0]!, 3], 2.5)], 1),
    gradient: true,
  },
  { kernel: "Fill", about: "integers", inputs: [integers([3])], run: (x) => tf.add(x!, tf.fill([2, 3], 2, "int32")) },
  { kernel: "Range", about: "upwards", inputs: [floats([4])], run: (x) => tf.add(x!, tf.range(1, 3, 0.5)) },
  { kernel: "Range", about: "downwards", inputs: [integers([3])], run: (x) => tf.add(x!, tf.range(3, 0, 1, "int32")) },
  { kernel: "LinSpace", about: "five points", inputs: [floats([5])], run: (x) => tf.mul(x!, tf.linspace(-1, 1, 5)) },
  {
    kernel: "OneHot",
    about: "indices out of range are nowhere",
    inputs: [integers([BATCH, 2], -1, 4)],
    run: (x) => tf.oneHot(x!, 3),
  },
  {
    kernel: "OneHot",
    about: "other values and type",
    inputs: [integers([4], 0, 2)],
    run: (x) => tf.oneHot(x!, 3, 5.5, -1, "float32"),
  },
  {
    kernel: "OneHot",
    about: "a scalar",
    inputs: [given([], [1], "int32")],
    run: (x) => tf.oneHot(x!, 3, 1, 0, "int32"),
  },
  { kernel: "Diag", about: "a vector", inputs: [floats([3])], run: (x) => tf.diag(x!) },
  { kernel: "Diag", about: "a matrix", inputs: [integers([2, 2])], run: (x) => tf.diag(x!) },
];
