/** Cases of matrix products and sums of products. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, type CaseInput, floats, integers, type LoweringCase } from "./lowering.cases.js";

const transpositions: readonly [boolean, boolean][] = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
];

const flipped = (dims: CaseInput["shape"], flip: boolean): CaseInput["shape"] =>
  flip ? [...dims.slice(0, -2), dims.at(-1)!, dims.at(-2)!] : dims;

const activations = ["linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu", "prelu"] as const;

export const matmulCases: LoweringCase[] = [
  ...transpositions.flatMap(([ta, tb]): LoweringCase[] => [
    {
      kernel: "BatchMatMul",
      about: `matrices, transposed ${ta} and ${tb}`,
      inputs: [floats(flipped([BATCH, 3], ta)), floats(flipped([3, 2], tb))],
      run: (a, b) => tf.matMul(a!, b!, ta, tb),
      gradient: true,
      expect: ["Gemm"],
    },
    {
      kernel: "BatchMatMul",
      about: `stacks, transposed ${ta} and ${tb}`,
      inputs: [floats(flipped([BATCH, 2, 3], ta)), floats(flipped([BATCH, 3, 4], tb))],
      run: (a, b) => tf.matMul(a!, b!, ta, tb),
      gradient: true,
    },
    {
      kernel: "BatchMatMul",
      about: `one matrix for a stack, transposed ${ta} and ${tb}`,
      inputs: [floats(flipped([BATCH, 2, 3], ta)), floats(flipped([1, 3, 4], tb))],
      run: (a, b) => tf.matMul(a!, b!, ta, tb),
    },
  ]),
  {
    kernel: "BatchMatMul",
    about: "a stack of one first",
    inputs: [floats([1, 2, 3]), floats([4, 3, 2])],
    run: (a, b) => tf.matMul(a!, b!),
    expect: ["MatMul"],
  },
  {
    kernel: "BatchMatMul",
    about: "rank 4",
    inputs: [floats([BATCH, 2, 2, 3]), floats([BATCH, 2, 3, 2])],
    run: (a, b) => tf.matMul(a!, b!),
    gradient: true,
  },
  {
    kernel: "BatchMatMul",
    about: "integers",
    inputs: [integers([2, 3]), integers([3, 2])],
    run: (a, b) => tf.matMul(a!, b!),
  },
  {
    kernel: "BatchMatMul",
    about: "no rows",
    inputs: [floats([0, 3]), floats([3, 2])],
    run: (a, b) => tf.matMul(a!, b!),
  },
  {
    kernel: "BatchMatMul",
    about: "nothing to sum",
    inputs: [floats([2, 0]), floats([0, 3])],
    run: (a, b) => tf.matMul(a!, b!),
  },
  {
    kernel: "BatchMatMul",
    about: "nothing to sum, stacked",
    inputs: [floats([2, 2, 0]), floats([2, 0, 3])],
    run: (a, b) => tf.matMul(a!, b!),
  },
  {
    kernel: "BatchMatMul",
    about: "a repeated factor",
    inputs: [floats([2, 3])],
    run: (a) => tf.matMul(a!, tf.ones([3, 2])),
    gradient: true,
    expect: ["Expand", "Gemm"],
  },
  ...activations.map((activation): LoweringCase => {
    return {
      kernel: "_FusedMatMul",
      about: activation,
      inputs: [floats([BATCH, 3]), floats([3, 2]), floats([2]), floats([2], 0.1, 0.5)],
      run: (a, b, bias, slope) =>
        tf.fused.matMul({
          a: a as tf.Tensor2D,
          b: b as tf.Tensor2D,
          bias: bias!,
          activation,
          leakyreluAlpha: 0.3,
          ...(activation === "prelu" ? { preluActivationWeights: slope! } : {}),
        }),
    };
  }),
  {
    kernel: "_FusedMatMul",
    about: "stacks, transposed",
    inputs: [floats([BATCH, 3, 2]), floats([BATCH, 3, 4]), floats([4])],
    run: (a, b, bias) =>
      tf.fused.matMul({ a: a as tf.Tensor3D, b: b as tf.Tensor3D, transposeA: true, bias: bias!, activation: "relu" }),
    expect: ["Transpose", "MatMul", "Add", "Relu"],
  },
  ...["ij,jk->ik", "bij,bjk->bik", "ij->ji", "ij,ij->", "bi,bj->bij", "ij->i"].map((equation): LoweringCase => {
    const terms = equation.split("->")[0]!.split(",");
    const sizes: Record<string, number | typeof BATCH> = { b: BATCH, i: 2, j: 3, k: 4 };
    return {
      kernel: "Einsum",
      about: equation,
      inputs: terms.map((term) => floats([...term].map((letter) => sizes[letter]!))),
      run: (...tensors) => tf.einsum(equation, ...tensors),
      expect: ["Einsum"],
    };
  }),
];
