/** Cases of the reductions. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase, truths } from "./lowering.cases.js";

type Reduce = (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor;

const reductions: readonly [kernel: string, op: Reduce, onnx: string][] = [
  ["Sum", tf.sum, "ReduceSum"],
  ["Mean", tf.mean, "ReduceMean"],
  ["Max", tf.max, "ReduceMax"],
  ["Min", tf.min, "ReduceMin"],
  ["Prod", tf.prod, "ReduceProd"],
];

export const reductionCases: LoweringCase[] = [
  ...reductions.flatMap(([kernel, op, onnx]): LoweringCase[] => [
    {
      kernel,
      about: "one axis, symbolic batch",
      inputs: [floats([BATCH, 4], 0.5, 2)],
      run: (x) => op(x!, 1),
      gradient: true,
      expect: [onnx],
    },
    {
      kernel,
      about: "everything, symbolic batch",
      inputs: [floats([BATCH, 2], 0.5, 1.5)],
      run: (x) => op(x!),
      gradient: kernel !== "Prod",
    },
    {
      kernel,
      about: "outer axes kept, rank 5",
      inputs: [floats([2, 3, 1, 2, 2])],
      run: (x) => op(x!, [0, -2], true),
      gradient: kernel !== "Prod",
    },
    { kernel, about: "a scalar", inputs: [floats([])], run: (x) => op(x!), gradient: kernel !== "Prod" },
    { kernel, about: "axes of size 1", inputs: [floats([1, 1, 3])], run: (x) => op(x!, [0, 1]) },
    { kernel, about: "integers", inputs: [integers([3, 4])], run: (x) => op(x!, 0) },
  ]),
  {
    kernel: "Sum",
    about: "truths are counted",
    inputs: [truths([3, 4])],
    run: (x) => tf.sum(x!, 1),
    expect: ["Cast", "ReduceSum"],
  },
  { kernel: "Sum", about: "nothing", inputs: [floats([3, 0])], run: (x) => tf.sum(x!, 1) },
  { kernel: "Mean", about: "truths", inputs: [truths([3, 4])], run: (x) => tf.mean(x!, 1) },
  {
    kernel: "Mean",
    about: "of a repeated tensor",
    inputs: [floats([])],
    run: (x) => tf.mean(tf.tile(tf.reshape(x!, [1]), [4])),
    expect: ["Expand", "ReduceMean"],
  },
  {
    kernel: "Any",
    about: "rows",
    inputs: [given([3, 2], [0, 0, 0, 1, 1, 1], "bool")],
    run: (x) => tf.any(x!, 1),
    expect: ["Cast", "ReduceMax", "Cast"],
  },
  { kernel: "Any", about: "everything", inputs: [truths([BATCH, 2])], run: (x) => tf.any(x!) },
  {
    kernel: "All",
    about: "rows, kept",
    inputs: [given([3, 2], [0, 0, 0, 1, 1, 1], "bool")],
    run: (x) => tf.all(x!, 1, true),
    expect: ["Cast", "ReduceMin", "Cast"],
  },
  ...(["ArgMax", "ArgMin"] as const).flatMap((kernel): LoweringCase[] => {
    const op = kernel === "ArgMax" ? tf.argMax : tf.argMin;
    return [
      {
        kernel,
        about: "symbolic batch",
        inputs: [floats([BATCH, 5])],
        run: (x) => op(x!, -1),
        expect: [kernel, "Cast"],
      },
      {
        kernel,
        about: "the first of equals",
        inputs: [given([2, 4], [1, 3, 3, 1, 0, 0, 0, 0])],
        run: (x) => op(x!, 1),
      },
      { kernel, about: "integers, first axis", inputs: [integers([4, 3])], run: (x) => op(x!, 0) },
    ];
  }),
];
