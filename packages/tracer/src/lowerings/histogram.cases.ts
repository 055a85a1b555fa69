/** Cases of the kernels that count how often each number comes. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase } from "./lowering.cases.js";

/** No weights: each number counts once. */
const none = (dtype: "float32" | "int32"): tf.Tensor1D => tf.tensor1d([], dtype);
const list = (x: tf.Tensor | undefined): tf.Tensor1D => x as tf.Tensor1D;

export const histogramCases: LoweringCase[] = [
  {
    kernel: "Bincount",
    about: "numbers of a symbolic batch, some too large",
    inputs: [integers([BATCH], 0, 6)],
    run: (x) => tf.bincount(list(x), none("int32"), 5),
  },
  {
    kernel: "Bincount",
    about: "weights",
    inputs: [integers([9], 0, 4), floats([9])],
    run: (x, weights) => tf.bincount(list(x), list(weights), 6),
  },
  {
    kernel: "Bincount",
    about: "whole weights",
    inputs: [integers([9], 0, 4), integers([9])],
    run: (x, weights) => tf.bincount(list(x), list(weights), 4),
  },
  {
    kernel: "DenseBincount",
    about: "a list",
    inputs: [integers([BATCH], 0, 6)],
    run: (x) => tf.denseBincount(list(x), none("float32"), 5),
  },
  {
    kernel: "DenseBincount",
    about: "rows of a symbolic batch",
    inputs: [integers([BATCH, 6], 0, 5), floats([BATCH, 6])],
    run: (x, weights) => tf.denseBincount(x as tf.Tensor2D, weights as tf.Tensor2D, 5),
    expect: ["Reshape", "Equal", "Reshape", "Where", "ReduceSum"],
  },
  {
    kernel: "DenseBincount",
    about: "whether each number comes",
    inputs: [given([2, 4], [0, 3, 3, 9, 1, 1, 1, 2], "int32")],
    run: (x) => tf.denseBincount(x as tf.Tensor2D, tf.tensor2d([], [0, 4], "int32"), 4, true),
  },
];
