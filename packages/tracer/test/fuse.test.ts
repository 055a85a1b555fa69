/** What fusing promises: the same values from fewer operations, and nothing taken away that something else reads. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { BATCH, encodeGraph, fuse, type NamedTensors, type TracedGraph, trace } from "../src/index.js";
import { float, runModel } from "./run-model.js";

const shapes = {
  x1: [2, 6],
  x2: [2, 6],
  x3: [2, 6],
  y1: [2, 8],
  y2: [2, 8],
  y3: [2, 8],
  w: [8, 6],
  bias: [6],
  all: [6, 8],
};

function traced(fn: (tensors: NamedTensors) => NamedTensors): TracedGraph {
  return trace(fn, {
    inputs: Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
  });
}

/** Numbers of both signs, other ones in each input. */
const feeds = Object.fromEntries(
  Object.entries(shapes).map(([name, shape], i) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return [
      name,
      float(
        shape,
        Array.from({ length: size }, (_, k) => Math.sin(1 + 7 * i + 3 * k)),
      ),
    ];
  }),
);

const operators = ({ graph }: TracedGraph): string[] => graph.nodes.map(({ op }) => op);

/** The operators of the fused graph, having found its outputs to be those of the graph as traced. */
async function fusedOperators(fn: (tensors: NamedTensors) => NamedTensors): Promise<string[]> {
  const before = traced(fn);
  const after = fuse(before);
  const expected = await runModel(encodeGraph(before), feeds);
  const found = await runModel(encodeGraph(after), feeds);
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, { dims, data }] of Object.entries(expected)) {
    expect(found[name]!.dims).toEqual(dims);
    (data as Float32Array).forEach((value, i) => {
      expect(Math.abs((found[name]!.data as Float32Array)[i]! - value)).toBeLessThan(1e-5);
    });
  }
  return operators(after);
}

/** Gradients of one matrix at three steps. */
const steps = ({ x1, x2, x3, y1, y2, y3 }: NamedTensors): tf.Tensor[] => [
  tf.matMul(x1!, y1!, true),
  tf.matMul(x2!, y2!, true),
  tf.matMul(x3!, y3!, true),
];

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

describe("sums of products", () => {
  test("become one product of the factors side by side", async () => {
    const sum = (tensors: NamedTensors): NamedTensors => ({ sum: steps(tensors).reduce((a, b) => tf.add(a, b)) });
    expect(await fusedOperators(sum)).toEqual(["Concat", "Concat", "Gemm"]);
  });

  test("take the other product as third operand, where the factors are larger than the sum", async () => {
    const sum = ({ y1, w, y2, all }: NamedTensors): NamedTensors => ({
      sum: tf.add(tf.matMul(y1!, w!), tf.matMul(y2!, all!, false, true)),
    });
    expect(await fusedOperators(sum)).toEqual(["Gemm", "Gemm"]);
  });

  test("take in a bias, and what it is added to", async () => {
    const sum = ({ y1, w, bias, x1 }: NamedTensors): NamedTensors => ({
      sum: tf.add(x1!, tf.add(tf.matMul(y1!, w!), bias!)),
    });
    // A Gemm has one third operand.
    expect(await fusedOperators(sum)).toEqual(["Gemm", "Add"]);
  });

  test("leave a scalar outside", async () => {
    // As a third operand it aborts the process on onnxruntime 1.30's WebGPU provider.
    const sum = ({ y1, w }: NamedTensors): NamedTensors => ({ sum: tf.add(tf.matMul(y1!, w!), 0.5) });
    expect(await fusedOperators(sum)).toEqual(["Gemm", "Add"]);
  });

  test("are left alone where something else reads a product", async () => {
    const sum = (tensors: NamedTensors): NamedTensors => {
      const [first, second] = steps(tensors) as [tf.Tensor, tf.Tensor];
      return { sum: tf.add(first, second), first, root: tf.abs(second) };
    };
    expect(await fusedOperators(sum)).toEqual(["Gemm", "Gemm", "Add", "Abs"]);
  });

  test("are left alone where one product broadcasts to the other", async () => {
    const sum = ({ x1, x2, w, bias }: NamedTensors): NamedTensors => ({
      sum: tf.add(tf.matMul(x1!, w!, false, true), tf.matMul(tf.slice(x2!, [0, 0], [1, 6]), w!, false, true)),
      column: tf.add(tf.matMul(w!, tf.reshape(bias!, [6, 1])), tf.matMul(w!, w!, false, true)),
    });
    const found = await fusedOperators(sum);
    expect(found.filter((op) => op === "Gemm")).toHaveLength(4);
    expect(found).not.toContain("Concat");
  });
});

test("sums of rows become one sum", async () => {
  const sum = ({ x1, x2, x3 }: NamedTensors): NamedTensors => ({
    sum: [x1!, x2!, x3!].map((x) => tf.sum(x, 0)).reduce((a, b) => tf.add(a, b)),
  });
  expect(await fusedOperators(sum)).toEqual(["Concat", "ReduceSum"]);
});

test("only the sum of all squares is one operation", async () => {
  expect(await fusedOperators(({ w }) => ({ sum: tf.sum(tf.square(w!)) }))).toEqual(["ReduceSumSquare"]);
  expect(await fusedOperators(({ w }) => ({ sum: tf.sum(tf.square(w!), 1) }))).toEqual(["Mul", "ReduceSum"]);
  const both = ({ w }: NamedTensors): NamedTensors => ({ sum: tf.sum(tf.square(w!)), squares: tf.square(w!) });
  expect(await fusedOperators(both)).toEqual(["Mul", "ReduceSum"]);
});

test("max(0, 1 - |x|) becomes a HardSigmoid, if nothing else reads the difference", async () => {
  const hat = (x: tf.Tensor): tf.Tensor => tf.relu(tf.sub(1, tf.abs(x)));
  expect(await fusedOperators(({ w }) => ({ hat: hat(w!) }))).toEqual(["Abs", "HardSigmoid"]);
  expect(await fusedOperators(({ w }) => ({ hat: tf.relu(tf.sub(2, tf.abs(w!))) }))).toEqual(["Abs", "Sub", "Relu"]);
  expect(await fusedOperators(({ w }) => ({ ramp: tf.relu(tf.sub(1, w!)) }))).toEqual(["Sub", "Relu"]);
  const both = ({ w }: NamedTensors): NamedTensors => {
    const difference = tf.sub(1, tf.abs(w!));
    return { hat: tf.relu(difference), difference };
  };
  expect(await fusedOperators(both)).toEqual(["Abs", "Sub", "Relu"]);
});

test("inputs and outputs keep their names, an unused input too", () => {
  const { graph } = fuse(traced(({ x1, x2 }) => ({ same: x1!, sum: tf.add(x1!, x2!) })));
  expect(graph.inputs.map(({ name }) => name)).toEqual(Object.keys(shapes));
  expect(Object.keys(graph.outputs)).toEqual(["same", "sum"]);
});

test("a graph with a symbolic batch is refused", () => {
  const symbolic = trace(({ x }) => ({ y: tf.exp(x!) }), { inputs: { x: { shape: [BATCH, 3] } } });
  expect(() => fuse(symbolic)).toThrow(/symbolic batch cannot be fused/);
});
