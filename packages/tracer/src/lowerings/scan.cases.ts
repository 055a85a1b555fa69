/** Cases of running sums and products, order and search. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, given, integers, type LoweringCase, truths } from "./lowering.cases.js";

const directions: readonly [exclusive: boolean, reverse: boolean][] = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
];

export const scanCases: LoweringCase[] = [
  ...directions.flatMap(([exclusive, reverse]): LoweringCase[] => {
    const about = `${exclusive ? "exclusive" : "inclusive"}, ${reverse ? "backwards" : "forwards"}`;
    return [
      {
        kernel: "Cumsum",
        about,
        inputs: [floats([BATCH, 4])],
        run: (x) => tf.cumsum(x!, 1, exclusive, reverse),
        gradient: true,
        expect: ["CumSum"],
      },
      { kernel: "Cumprod", about, inputs: [floats([BATCH, 4, 2])], run: (x) => tf.cumprod(x!, 1, exclusive, reverse) },
    ];
  }),
  {
    kernel: "Cumsum",
    about: "along the batch",
    inputs: [floats([BATCH, 2])],
    run: (x) => tf.cumsum(x!, 0),
  },
  { kernel: "Cumsum", about: "truths", inputs: [truths([6])], run: (x) => tf.cumsum(x!), expect: ["Cast", "CumSum"] },
  {
    kernel: "Cumprod",
    about: "integers",
    inputs: [integers([2, 3])],
    run: (x) => tf.cumprod(x!, 1),
    expect: ["Reshape", "Where", "ReduceProd"],
  },
  {
    kernel: "TopK",
    about: "values and places",
    inputs: [floats([BATCH, 6])],
    run: (x) => Object.values(tf.topk(x!, 3)),
    expect: ["TopK", "Cast"],
  },
  {
    kernel: "TopK",
    about: "the first of equals, integers",
    inputs: [given([1, 5], [2, 7, 7, 2, 7], "int32")],
    run: (x) => Object.values(tf.topk(x!, 4)),
    expect: ["TopK", "Cast"],
  },
  ...(["left", "right"] as const).map((side): LoweringCase => {
    return {
      kernel: "SearchSorted",
      about: side,
      inputs: [given([2, 4], [1, 3, 3, 9, -2, 0, 1, 4]), given([2, 3], [3, 0, 10, 0, -5, 2])],
      run: (sorted, values) => tf.searchSorted(sorted!, values!, side),
    };
  }),
];
