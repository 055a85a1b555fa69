/**
 * Kernels that make tensors from numbers or in the shape of others, or change only the type.
 */
import * as tf from "@tensorflow/tfjs";
import { cast, constantOperand, elementwise, operand, reshape } from "../graph/operand.js";
import { choose, compare, filled, store } from "./arithmetic.js";
import { type Lowering, lowering } from "./lowering.js";

export const creationLowerings: Lowering[] = [
  lowering<tf.CastAttrs>("Cast", ["Cast"], ({ inputs, attributes, graph }) =>
    cast(graph, inputs.get("x"), attributes.dtype),
  ),
  lowering("Identity", [], ({ inputs }) => inputs.get("x")),
  lowering("ZerosLike", [], ({ inputs, graph }) => filled(graph, 0, inputs.get("x").dtype, inputs.get("x").shape)),
  lowering("OnesLike", [], ({ inputs, graph }) => filled(graph, 1, inputs.get("x").dtype, inputs.get("x").shape)),

  lowering<tf.FillAttrs>("Fill", [], ({ attributes: { shape, value, dtype }, graph }) =>
    filled(graph, Number(value), dtype ?? tf.util.inferDtype(value), shape),
  ),
  lowering<tf.RangeAttrs>("Range", [], ({ attributes: { start, stop, step, dtype }, graph }) => {
    const empty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
    const length = empty ? 0 : Math.abs(Math.ceil((stop - start) / step));
    // tfjs adds the steps up in the tensor's own precision, and takes a step of 1 that leads away from `stop` for -1.
    const values = dtype === "int32" ? new Int32Array(length) : new Float32Array(length);
    const stride = stop < start && step === 1 ? -1 : step;
    for (let i = 0; i < length; i++) values[i] = i === 0 ? start : values[i - 1]! + stride;
    return constantOperand(graph, values, [length], dtype);
  }),
  lowering<tf.LinSpaceAttrs>("LinSpace", [], ({ attributes: { start, stop, num }, graph }) => {
    const values = new Float32Array(num);
    const step = (stop - start) / (num - 1);
    for (let i = 0; i < num; i++) values[i] = i === 0 ? start : values[i - 1]! + step;
    return constantOperand(graph, values, [num], "float32");
  }),

  lowering<tf.OneHotAttrs>(
    "OneHot",
    ["Equal", "Where"],
    ({ inputs, attributes: { depth, dtype, onValue, offValue }, graph }) => {
      const indices = inputs.get("indices");
      const classes = constantOperand(
        graph,
        Int32Array.from({ length: depth }, (_, i) => i),
        [depth],
        "int32",
      );
      const hit = compare(graph, "Equal", reshape(graph, indices, [...indices.shape, 1]), classes);
      if (onValue === 1 && offValue === 0) return cast(graph, hit, dtype);
      const value = choose(graph, hit, filled(graph, onValue, "float32"), filled(graph, offValue, "float32"));
      return store(graph, value, dtype);
    },
  ),

  lowering("Diag", ["Equal", "Where"], ({ inputs, graph }) => {
    const x = inputs.get("x");
    const size = tf.util.sizeFromShape([...x.shape]);
    const rows = Int32Array.from({ length: size }, (_, i) => i);
    const onDiagonal = elementwise(
      graph,
      "Equal",
      [constantOperand(graph, rows, [size, 1], "int32"), constantOperand(graph, rows, [size], "int32")],
      "bool",
    );
    const row = reshape(graph, x, [1, size]);
    const square = choose(graph, onDiagonal, operand(row.value, x.dtype, [size, size]), filled(graph, 0, x.dtype));
    return reshape(graph, square, [...x.shape, ...x.shape]);
  }),
];
