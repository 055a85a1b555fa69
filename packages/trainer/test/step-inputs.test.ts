/** Inputs of training steps: the same whatever the length of a call, and of the right stream, schedule and image. */
import { RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { drawParameters, scheduledValue, stepInputs, type TrainingManifest, type TrainingStage } from "../src/index.js";

const schedules = {
  learningRate: { peak: 1e-3, floor: 1e-4, warmupSteps: 4, totalSteps: 20 },
  adam: { beta1: 0.9, beta2: 0.999 },
  presencePrior: { from: 0.01, to: 0.5, steps: 10 },
};
const stage = {
  maxSteps: 2,
  perStep: [
    { input: "images", shape: [3, 1, 2, 2], holds: "images" },
    { input: "a", shape: [5], holds: "normal" },
    { input: "b", shape: [2], holds: "uniform" },
    { input: "prior", shape: [3], holds: "logCountPrior" },
    { input: "size", shape: [], holds: "stepSize" },
  ],
} as unknown as TrainingStage;
const manifest = { batchSize: 3, schedules } as unknown as TrainingManifest;
/** An image is filled with its index. */
const draw = (indices: Uint32Array, target: Float32Array): void => {
  for (const [i, index] of indices.entries()) target.fill(index, i * 4, (i + 1) * 4);
};
const inputsOf = (done: number, steps: number, past?: ReturnType<typeof stepInputs>) =>
  stepInputs(manifest, stage, 9, draw, done, steps, past);

describe("the inputs of steps", () => {
  it("do not depend on how steps are put together", () => {
    const together = inputsOf(6, 4);
    for (const [name, data] of Object.entries(together)) {
      const apart = [0, 1, 2, 3].flatMap((k) => [...inputsOf(6 + k, 1)[name]!]);
      expect([...data], name).toEqual(apart);
    }
    expect([...together.images!.subarray(0, 5)]).toEqual([18, 18, 18, 18, 19]);
  });

  it("draw noise in the order of the inputs from the step's stream", () => {
    const stream = new RandomStream(9, 0x6e6f6973, 6);
    const a = stream.fillNormal(new Float32Array(5));
    const b = stream.fillUniform(new Float32Array(2));
    expect(inputsOf(6, 1)).toMatchObject({ a, b });
  });

  it("follow the schedules by the update, which counts from 1", () => {
    const { prior, size } = inputsOf(9, 1);
    // At update 10 the prior is 0.5: 1/2, 1/4, 1/4.
    expect(Array.from(prior!, Math.exp)).toEqual([0.5, 0.25, 0.25].map((p) => expect.closeTo(p, 6)));
    expect(inputsOf(1, 1).size![0]).toBeCloseTo(5e-4 / (1 - 0.9 ** 2), 9);
    expect(size![0]).toBeLessThan(1e-3 / (1 - 0.9 ** 10));
  });

  it("are written over arrays of the right size", () => {
    const past = inputsOf(0, 2);
    expect(inputsOf(2, 2, past).images).toBe(past.images);
    expect(inputsOf(4, 3, past).images).not.toBe(past.images);
  });

  it("are refused without their schedule", () => {
    expect(() => scheduledValue("placeTemperature", 1, schedules, 2)).toThrow(/placeTemperature has no schedule/);
    expect(() => scheduledValue("evidenceWeight", 1, schedules, 2)).toThrow(/evidenceWeight has no schedule/);
  });

  it("let the evidence lose its weight, and keep it lost", () => {
    const weights = [1, 5, 10, 11].map((t) =>
      scheduledValue("evidenceWeight", t, { ...schedules, evidenceSteps: 10 }, 2),
    );
    expect(weights).toEqual([[0.9], [0.5], [0], [0]]);
  });
});

describe("initial parameters", () => {
  it("are within their bounds, given where they are, and a function of seed and index", () => {
    const specs = [
      { name: "kernel", shape: [20, 30], bound: 0.5 },
      { name: "bias", shape: [2], bound: 0.1, values: [2, -1] },
    ];
    const { kernel, bias } = drawParameters(specs, 3);
    expect([...bias!.data]).toEqual([2, -1]);
    const { data } = kernel!;
    expect(Math.max(...data)).toBeLessThan(0.5);
    expect(Math.max(...data)).toBeGreaterThan(0.48);
    expect(Math.min(...data)).toBeLessThan(-0.48);
    expect(drawParameters(specs, 3)).toEqual({ kernel, bias });
    expect(drawParameters(specs, 4).kernel).not.toEqual(kernel);
    expect(() => drawParameters([{ name: "bias", shape: [3], bound: 0, values: [1] }], 0)).toThrow(/3 elements, not 1/);
  });
});
