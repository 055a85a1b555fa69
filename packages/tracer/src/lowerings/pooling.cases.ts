/** Cases of the pools and their gradients. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, type LoweringCase } from "./lowering.cases.js";

const images = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;
const volumes = (x: tf.Tensor | undefined): tf.Tensor5D => x as tf.Tensor5D;

const settings: readonly [about: string, size: number | [number, number], strides: number, pad: "same" | "valid"][] = [
  ["valid", 2, 2, "valid"],
  ["overlapping", 3, 1, "valid"],
  ["same", [3, 2], 2, "same"],
  ["gaps between windows", 1, 2, "valid"],
  ["windows of 1", 1, 1, "valid"],
];

export const poolingCases: LoweringCase[] = [
  ...settings.flatMap(([about, size, strides, pad]): LoweringCase[] => [
    {
      kernel: "MaxPool",
      about,
      inputs: [floats([BATCH, 5, 6, 2])],
      run: (x) => tf.maxPool(images(x), size, strides, pad),
      gradient: true,
    },
    {
      kernel: "AvgPool",
      about,
      inputs: [floats([BATCH, 5, 6, 2])],
      run: (x) => tf.avgPool(images(x), size, strides, pad),
      gradient: true,
    },
  ]),
  {
    kernel: "MaxPool",
    about: "sizes rounded up",
    inputs: [floats([1, 5, 5, 1])],
    run: (x) => tf.maxPool(images(x), 2, 2, 0, "ceil"),
  },
  {
    kernel: "AvgPool",
    about: "sizes rounded up",
    inputs: [floats([1, 5, 5, 1])],
    run: (x) => tf.avgPool(images(x), 2, 2, 0, "ceil"),
  },
  {
    kernel: "MaxPoolGrad",
    about: "of equals the first takes all",
    inputs: [given([1, 2, 2, 1], [3, 3, 3, 3])],
    run: (x) => tf.grad((each) => tf.maxPool(images(each), 2, 1, "valid"))(x!),
    expect: [
      "Transpose",
      "MaxPool",
      "Transpose",
      "Reshape",
      "Expand",
      "Reshape",
      "ScatterElements",
      "Reshape",
      "Transpose",
    ],
  },
  {
    kernel: "AvgPoolGrad",
    about: "called as the gradient",
    inputs: [floats([BATCH, 4, 4, 2])],
    run: (x) => tf.grad((each) => tf.avgPool(images(each), 2, 2, "same"))(x!),
  },
  ...(["valid", "same"] as const).flatMap((pad): LoweringCase[] => [
    {
      kernel: "MaxPool3D",
      about: pad,
      inputs: [floats([BATCH, 3, 4, 4, 2])],
      run: (x) => tf.maxPool3d(volumes(x), 2, 2, pad),
      gradient: true,
    },
    {
      kernel: "AvgPool3D",
      about: pad,
      inputs: [floats([BATCH, 3, 4, 4, 2])],
      run: (x) => tf.avgPool3d(volumes(x), 2, 2, pad),
      gradient: true,
    },
  ]),
  {
    kernel: "MaxPool3DGrad",
    about: "called as the gradient",
    inputs: [floats([1, 2, 2, 2, 1])],
    run: (x) => tf.grad((each) => tf.maxPool3d(volumes(each), 2, 1, "valid"))(x!),
  },
  {
    kernel: "AvgPool3DGrad",
    about: "called as the gradient",
    inputs: [floats([1, 2, 2, 2, 1])],
    run: (x) => tf.grad((each) => tf.avgPool3d(volumes(each), 2, 1, "valid"))(x!),
  },
];
