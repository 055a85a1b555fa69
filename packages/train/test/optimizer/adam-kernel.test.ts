/** The WebAssembly loop of Adam, compared with the graph's update bit by bit. */
import { readFileSync } from "node:fs";
import { adamScalars, eachPart, type NamedTensorData } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { assembleAdam, kernelFile, kernelSource } from "../../kernels/assemble.mjs";
import { allocateState } from "../../src/engine/state-memory.js";
import { adamUpdate, kernelScalars } from "../../src/optimizer/adam.js";
import { stateKernels } from "../../src/optimizer/adam-kernel.js";
import { normal } from "../model/tiny.js";

tf.enableProdMode();
beforeAll(() => tf.setBackend("cpu"));

/** Tensors whose lengths are and are not multiples of the kernel's four numbers. */
const shapes: Record<string, number[]> = { one: [1], odd: [3, 7], even: [8, 4] };
const adam = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6 };

const tensors = (seed: number, scale = 1): Record<string, tf.Tensor> =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape], i) => [name, tf.mul(normal(shape, seed + i), scale)]));
const dataOf = (named: Readonly<Record<string, tf.Tensor>>): NamedTensorData =>
  Object.fromEntries(
    Object.entries(named).map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: Float32Array.from(tensor.dataSync()) },
    ]),
  );

describe("stateKernels", () => {
  it("updates as the graph does, to the last bit, over many steps", () => {
    let expected = { parameters: tensors(1), firstMoment: tensors(10, 0), secondMoment: tensors(20, 0) };
    const { memory, state, gradients, places } = allocateState(eachPart((part) => dataOf(expected[part])));
    const { update } = stateKernels(memory);
    const scales: Record<string, number> = { odd: 0.3 };
    for (let t = 1; t <= 10; t++) {
      // From gradients that ε outweighs to large ones.
      const gradient = tensors(100 * t, 10 ** (t - 8));
      const clip = Math.fround(1 / t);
      const scalars = adamScalars(t, 0.01, adam);
      const clipped = Object.fromEntries(
        Object.entries(gradient).map(([name, tensor]) => [name, tf.mul(tensor, tf.scalar(clip))]),
      );
      const graphScalars = {
        stepSize: tf.scalar(scalars.stepSize),
        rootCorrection: tf.scalar(scalars.rootCorrection),
      };
      expected = { ...adamUpdate({ ...expected, gradients: clipped }, graphScalars, adam, scales) } as typeof expected;
      for (const [name, tensor] of Object.entries(gradient)) {
        gradients[name]!.data.set(tensor.dataSync());
        update(places.get(name)!, { ...adam, clip, ...kernelScalars(scalars, adam, scales[name]) });
      }
      expect(state, `update ${t}`).toEqual(eachPart((part) => dataOf(expected[part])));
    }
  });

  it("is what kernels/adam.wat says", async () => {
    expect(readFileSync(kernelFile, "utf8"), "run: npm run kernels -w packages/train").toBe(
      kernelSource(await assembleAdam()),
    );
  });
});

describe("allocateState", () => {
  it("copies the state and keeps its tensors apart", () => {
    const start = eachPart((part) => dataOf(tensors(part.length)));
    const { state, gradients, places } = allocateState(start);
    expect(state).toEqual(start);
    state.parameters.one!.data.fill(7);
    expect(start.parameters.one!.data).not.toContain(7);
    const ranges = [...places.values()].flatMap(({ parameter, first, second, gradient, bytes }) =>
      [parameter, first, second, gradient].map((from) => [from, from + bytes] as const),
    );
    ranges.sort(([a], [b]) => a - b);
    for (const [i, [from]] of ranges.slice(1).entries()) expect(from).toBeGreaterThanOrEqual(ranges[i]![1]);
    expect(Object.values(gradients).every(({ data }) => data.every((value) => value === 0))).toBe(true);
  });

  it("refuses more parameters than the memory can hold", () => {
    const huge = { length: 300_000_000, byteLength: 1_200_000_000 } as Float32Array<ArrayBuffer>;
    const part = { kernel: { shape: [300_000_000], data: huge } };
    expect(() => allocateState(eachPart(() => part))).toThrow(
      /has 300,000,000 parameters; training in place takes at most 268,435,456/,
    );
  });
});
