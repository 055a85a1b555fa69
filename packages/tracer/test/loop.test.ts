/** Many training steps in one ONNX Loop are the single steps, bit for bit. */
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, test } from "vitest";
import {
  BATCH,
  encodeGraph,
  encodeLoop,
  initialInput,
  type LoopSpec,
  type NamedTensors,
  stacked,
  trace,
} from "../src/index.js";
import { float, runModel } from "./run-model.js";

const RATE = 0.1;
const MOMENTUM = 0.9;
const shapes = { w1: [2, 8], b1: [8], w2: [8, 1] } as const;
const weights = Object.keys(shapes) as (keyof typeof shapes)[];

/** One step of gradient descent with momentum on a small perceptron. */
function step(t: NamedTensors): NamedTensors {
  const loss = (...[w1, b1, w2]: tf.Tensor[]): tf.Scalar => {
    const hidden = tf.tanh(tf.add(tf.matMul(t.x as tf.Tensor2D, w1 as tf.Tensor2D), b1!));
    return tf.mul(t.scale!, tf.mean(tf.squaredDifference(tf.matMul(hidden as tf.Tensor2D, w2 as tf.Tensor2D), t.y!)));
  };
  const { value, grads } = tf.valueAndGrads(loss)(weights.map((name) => t[name]!));
  const next: NamedTensors = { loss: value };
  weights.forEach((name, i) => {
    const velocity = tf.add(tf.mul(t[`v_${name}`]!, MOMENTUM), grads[i]!);
    next[`next_v_${name}`] = velocity;
    next[`next_${name}`] = tf.sub(t[name]!, tf.mul(velocity, RATE));
  });
  return next;
}

const stateNames = weights.flatMap((name) => [name, `v_${name}`]);
const spec: LoopSpec = {
  state: Object.fromEntries(stateNames.map((name) => [name, `next_${name}`])),
  perStep: ["x", "y"],
  collect: ["loss"],
};
const traceStep = (): ReturnType<typeof trace> =>
  trace(step, {
    inputs: {
      ...Object.fromEntries(
        weights.flatMap((name) => [
          [name, { shape: shapes[name] }],
          [`v_${name}`, { shape: shapes[name] }],
        ]),
      ),
      x: { shape: [BATCH, 2] },
      y: { shape: [BATCH, 1] },
      scale: { shape: [] },
    },
  });

const STEPS = 25;
const BATCH_SIZE = 4;
const wave = (dims: readonly number[], phase: number): ort.Tensor =>
  float(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
  );
const start = (): Record<string, ort.Tensor> =>
  Object.fromEntries(
    weights.flatMap((name, i) => [
      [name, wave(shapes[name], i)],
      [`v_${name}`, float(shapes[name], new Array<number>(shapes[name].reduce((a: number, b) => a * b, 1)).fill(0))],
    ]),
  );
const asInitial = (state: Record<string, ort.Tensor>): Record<string, ort.Tensor> =>
  Object.fromEntries(Object.entries(state).map(([name, tensor]) => [initialInput(name), tensor]));

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend("cpu");
});

describe("a loop", () => {
  test("of training steps equals single steps bit for bit, and learns", async () => {
    const traced = traceStep();
    const [xs, ys] = [wave([STEPS, BATCH_SIZE, 2], 0.3), wave([STEPS, BATCH_SIZE, 1], 0.9)];
    const scale = float([], [1]);
    const looped = await runModel(encodeLoop(traced, spec), {
      ...asInitial(start()),
      [stacked("x")]: xs,
      [stacked("y")]: ys,
      scale,
    });

    let state = start();
    const losses: number[] = [];
    const session = await ort.InferenceSession.create(encodeGraph(traced), { intraOpNumThreads: 1 });
    for (let k = 0; k < STEPS; k++) {
      const cut = (all: ort.Tensor, width: number): ort.Tensor => {
        const size = BATCH_SIZE * width;
        return float([BATCH_SIZE, width], Array.from((all.data as Float32Array).subarray(k * size, (k + 1) * size)));
      };
      const results = await session.run({ ...state, x: cut(xs, 2), y: cut(ys, 1), scale });
      losses.push((results.loss!.data as Float32Array)[0]!);
      state = Object.fromEntries(stateNames.map((name) => [name, results[`next_${name}`]!]));
    }
    await session.release();

    expect(Array.from(looped.loss!.data as Float32Array)).toEqual(losses);
    for (const name of stateNames) expect(looped[`next_${name}`]!.data).toEqual(state[name]!.data);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  test("of no steps returns the state it was given", async () => {
    const results = await runModel(encodeLoop(traceStep(), spec), {
      ...asInitial(start()),
      [stacked("x")]: float([0, 4, 2], []),
      [stacked("y")]: float([0, 4, 1], []),
      scale: float([], [1]),
    });
    expect(results.next_w1!.data).toEqual(start().w1!.data);
    expect(results.loss!.dims).toEqual([0]);
  });

  test("can be nested with names of its own taken", async () => {
    const traced = trace((t) => ({ go_on: tf.add(t.condition!, t.iteration!), always: tf.mul(t.iteration!, 2) }), {
      inputs: { condition: { shape: [] }, iteration: { shape: [] } },
    });
    const model = encodeLoop(traced, { state: { condition: "go_on" }, perStep: ["iteration"], collect: ["always"] });
    const results = await runModel(model, {
      [initialInput("condition")]: float([], [10]),
      [stacked("iteration")]: float([3], [1, 2, 3]),
    });
    expect(results.go_on!.data).toEqual(Float32Array.of(16));
    expect(results.always!.data).toEqual(Float32Array.of(2, 4, 6));
  });

  const wrong: [about: string, change: Partial<LoopSpec>, error: RegExp][] = [
    ["an unknown state input", { state: { ...spec.state, w9: "loss" } }, /input w9 that the step does not have/],
    ["an unknown per-step input", { perStep: ["x", "z"] }, /input z that the step does not have/],
    ["an unknown output", { collect: ["loss", "accuracy"] }, /output accuracy that the step does not have/],
    ["an output that nothing takes", { collect: [] }, /output loss is neither state nor collected/],
    ["no per-step input", { perStep: [] }, /needs a per-step input/],
    ["an output used twice", { collect: ["loss", "next_w1"] }, /next_w1 twice/],
    ["an input of two roles", { perStep: ["x", "y", "w1"] }, /w1 is both state and per-step/],
    [
      "state that changes shape",
      { state: { ...spec.state, w1: "loss" }, collect: ["next_w1"] },
      /state w1 is float32 \[2,8\], but loss/,
    ],
  ];
  test.each(wrong)("refuses %s", (_, change, error) => {
    expect(() => encodeLoop(traceStep(), { ...spec, ...change })).toThrow(error);
  });
});
