/** Cases of the kernels that read or write at places named by indices. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase, truths } from "./lowering.cases.js";

const places = (...values: number[]): ReturnType<typeof given> => given([values.length], values, "int32");

export const gatherCases: LoweringCase[] = [
  {
    kernel: "GatherV2",
    about: "rows, some twice",
    inputs: [floats([4, 3]), places(2, 0, 2)],
    run: (x, at) => tf.gather(x!, at!),
    gradient: true,
    expect: ["Gather"],
  },
  {
    kernel: "GatherV2",
    about: "an embedding of a symbolic batch",
    inputs: [floats([5, 2]), integers([BATCH, 3], 0, 4)],
    run: (x, at) => tf.gather(x!, at!),
    gradient: true,
    expect: ["Gather"],
  },
  {
    kernel: "GatherV2",
    about: "columns of a symbolic batch",
    inputs: [floats([BATCH, 4]), places(3, 1)],
    run: (x, at) => tf.gather(x!, at!, 1),
    gradient: true,
  },
  {
    kernel: "GatherV2",
    about: "a scalar index",
    inputs: [floats([3, 2]), given([], [1], "int32")],
    run: (x, at) => tf.gather(x!, at!),
  },
  {
    kernel: "GatherV2",
    about: "in each row its own",
    inputs: [floats([BATCH, 4, 2]), integers([BATCH, 3], 0, 3)],
    run: (x, at) => tf.gather(x!, at!, 1, 1),
  },
  {
    kernel: "GatherV2",
    about: "in each row its own, a later axis",
    inputs: [floats([2, 3, 4, 2]), integers([2, 2], 0, 3)],
    run: (x, at) => tf.gather(x!, at!, 2, 1),
    gradient: true,
  },
  {
    kernel: "GatherNd",
    about: "elements",
    inputs: [floats([3, 4]), given([3, 2], [0, 1, 2, 3, 0, 1], "int32")],
    run: (x, at) => tf.gatherND(x!, at!),
    expect: ["Cast", "GatherND"],
  },
  {
    kernel: "GatherNd",
    about: "rows for a symbolic batch",
    inputs: [floats([3, 4]), integers([BATCH, 2, 1], 0, 2)],
    run: (x, at) => tf.gatherND(x!, at!),
    expect: ["Cast", "GatherND"],
  },
  {
    kernel: "ScatterNd",
    about: "what is written twice adds up",
    inputs: [given([3, 1], [1, 3, 1], "int32"), floats([3, 2])],
    run: (at, updates) => tf.scatterND(at!, updates!, [5, 2]),
    expect: ["Expand", "Cast", "ScatterND"],
  },
  {
    kernel: "ScatterNd",
    about: "integers into the batch",
    inputs: [integers([BATCH, 1], 0, 0), integers([BATCH, 2])],
    run: (at, updates) => tf.scatterND(at!, updates!, [updates!.shape[0]!, 2]),
  },
  {
    kernel: "TensorScatterUpdate",
    about: "rows",
    inputs: [floats([4, 2]), given([2, 1], [3, 0], "int32"), floats([2, 2])],
    run: (x, at, updates) => tf.tensorScatterUpdate(x!, at!, updates!),
    expect: ["Cast", "ScatterND"],
  },
  {
    kernel: "SparseToDense",
    about: "one value at many places",
    inputs: [given([2, 2], [0, 1, 2, 0], "int32"), floats([])],
    run: (at, value) => tf.sparseToDense(at!, value!, [3, 2], 7),
  },
  {
    kernel: "SparseToDense",
    about: "values in a vector",
    inputs: [places(1, 3), floats([2])],
    run: (at, values) => tf.sparseToDense(at!, values!, [5]),
    expect: ["Reshape", "Expand", "Cast", "ScatterND"],
  },
  {
    kernel: "UnsortedSegmentSum",
    about: "rows of a symbolic batch",
    inputs: [floats([BATCH, 2]), integers([BATCH], 0, 2)],
    run: (x, ids) => tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 4),
    gradient: true,
  },
  {
    kernel: "UnsortedSegmentSum",
    about: "ids of no segment",
    inputs: [floats([5]), places(0, -1, 2, 9, 0)],
    run: (x, ids) => tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 3),
  },
  { kernel: "GatherV2", about: "truths", inputs: [truths([4]), places(2, 0)], run: (x, at) => tf.gather(x!, at!) },
];
