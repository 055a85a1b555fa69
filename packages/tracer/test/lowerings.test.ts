/** Replays every lowering's cases: forward and gradient, onnxruntime against the tfjs cpu backend. */
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { GraphBuilder } from "../src/graph/builder.js";
import { encodeGraph, registerLowering, supportedKernels, trace } from "../src/index.js";
import { allCases } from "../src/lowerings/index.cases.js";
import { allLowerings } from "../src/lowerings/index.js";
import { BATCH, type CaseInput, type LoweringCase } from "../src/lowerings/lowering.cases.js";

/** Batch sizes at which a symbolic case is replayed. */
const BATCH_SIZES = [1, 2, 7];
const TOLERANCE = 1e-5;

const reached = new Set<string>();
/** The operators that each kernel's lowering wrote in the cases so far. */
const written = new Map<string, Set<string>>();

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
  const { nodes } = GraphBuilder.prototype;
  vi.spyOn(GraphBuilder.prototype, "nodes").mockImplementation(function (this: GraphBuilder, op, ...rest) {
    const operators = written.get(this.currentKernel) ?? new Set();
    written.set(this.currentKernel, operators.add(op));
    return nodes.call(this, op, ...rest);
  });
  for (const lowering of allLowerings) {
    registerLowering({
      ...lowering,
      lower: (call) => {
        reached.add(lowering.kernel);
        return lowering.lower(call);
      },
    });
  }
});

/** A small linear congruential generator: the same values in every run. */
function values({ shape, dtype, range, values: own }: CaseInput, batch: number, seed: number): number[] {
  if (own) return [...own];
  const size = sizes(shape, batch).reduce((product, dim) => product * dim, 1);
  let state = seed * 7919 + 12345;
  return Array.from({ length: size }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const unit = state / 0x80000000;
    if (dtype === "float32") return range[0] + unit * (range[1] - range[0]);
    return range[0] + Math.floor(unit * (range[1] - range[0] + 1));
  });
}

const sizes = (shape: CaseInput["shape"], batch: number): number[] => shape.map((dim) => (dim === BATCH ? batch : dim));

const list = (result: tf.Tensor | tf.Tensor[]): tf.Tensor[] => (Array.isArray(result) ? result : [result]);

/** The case's outputs `y0, y1, …`, and the gradients `d0, d1, …` of the sum of their squares by its float inputs. */
function compute({ run, inputs, gradient }: LoweringCase, tensors: tf.Tensor[]): Record<string, tf.Tensor> {
  const outputs = list(run(...tensors)).map((tensor, i) => [`y${i}`, tensor] as const);
  if (!gradient) return Object.fromEntries(outputs);
  const by = inputs.flatMap(({ dtype }, i) => (dtype === "float32" ? [i] : []));
  const loss = (...floats: tf.Tensor[]): tf.Scalar => {
    const all = tensors.map((tensor, i) => floats[by.indexOf(i)] ?? tensor);
    return tf.addN(list(run(...all)).map((tensor) => tf.sum(tf.square(tensor)))) as tf.Scalar;
  };
  const gradients = tf.grads(loss)(by.map((i) => tensors[i]!));
  return Object.fromEntries([...outputs, ...gradients.map((tensor, i) => [`d${by[i]}`, tensor] as const)]);
}

function toOrt(data: readonly number[], { dtype, shape }: CaseInput, batch: number): ort.Tensor {
  const dims = sizes(shape, batch);
  if (dtype === "float32") return new ort.Tensor("float32", Float32Array.from(data), dims);
  if (dtype === "int32") return new ort.Tensor("int32", Int32Array.from(data), dims);
  return new ort.Tensor("bool", Uint8Array.from(data), dims);
}

function expectClose(name: string, actual: ort.Tensor, expected: tf.Tensor, tolerance: number): void {
  expect(actual.type, `type of ${name}`).toBe(expected.dtype);
  expect(actual.dims, `shape of ${name}`).toEqual(expected.shape);
  const ours = Array.from(actual.data as Float32Array, Number);
  // A bool of tfjs is any number that is not zero.
  const theirs = Array.from(expected.dataSync(), (each) => (expected.dtype === "bool" ? +(each !== 0) : Number(each)));
  const scale = Math.max(1, ...theirs.filter(Number.isFinite).map(Math.abs));
  const wrong = ours.findIndex((each, i) => {
    const other = theirs[i]!;
    if (each === other || (Number.isNaN(each) && Number.isNaN(other))) return false;
    return expected.dtype !== "float32" || !(Math.abs(each - other) <= tolerance * scale);
  });
  expect(wrong, `${name}: onnxruntime ${ours.slice(0, 12)} … tfjs ${theirs.slice(0, 12)}`).toBe(-1);
}

const byKernel = new Map<string, LoweringCase[]>();
for (const each of allCases) byKernel.set(each.kernel, [...(byKernel.get(each.kernel) ?? []), each]);

describe.each([...byKernel])("%s", (kernel, cases) => {
  test.each(cases.map((each) => [each.about, each] as const))("%s", async (_, each) => {
    const symbolic = each.inputs.some(({ shape }) => shape.includes(BATCH));
    const specs = each.inputs.map(({ shape, dtype }, i) => [`x${i}`, { shape, dtype }] as const);
    const names = specs.map(([name]) => name);
    const record = (tensors: tf.Tensor[]): Record<string, tf.Tensor> => compute(each, tensors);

    reached.clear();
    const traced = trace((tensors) => record(names.map((name) => tensors[name]!)), {
      inputs: Object.fromEntries(specs),
    });
    expect([...reached]).toContain(kernel);

    if (each.expect) {
      const forward = trace(
        (tensors) =>
          Object.fromEntries(list(each.run(...names.map((name) => tensors[name]!))).map((y, i) => [`y${i}`, y])),
        { inputs: Object.fromEntries(specs) },
      );
      expect(forward.graph.nodes.map((node) => node.op)).toEqual(each.expect);
    }

    const session = await ort.InferenceSession.create(encodeGraph(traced), { intraOpNumThreads: 1 });
    try {
      for (const batch of symbolic ? BATCH_SIZES : [1]) {
        const data = each.inputs.map((input, i) => values(input, batch, i + batch));
        const feeds = Object.fromEntries(names.map((name, i) => [name, toOrt(data[i]!, each.inputs[i]!, batch)]));
        const actual = await session.run(feeds);
        tf.tidy(() => {
          const tensors = each.inputs.map(({ shape, dtype }, i) => tf.tensor(data[i]!, sizes(shape, batch), dtype));
          for (const [name, expected] of Object.entries(record(tensors))) {
            expectClose(`${name} at batch ${batch}`, actual[name]!, expected, each.tolerance ?? TOLERANCE);
          }
        });
      }
    } finally {
      await session.release();
    }
  });
});

// Writing one that is not declared is an error of the graph builder, so the cases above have found none.
test.each(allLowerings.map(({ kernel, operators }) => [kernel, operators] as const))(
  "the cases of %s write every operator that it declares",
  (kernel, operators) => {
    expect(operators.filter((operator) => !written.get(kernel)?.has(operator))).toEqual([]);
  },
);

test("every supported kernel has a case", () => {
  const kernels = new Set(allCases.map(({ kernel }) => kernel));
  expect(supportedKernels().filter((kernel) => !kernels.has(kernel))).toEqual([]);
});
