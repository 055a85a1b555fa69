/** What tracing promises: graphs that hold the whole function, errors where it cannot, and tfjs left as it was. */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import {
  BATCH,
  decodeModel,
  encodeGraph,
  type InputSpec,
  type NamedTensors,
  TRACING_BACKEND,
  TracedValueError,
  trace,
  UnsupportedKernelError,
} from "../src/index.js";
import { float, runModel } from "./run-model.js";

const vector: InputSpec = { shape: [3] };
const rows: InputSpec = { shape: [BATCH, 3] };
const one = float([3], [1, 2, 3]);

/** Traces a function of `x`. */
function traceX(fn: (x: tf.Tensor) => tf.Tensor | NamedTensors, x: InputSpec = vector): ReturnType<typeof trace> {
  return trace(
    (tensors) => {
      const result = fn(tensors.x!);
      return result instanceof tf.Tensor ? { y: result } : result;
    },
    { inputs: { x } },
  );
}

async function values(fn: (x: tf.Tensor) => tf.Tensor, x = one): Promise<number[]> {
  const { y } = await runModel(encodeGraph(traceX(fn)), { x });
  return Array.from(y!.data as Float32Array);
}

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

describe("the model", () => {
  test("is ONNX of opset 21 and IR 10 and keeps names, description and metadata", () => {
    const model = decodeModel(
      encodeGraph(
        traceX((x) => tf.exp(x), rows),
        { name: "exp", description: "e to the x", metadata: { by: "test" } },
      ),
    );
    expect(model.irVersion).toBe(10);
    expect(model.opsetImport.map(({ version }) => version)).toEqual([21]);
    expect(model.graph.name).toBe("exp");
    expect(model.docString).toBe("e to the x");
    expect(model.metadataProps).toEqual([{ key: "by", value: "test" }]);
    expect(model.graph.input.map(({ name }) => name)).toEqual(["x"]);
    expect(model.graph.input[0]!.type.tensorType.shape.dim).toEqual([{ dimParam: "batch" }, { dimValue: 3 }]);
    expect(model.graph.output[0]!.type.tensorType.shape.dim).toEqual([{ dimParam: "batch" }, { dimValue: 3 }]);
  });

  test("is valid without onnxruntime's own rewriting", async () => {
    const loss = (x: tf.Tensor): tf.Tensor => tf.mean(tf.square(tf.sub(tf.sigmoid(x), tf.mean(x, 0, true))));
    const model = encodeGraph(traceX((x) => ({ loss: loss(x), gradient: tf.grad(loss)(x) }), rows));
    const feeds = { x: float([2, 3], [1, 2, 3, 4, 5, 6]) };
    const plain = await runModel(model, feeds, { graphOptimizationLevel: "disabled" });
    const optimised = await runModel(model, feeds);
    for (const name of ["loss", "gradient"]) {
      const [a, b] = [plain[name]!, optimised[name]!];
      expect(a.dims).toEqual(b.dims);
      Array.from(a.data as Float32Array).forEach((each, i) => {
        expect(each).toBeCloseTo((b.data as Float32Array)[i]!, 6);
      });
    }
  });

  test("holds only what its outputs need, and equal nodes once", () => {
    const { graph } = traceX((x) => {
      tf.sin(x);
      return tf.add(tf.exp(x), tf.exp(x));
    });
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Exp", "Add"]);
    expect(graph.nodes.map(({ kernel }) => kernel)).toEqual(["Exp", "Add"]);
  });

  test("nodes that differ in an attribute alone are two", async () => {
    expect(await values((x) => tf.sub(tf.leakyRelu(tf.neg(x), 0.5), tf.leakyRelu(tf.neg(x), 0.25)))).toEqual([
      -0.25, -0.5, -0.75,
    ]);
  });

  test("holds equal constants once, large ones too", () => {
    const data = Float32Array.from({ length: 5000 }, (_, i) => i % 17);
    const { graph } = traceX((x) => tf.sum(tf.mul(tf.tensor1d(data), tf.add(tf.tensor1d(data.slice()), tf.sum(x)))));
    const constants = new Set(graph.nodes.flatMap(({ inputs }) => inputs.filter((each) => each?.kind === "constant")));
    expect([...constants].filter((each) => each?.shape[0] === 5000)).toHaveLength(1);
  });

  test("tells constants apart that differ late, in sign of zero, or in type", async () => {
    const data = Float32Array.from({ length: 3000 }, (_, i) => i);
    const other = data.slice();
    other[2999] = -1;
    expect(await values((x) => tf.add(x, tf.sum(tf.sub(tf.tensor1d(data), tf.tensor1d(other)))))).toEqual([
      3001, 3002, 3003,
    ]);
    expect(await values((x) => tf.div(x, tf.tensor1d([-0, 0, 1])))).toEqual([-Infinity, Infinity, 3]);
    expect(await values((x) => tf.add(tf.div(x, tf.scalar(-0)), tf.div(x, tf.scalar(0))))).toEqual([NaN, NaN, NaN]);
    expect(await values((x) => tf.mul(x, tf.tensor1d([NaN, Infinity, 1])))).toEqual([NaN, Infinity, 3]);
  });

  test("can return a tensor twice, an input, a constant, and ignore an input", async () => {
    const traced = trace(
      ({ x }) => {
        const y = tf.exp(x!);
        return { a: y, b: y, same: x!, constant: tf.tensor1d([1, 2]), filled: tf.ones([2, 2]) };
      },
      { inputs: { x: vector, unused: vector } },
    );
    const results = await runModel(encodeGraph(traced), { x: one, unused: one });
    expect(results.a!.data).toEqual(results.b!.data);
    expect(results.same!.data).toEqual(one.data);
    expect(results.constant!.data).toEqual(Float32Array.of(1, 2));
    expect(results.filled!.dims).toEqual([2, 2]);
  });

  test("finds free names for its own values", async () => {
    const traced = trace(
      ({ Exp, constant, batch, "a/b.c": odd }) => {
        const y = tf.mul(tf.exp(tf.exp(Exp!)), tf.tensor1d([1, 2, 3]));
        return { Exp_1: y, "Exp/Exp": tf.add(tf.add(y, constant!), batch!), "y/0.z": odd! };
      },
      { inputs: { Exp: vector, constant: vector, batch: vector, "a/b.c": vector } },
    );
    const zeros = float([3], [0, 0, 0]);
    const results = await runModel(encodeGraph(traced), { Exp: zeros, constant: zeros, batch: zeros, "a/b.c": one });
    expect(results["y/0.z"]!.data).toEqual(one.data);
    expect((results["Exp/Exp"]!.data as Float32Array)[0]).toBeCloseTo(Math.E, 5);
  });

  test("keeps the names of weights, and apart those of equal content", () => {
    const weight = { shape: [3], data: new Float32Array(3) };
    const traced = trace((t) => ({ y: tf.add(tf.mul(t.x!, t["w/a"]!), t["w/b"]!) }), {
      inputs: { x: vector },
      weights: { "w/a": weight, "w/b": weight },
    });
    const names = decodeModel(encodeGraph(traced)).graph.initializer.map(({ name }) => name);
    expect(names).toEqual(["w/a", "w/b"]);
  });
});

describe("a symbolic batch", () => {
  /** Compares a function of rows `[B, 3]` with tfjs at several batch sizes. */
  async function check(fn: (x: tf.Tensor) => tf.Tensor): Promise<void> {
    const model = encodeGraph(traceX(fn, rows));
    for (const batch of [1, 2, 7]) {
      const data = Array.from({ length: batch * 3 }, (_, i) => Math.sin(i + 1));
      const { y } = await runModel(model, { x: float([batch, 3], data) });
      const expected = tf.tidy(() => fn(tf.tensor2d(data, [batch, 3])));
      expect(y!.dims).toEqual(expected.shape);
      const theirs = expected.dataSync();
      expect(Array.from(y!.data as Float32Array, (each, i) => Math.abs(each - theirs[i]!) < 1e-5)).not.toContain(false);
      expected.dispose();
    }
  }

  const size = (x: tf.Tensor): number => x.shape[0]!;
  test("in two dimensions of a reshape", () => check((x) => tf.exp(tf.reshape(x, [1, size(x), 3, 1]))));
  test("in several dimensions of a result", () =>
    check((x) => tf.sub(tf.reshape(x, [size(x), 1, 3]), tf.reshape(x, [1, size(x), 3]))));
  test("in a tile", () => check((x) => tf.tile(tf.sum(x, 0, true), [size(x), 2])));
  test("in the gradient of a mean", () => check((x) => tf.grad((each) => tf.mean(tf.square(each)))(x)));
  test("as a number", () => check((x) => tf.mul(x, 2 * size(x) + 1)));
  test("as one of several numbers", () => check((x) => tf.mul(x, tf.tensor2d([[1, size(x), 1 / size(x)]]))));
  test("as an integer", () =>
    check((x) => tf.cast(tf.add(tf.cast(x, "int32"), tf.scalar(size(x), "int32")), "float32")));
  test("as a filled tensor", () => check((x) => tf.concat([x, tf.fill([size(x), 1], size(x))], 1)));
  test("as bounds", () => check((x) => tf.slice(tf.concat([x, x]), [size(x) - 1, 0], [size(x), 2])));

  test("refuses a path that depends on it", () => {
    expect(() => traceX((x) => (size(x) > 1500 ? tf.exp(x) : tf.log(x)), rows)).toThrow(/another path/);
    expect(() => traceX((x) => (size(x) > 1500 ? tf.exp(tf.sin(x)) : tf.exp(x)), rows)).toThrow(/another path/);
  });
  test.each([
    ["its root", (x: tf.Tensor) => tf.mul(x, Math.sqrt(size(x)))],
    ["its logarithm", (x: tf.Tensor) => tf.mul(x, 100 + Math.log(size(x)))],
    ["its square", (x: tf.Tensor) => tf.mul(x, size(x) ** 2)],
    ["its half, rounded", (x: tf.Tensor) => tf.slice(x, 0, Math.floor(size(x) / 2))],
    ["twice its half, rounded", (x: tf.Tensor) => tf.slice(x, 0, 2 * Math.floor(size(x) / 2))],
  ])("refuses %s", (_, fn) => {
    expect(() => traceX(fn, rows)).toThrow(/depends on the batch in a way that cannot be expressed|another path/);
  });
  test("refuses a constant as long as it", () => {
    expect(() => traceX((x) => tf.mul(x, tf.reshape(tf.range(0, size(x)), [-1, 1])), rows)).toThrow(
      /constant whose size depends on the batch/,
    );
  });
});

describe("errors", () => {
  const failures: [about: string, fn: (x: tf.Tensor) => tf.Tensor | NamedTensors, error: RegExp][] = [
    ["a read value", (x) => tf.scalar(x.dataSync()[0]!), /read the value of a tensor of shape \[3\]/],
    ["drawn random numbers", (x) => tf.add(x, tf.randomNormal([3])), /random numbers in tf\.randomNormal.*input/],
    ["dropout", (x) => tf.dropout(x, 0.5), /random numbers in tf\.dropout/],
    ["a sampling kernel", (x) => tf.multinomial(x as tf.Tensor1D, 2), /Multinomial.*make the noise an input/],
    ["a kernel without a lowering", (x) => tf.spectral.rfft(x), /no lowering to ONNX.*complex/],
    ["no outputs", () => ({}), /returned no tensors/],
    ["an output that is none", () => ({ y: 3 as unknown as tf.Tensor }), /output y is not a tensor/],
    ["an output named like an input", (x) => ({ x: tf.exp(x) }), /x is the name of both an input and an output/],
    [
      "a trace in a trace",
      (x) => ({ x, ...traceX((y) => tf.exp(y)).graph.outputs }) as NamedTensors,
      /traces do not nest/,
    ],
    [
      "the function's own error",
      () => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3])),
      /do not multiply: inner sizes 3 and 2 differ/,
    ],
  ];

  test.each(failures)("%s, and tfjs goes on", (_, fn, error) => {
    const before = tf.memory().numTensors;
    expect(() => traceX(fn)).toThrow(error);
    expect(tf.getBackend()).toBe("cpu");
    expect(tf.memory().numTensors).toBe(before);
    const sum = tf.tidy(() => tf.add(tf.scalar(1), 1).dataSync()[0]);
    expect(sum).toBe(2);
    expect(traceX((x) => tf.exp(x)).graph.nodes).toHaveLength(1);
  });

  test("an unsupported kernel is named with the op that led to it", () => {
    let caught: unknown;
    try {
      traceX((x) => tf.dilation2d(tf.reshape(x, [1, 1, 3, 1]) as tf.Tensor4D, tf.ones([1, 1, 1]), 1, "same"));
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UnsupportedKernelError);
    expect(caught).toMatchObject({ kernel: "Dilation2D", ops: ["dilation2d"] });
    expect(String(caught)).toMatch(/Dilation2D.*tf\.dilation2d.*registerLowering/);
  });

  test("a value read inside a named scope names it", () => {
    const read = (x: tf.Tensor): tf.Tensor => tf.tidy("lookup", () => tf.tensor1d([...x.dataSync()]));
    expect(() => traceX(read)).toThrow(TracedValueError);
    expect(() => traceX(read)).toThrow(/tf\.lookup/);
  });

  test("a tensor of an earlier trace", () => {
    let kept: tf.Tensor | undefined;
    traceX((x) => {
      kept = tf.keep(tf.exp(x));
      return x;
    });
    expect(() => traceX((x) => tf.add(x, kept!))).toThrow(/earlier trace/);
    expect(() => kept!.dataSync()).toThrow(TracedValueError);
    kept!.dispose();
  });

  test("a variable keeps its value when the function assigns it", () => {
    const variable = tf.variable(tf.tensor1d([1, 2, 3]), true, "counter");
    const assign = (x: tf.Tensor): tf.Tensor => {
      variable.assign(x as tf.Tensor1D);
      return x;
    };
    expect(() => traceX(assign)).toThrow(/assigned the variable counter/);
    expect(Array.from(variable.dataSync())).toEqual([1, 2, 3]);
    variable.assign(tf.tensor1d([4, 5, 6]));
    expect(Array.from(variable.dataSync())).toEqual([4, 5, 6]);
    variable.dispose();
  });

  test("a weight and an output of one name", () => {
    const weight = { shape: [3], data: new Float32Array(3) };
    expect(() => trace(({ x }) => ({ w: x! }), { inputs: { x: vector }, weights: { w: weight } })).toThrow(/both/);
  });
});

test("200 traces leave no tensor and no data behind", () => {
  const backend = tf.findBackend(TRACING_BACKEND) as tf.KernelBackend;
  const kept = tf.tensor1d([1, 2, 3]);
  const loss = (x: tf.Tensor): tf.Tensor => tf.mean(tf.square(tf.mul(tf.tanh(x), kept)));
  const once = (): unknown => traceX((x) => ({ loss: loss(x), gradient: tf.grad(loss)(x) }));
  once();
  const before = [tf.memory().numTensors, tf.memory().numDataBuffers, backend.numDataIds()];
  for (let i = 0; i < 200; i++) once();
  expect([tf.memory().numTensors, tf.memory().numDataBuffers, backend.numDataIds()]).toEqual(before);
  expect(Array.from(kept.dataSync())).toEqual([1, 2, 3]);
  kept.dispose();
});
