/** Cases of the kernels that cut a tensor out of another, or lay a margin around it. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, integers, type LoweringCase, truths } from "./lowering.cases.js";

const margins: [number, number][] = [
  [1, 2],
  [0, 1],
];

export const slicingCases: LoweringCase[] = [
  {
    kernel: "Slice",
    about: "columns of a symbolic batch",
    inputs: [floats([BATCH, 5])],
    run: (x) => tf.slice(x!, [0, 1], [-1, 3]),
    gradient: true,
    expect: ["Slice"],
  },
  {
    kernel: "Slice",
    about: "the rest of every axis",
    inputs: [floats([3, 4, 2])],
    run: (x) => tf.slice(x!, [1, 2], -1),
    gradient: true,
  },
  {
    kernel: "Slice",
    about: "all but the first of the batch",
    inputs: [floats([BATCH, 2])],
    run: (x) => tf.slice(x!, 1, x!.shape[0]! - 1),
  },
  { kernel: "Slice", about: "nothing", inputs: [floats([3, 2])], run: (x) => tf.slice(x!, [1, 0], [0, 2]) },
  {
    kernel: "Slice",
    about: "everything",
    inputs: [floats([3])],
    run: (x) => tf.slice(x!, 0),
    gradient: true,
    expect: [],
  },
  {
    kernel: "Slice",
    about: "of a filled tensor",
    inputs: [floats([2])],
    run: (x) => tf.add(x!, tf.slice(tf.ones([4]), 1, 2)),
    expect: ["Add"],
  },
  {
    kernel: "StridedSlice",
    about: "every other, to the end of the batch",
    inputs: [floats([BATCH, 6])],
    run: (x) => tf.stridedSlice(x!, [0, 1], [0, 6], [1, 2], 1, 1),
    expect: ["Slice"],
  },
  {
    kernel: "StridedSlice",
    about: "backwards",
    inputs: [integers([6])],
    run: (x) => tf.stridedSlice(x!, [4], [0], [-2]),
  },
  {
    kernel: "StridedSlice",
    about: "backwards through the first",
    inputs: [integers([6])],
    run: (x) => tf.stridedSlice(x!, [-1], [0], [-1], 0, 1),
  },
  {
    kernel: "StridedSlice",
    about: "a new axis and a shrunk one",
    inputs: [floats([3, 4])],
    run: (x) => tf.stridedSlice(x!, [0, 0, 1], [1, 3, 2], [1, 1, 1], 0, 0, 0, 1, 4),
    expect: ["Slice", "Reshape"],
  },
  {
    kernel: "Reverse",
    about: "one axis",
    inputs: [floats([BATCH, 3])],
    run: (x) => tf.reverse(x!, 1),
    gradient: true,
    expect: ["Slice"],
  },
  {
    kernel: "Reverse",
    about: "the batch and another",
    inputs: [floats([BATCH, 3])],
    run: (x) => tf.reverse(x!),
    gradient: true,
  },
  { kernel: "Reverse", about: "no elements", inputs: [floats([0, 3])], run: (x) => tf.reverse(x!, 0) },
  {
    kernel: "FlipLeftRight",
    about: "images",
    inputs: [floats([BATCH, 2, 3, 2])],
    run: (x) => tf.image.flipLeftRight(x as tf.Tensor4D),
    expect: ["Slice"],
  },
  {
    kernel: "PadV2",
    about: "zeros",
    inputs: [floats([BATCH, 3])],
    run: (x) =>
      tf.pad(x!, [
        [0, 0],
        [1, 2],
      ]),
    gradient: true,
    expect: ["Pad"],
  },
  {
    kernel: "PadV2",
    about: "a number, around integers",
    inputs: [integers([2, 2])],
    run: (x) => tf.pad(x!, margins, 7),
  },
  { kernel: "PadV2", about: "truths", inputs: [truths([2, 2])], run: (x) => tf.pad(x!, margins) },
  { kernel: "PadV2", about: "around nothing", inputs: [floats([0, 2])], run: (x) => tf.pad(x!, margins, 3) },
  ...(["reflect", "symmetric"] as const).flatMap((mode): LoweringCase[] => [
    {
      kernel: "MirrorPad",
      about: mode,
      inputs: [floats([3, 4])],
      run: (x) => tf.mirrorPad(x!, margins, mode),
      gradient: true,
    },
    {
      kernel: "MirrorPad",
      about: `${mode}, symbolic batch`,
      inputs: [floats([BATCH, 4])],
      run: (x) =>
        tf.mirrorPad(
          x!,
          [
            [0, 0],
            [2, 1],
          ],
          mode,
        ),
      gradient: true,
    },
    {
      kernel: "MirrorPad",
      about: `${mode}, integers`,
      inputs: [integers([3, 3])],
      run: (x) => tf.mirrorPad(x!, margins, mode),
    },
  ]),
];
