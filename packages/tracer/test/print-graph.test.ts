/** What printing a graph promises: every value on its line, under the name that the model gives it. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, test } from "vitest";
import { BATCH, decodeModel, encodeGraph, fuse, type NamedTensors, printGraph, trace } from "../src/index.js";

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

/** A step of gradient descent on a linear model. */
function step({ w, x, y }: NamedTensors): NamedTensors {
  const loss = (weights: tf.Tensor): tf.Scalar => tf.mean(tf.squaredDifference(tf.matMul(x!, weights), y!));
  const { value, grad } = tf.valueAndGrad(loss)(w!);
  return { loss: value, nextW: tf.sub(w!, tf.mul(grad, 0.1)) };
}

test("a softmax of a product", () => {
  const traced = trace(({ x, w }) => ({ y: tf.softmax(tf.matMul(x!, w!)) }), {
    inputs: { x: { shape: [BATCH, 4] } },
    weights: { w: { shape: [4, 3], data: new Float32Array(12).fill(0.1) } },
  });
  expect(printGraph(traced).split("\n")).toEqual([
    "input x:float32[batch,4]",
    "weight w:float32[4,3]",
    "Gemm:float32[batch,3] = Gemm(x, w) {transA=0, transB=0}",
    "y:float32[batch,3] = Softmax(Gemm) {axis=1}",
    "output y",
  ]);
});

test("a training step with a symbolic batch", () => {
  const traced = trace(step, {
    inputs: { w: { shape: [3, 1] }, x: { shape: [BATCH, 3] }, y: { shape: [BATCH, 1] } },
  });
  expect(printGraph(traced).split("\n")).toEqual([
    "input w:float32[3,1]",
    "input x:float32[batch,3]",
    "input y:float32[batch,1]",
    "Gemm:float32[batch,1] = Gemm(x, w) {transA=0, transB=0}",
    "Sub:float32[batch,1] = Sub(Gemm, y)",
    "Mul:float32[batch,1] = Mul(Sub, Sub)",
    "loss:float32[] = ReduceMean(Mul, [0,1]:int64[2]) {keepdims=0}",
    "Div:float32[] = Div(1:float32[], batch:float32[])",
    "Mul_1:float32[batch,1] = Mul(2:float32[], Sub)",
    "Mul_2:float32[batch,1] = Mul(Div, Mul_1)",
    "Gemm_1:float32[3,1] = Gemm(x, Mul_2) {transA=1, transB=0}",
    "Mul_3:float32[3,1] = Mul(Gemm_1, 0.1:float32[])",
    "nextW:float32[3,1] = Sub(w, Mul_3)",
    "output loss",
    "output nextW",
  ]);
});

test("a fused step, whose bias is part of the product", () => {
  const traced = trace(({ x, w, b }) => ({ y: tf.tanh(tf.add(tf.matMul(x!, w!), b!)) }), {
    inputs: { x: { shape: [2, 3] }, w: { shape: [3, 4] }, b: { shape: [4] } },
  });
  const nodes = printGraph(fuse(traced)).split("\n").slice(3);
  expect(nodes).toEqual([
    "Gemm:float32[2,4] = Gemm(x, w, b) {transA=0, transB=0}",
    "y:float32[2,4] = Tanh(Gemm)",
    "output y",
  ]);
});

/** The lines of a graph of `x` after its input. */
function linesOf(fn: (x: tf.Tensor) => NamedTensors, shape: readonly (number | typeof BATCH)[] = [BATCH, 4]): string[] {
  return printGraph(trace(({ x }) => fn(x!), { inputs: { x: { shape } } }))
    .split("\n")
    .slice(1);
}

test("several results, and outputs that are an input, a constant, or another output", () => {
  expect(
    linesOf((x) => {
      const { values, indices } = tf.topk(x, 2);
      return { values, indices, again: values, same: x, three: tf.scalar(3, "int32") };
    }),
  ).toEqual([
    "values:float32[batch,2], TopK:int64[batch,2] = TopK(x, [2]:int64[1]) {axis=-1}",
    "indices:int32[batch,2] = Cast(TopK) {to=6}",
    "output values",
    "output indices",
    "output again = values",
    "output same = x",
    "output three = 3:int32[]",
  ]);
});

test("constants: short ones whole, long ones by their range, and those that depend on the batch", () => {
  const lines = linesOf((x) => {
    const batch = x.shape[0]!;
    const short = tf.mul(x, tf.tensor1d([0.1, -0, Number.NaN, Number.POSITIVE_INFINITY]));
    const long = tf.matMul(
      short,
      tf.tensor2d(
        Float32Array.from({ length: 12 }, (_, i) => i / 8 - 1),
        [4, 3],
      ),
    );
    const rows = tf.concat([long, tf.fill([2 * batch - 1, 3], 0.5)]);
    return { y: tf.mul(rows, 1 / batch) };
  });
  expect(lines).toEqual([
    "Mul:float32[batch,4] = Mul(x, [0.1,-0,NaN,Infinity]:float32[4])",
    "Gemm:float32[batch,3] = Gemm(Mul, (-1…0.375):float32[4,3]) {transA=0, transB=0}",
    "Expand:float32[2*batch-1,3] = Expand(0.5:float32[], [2*batch-1,3]:int64[2])",
    "Concat:float32[3*batch-1,3] = Concat(Gemm, Expand) {axis=0}",
    "y:float32[3*batch-1,3] = Mul(Concat, 1/batch:float32[])",
    "output y",
  ]);
});

test("attributes that are lists or text, an input left out, a dimension that is no function of the batch", () => {
  const images = (x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [1, -1, 4, 1]);
  const pooled = linesOf((x) => ({ y: tf.sum(tf.maxPool(images(x), 2, 2, "valid")) }));
  expect(pooled.filter((line) => line.includes("MaxPool("))).toEqual([
    "MaxPool:float32[1,1,?,2] = MaxPool(Transpose) {kernel_shape=[2,2], strides=[2,2], pads=[0,0,0,0]}",
  ]);
  const resized = linesOf((x) => ({ y: tf.image.resizeBilinear(tf.reshape(x, [-1, 2, 2, 1]) as tf.Tensor4D, [4, 6]) }));
  expect(resized.filter((line) => line.includes("Resize("))).toEqual([
    "Resize:float32[batch,1,4,6] = Resize(Transpose, _, _, [batch,1,4,6]:int64[4]) " +
      '{mode="linear", coordinate_transformation_mode="asymmetric"}',
  ]);
});

test("the names are those of the encoded model", () => {
  const traced = trace(
    ({ Mul, constant }) => ({ y: tf.square(tf.square(tf.mul(Mul!, tf.add(constant!, Mul!.shape[0]!)))), Add: Mul! }),
    {
      inputs: { Mul: { shape: [BATCH, 2] } },
      weights: { constant: { shape: [2], data: Float32Array.of(1, 2) } },
    },
  );
  const made = decodeModel(encodeGraph(traced)).graph.node.flatMap(({ output }) => output);
  const printed = [...printGraph(traced).matchAll(/^(\S+):\S+ = /gm)].map((match) => match[1]!);
  expect(printed).toEqual(["Add_1", "Mul_1", "Mul_2", "y"]);
  expect(made).toEqual(expect.arrayContaining(printed));
});
