/**
 * The traced engine, compared with eager tfjs from the same states of a real run, and with itself in runs of other
 * lengths.
 */
import { logCountPrior } from "@air-onnx/core";
import type { SceneSet } from "@air-onnx/scenes";
import { generateMultiStrokes } from "@air-onnx/scenes";
import { stateParts, type TrainingState } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { Batches } from "../src/batches.js";
import { parseTrainConfig, type TrainConfig } from "../src/config.js";
import { createEngine, stepDefinition } from "../src/engine/create.js";
import type { StepInputs } from "../src/engine/engine.js";
import { createGradientCheck, relativeDistance } from "../src/engine/gradient-check.js";
import { createInPlaceEngine } from "../src/engine/traced-in-place.js";
import { createLoopEngine } from "../src/engine/traced-loop.js";
import { checkpointShapes, initialState } from "../src/initial-state.js";
import { parameterShapes } from "../src/model/parameters.js";

// The default model's convolution would take tfjs too long.
const model = {
  lstmInput: { type: "image", convolution: { kernel: 5, stride: 5, channels: [3, 2] } },
  embeddingSize: 16,
  lstmSize: 8,
  zWhatSize: 6,
  predictorSize: 16,
  encoderSize: 16,
  decoderSize: 16,
};
const plain = { ...model, lstmInput: { type: "image", convolution: null }, embeddingSize: 0 };
const PIXELS = 50 * 50;
const POINTS = 20;
const STEPS_BETWEEN_POINTS = 5;

function configOf(changes: object = {}): TrainConfig {
  return parseTrainConfig({
    dataset: "multi-strokes",
    model,
    batchSize: 4,
    threads: 1,
    steps: POINTS * STEPS_BETWEEN_POINTS,
    stepsPerRun: STEPS_BETWEEN_POINTS,
    evaluateEvery: POINTS * STEPS_BETWEEN_POINTS,
    checkpointEvery: POINTS * STEPS_BETWEEN_POINTS,
    optimizer: { warmupSteps: 10 },
    ...changes,
  });
}

function copy(state: TrainingState): TrainingState {
  return structuredClone(state);
}

let scenes: SceneSet;
beforeAll(async () => {
  scenes = await generateMultiStrokes({ seed: 0, size: 128 });
});

describe("the traced training step", () => {
  it.each([
    // The gradient of a convolution's bias sums positive and negative terms over all places, so rounding weighs more.
    ["marginal, Gaussian", {}, 5e-4],
    // The baseline's gradients sum positive and negative errors of bounds of thousands of nats.
    ["nvil, Gaussian", { estimator: "nvil", architecture: "reference", model: plain }, 1e-3],
    ["marginal, Bernoulli", { model: { ...plain, likelihood: { type: "bernoulli" } } }, 1e-4],
  ])(
    "has the loss and gradients of eager tfjs at 20 points of a run: %s",
    {
      timeout: 120_000,
    },
    async (_, changes, tolerance) => {
      const config = configOf(changes);
      const batches = new Batches(config, scenes);
      await using check = await createGradientCheck(stepDefinition(config), "cpu");
      await using engine = await createEngine(config, initialState(config));
      for (let point = 0; point < POINTS; point++) {
        const step = point * STEPS_BETWEEN_POINTS;
        const difference = await check.compare((await engine.state()).parameters, batches.next(step, 1));
        expect(difference.loss).toBeLessThan(1e-5);
        expect(Object.keys(difference.gradients)).toEqual(Object.keys(checkpointShapes(config)));
        for (const [name, distance] of Object.entries(difference.gradients)) {
          expect(distance, `${name} at step ${step}`).toBeLessThan(tolerance);
        }
        await engine.run(batches.next(step, STEPS_BETWEEN_POINTS));
      }
    },
  );

  it("changes the state as eager tfjs does", async () => {
    const inputs = new Batches(configOf(), scenes).next(40, 1);
    const states = await Promise.all(
      (["onnxruntime", "cpu", "wasm"] as const).map(async (backend) => {
        const config = configOf({ backend });
        await using engine = await createEngine(config, initialState(config));
        const metrics = await engine.run(inputs);
        return { state: copy(await engine.state()), metrics };
      }),
    );
    const [traced, ...eager] = states as [(typeof states)[0], ...typeof states];
    for (const { state, metrics } of eager) {
      for (const name of Object.keys(metrics)) {
        expect(traced.metrics[name]![0]! / metrics[name]![0]!, name).toBeCloseTo(1, 4);
      }
      for (const name of Object.keys(state.firstMoment)) {
        expect(
          relativeDistance(traced.state.firstMoment[name]!.data, state.firstMoment[name]!.data),
          name,
        ).toBeLessThan(1e-4);
      }
    }
  });

  it.each([
    ["marginal", {}],
    [
      "nvil, with rates and a norm of its own for the baseline",
      { estimator: "nvil", optimizer: { warmupSteps: 10, clipNorm: 1 } },
    ],
  ])("updates in place as the graph of the whole step does, to the last bit: %s", async (_, changes) => {
    const config = configOf(changes);
    const inputs = new Batches(config, scenes).next(0, 10);
    await using inPlace = await createInPlaceEngine(stepDefinition(config), initialState(config), { threads: 1 });
    await using loop = await createLoopEngine(stepDefinition(config), initialState(config), { threads: 1 });
    expect(await inPlace.run(inputs)).toEqual(await loop.run(inputs));
    expect(await inPlace.state()).toEqual(await loop.state());
  });

  it("gives the same bits in one run of K steps as in K runs of one", async () => {
    const config = configOf();
    const batches = new Batches(config, scenes);
    await using together = await createEngine(config, initialState(config));
    await using apart = await createEngine(config, initialState(config));
    const all = await together.run(batches.next(0, 10));
    for (let step = 0; step < 10; step++) {
      const one = await apart.run(batches.next(step, 1));
      for (const [name, values] of Object.entries(one)) expect(values[0], name).toBe(all[name]![step]);
    }
    const [expected, state] = [await together.state(), await apart.state()];
    for (const part of stateParts) {
      for (const name of Object.keys(expected[part])) {
        expect(state[part][name], `${part} ${name}`).toEqual(expected[part][name]);
      }
    }
  });

  it("learns", async () => {
    const config = configOf({ optimizer: { warmupSteps: 10, learningRate: 1e-2 } });
    const batches = new Batches(config, scenes);
    await using engine = await createEngine(config, initialState(config));
    const first = await engine.run(batches.next(0, 5));
    for (let step = 5; step < 95; step += 5) await engine.run(batches.next(step, 5));
    const last = await engine.run(batches.next(95, 5));
    expect(last.elbo![4]! - first.elbo![0]!).toBeGreaterThan(50);
  });

  it("leaves no tensors behind, traced or eager", async () => {
    for (const backend of ["onnxruntime", "cpu"] as const) {
      const config = configOf({ backend });
      const batches = new Batches(config, scenes);
      const before = tf.memory().numTensors;
      {
        await using engine = await createEngine(config, initialState(config));
        await engine.run(batches.next(0, 1));
        const during = tf.memory().numTensors;
        await engine.run(batches.next(1, 2));
        expect(tf.memory().numTensors).toBe(during);
      }
      expect(tf.memory().numTensors, backend).toBe(before);
    }
  });

  const sizes = (state: TrainingState) =>
    stateParts.flatMap((part) => Object.values(state[part]).map(({ data }) => data.length));

  it("updates in place a copy of the state that it was created with", async () => {
    const config = configOf();
    const start = initialState(config);
    await using engine = await createInPlaceEngine(stepDefinition(config), start);
    const first = await engine.state();
    const before = copy(first);
    expect(before).toEqual(start);
    await engine.run(new Batches(config, scenes).next(0, 1));
    expect(await engine.state()).toBe(first);
    expect(first).not.toEqual(before);
    expect(before).toEqual(start);
  });

  it("frees the state of the Loop's previous run, but not the state that it was created with", async () => {
    const config = configOf();
    const batches = new Batches(config, scenes);
    const start = initialState(config);
    await using engine = await createLoopEngine(stepDefinition(config), start);
    await engine.run(batches.next(0, 1));
    const first = await engine.state();
    expect(sizes(first)).toEqual(sizes(start));
    await engine.run(batches.next(1, 1));
    expect(Math.max(...sizes(first))).toBe(0);
    expect(sizes(await engine.state())).toEqual(sizes(start));
    expect(Math.min(...sizes(start))).toBeGreaterThan(0);
  });

  it("refuses to run after it was disposed", async () => {
    const config = configOf();
    const engine = await createEngine(config, initialState(config));
    await engine[Symbol.asyncDispose]();
    await expect(engine.run(new Batches(config, scenes).next(0, 1))).rejects.toThrow(/disposed/);
  });
});

describe("batches", () => {
  it("are a function of the step alone", () => {
    const config = configOf();
    const straight = new Batches(config, scenes).next(0, 40);
    const later = new Batches(config, scenes).next(35, 5);
    const size = later.images.length;
    expect(later.images).toEqual(straight.images.slice(-size));
    expect(later.noise.epsWhat).toEqual(straight.noise.epsWhat!.slice(-later.noise.epsWhat!.length));
    expect(later.stepSize).toEqual(straight.stepSize.slice(-5));
  });

  it("overwrite inputs that are given back, and no others", () => {
    const batches = new Batches(configOf(), scenes);
    const first = batches.next(0, 2);
    const kept = structuredClone(first);
    expect(batches.next(2, 2).images).not.toEqual(kept.images);
    expect(first).toEqual(kept);
    const second = batches.next(2, 2, first);
    expect(second.images).toBe(first.images);
    expect(second).toEqual(new Batches(configOf(), scenes).next(2, 2));
    // Another number of steps needs arrays of another length.
    expect(batches.next(4, 1, second)).toEqual(new Batches(configOf(), scenes).next(4, 1));
  });

  it("draw uniform noise where the estimator asks for it", () => {
    const { noise } = new Batches(configOf({ estimator: "nvil" }), scenes).next(0, 50);
    const { uPresence, epsWhat } = noise as Record<"uPresence" | "epsWhat", Float32Array>;
    expect(Math.min(...uPresence)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uPresence)).toBeLessThan(1);
    expect(uPresence.reduce((sum, u) => sum + u, 0) / uPresence.length).toBeCloseTo(0.5, 1);
    expect(Math.max(...epsWhat)).toBeGreaterThan(2);
    // The normal noise is the same as that of the estimator without uniform noise.
    expect(epsWhat).toEqual(new Batches(configOf(), scenes).next(0, 50).noise.epsWhat);
  });

  it("anneal the presence prior, and then keep it", () => {
    // The data set npz has no schedule of its own.
    const config = configOf({ dataset: "npz", path: "x.npz", presencePriorSchedule: { from: 0.5, share: 0.1 } });
    const priors = new Batches(config, scenes).next(0, 20).schedules.logCountPrior!;
    const counts = config.model.maxSteps + 1;
    const last = Float32Array.from(logCountPrior(0.01, config.model.maxSteps));
    for (let step = 9; step < 20; step++) expect(priors.slice(step * counts, (step + 1) * counts)).toEqual(last);
    for (let step = 1; step < 10; step++) {
      expect(priors[step * counts]).toBeGreaterThan(priors[(step - 1) * counts]!);
    }
    const towards = configOf({ presencePriorSchedule: { from: 0.01, to: 0.5, share: 0.1 } });
    const end = new Batches(towards, scenes).next(0, 20).schedules.logCountPrior!.slice(-counts);
    expect(end).toEqual(Float32Array.from(logCountPrior(0.5, config.model.maxSteps)));
    const fixed = new Batches(configOf({ presencePriorSchedule: null }), scenes).next(0, 2).schedules.logCountPrior!;
    expect(fixed.slice(0, counts)).toEqual(Float32Array.from(logCountPrior(0.01, config.model.maxSteps)));
  });

  it("have every image once per epoch", () => {
    const config = configOf();
    const sums = (inputs: StepInputs, count: number): number[] =>
      Array.from({ length: count }, (_, i) =>
        inputs.images.subarray(i * PIXELS, (i + 1) * PIXELS).reduce((a, b) => a + b),
      );
    const perEpoch = scenes.size / config.batchSize;
    const batches = new Batches(config, scenes);
    const first = sums(batches.next(0, perEpoch), scenes.size);
    const second = sums(batches.next(perEpoch, perEpoch), scenes.size);
    expect(first).not.toEqual(second);
    expect(first.toSorted()).toEqual(second.toSorted());
  });
});

// The tiny model must have every part of the default one.
it("covers the default architecture's parameters", () => {
  const { model: large } = parseTrainConfig({ dataset: "multi-mnist" });
  expect(Object.keys(parameterShapes(large))).toEqual(Object.keys(parameterShapes(configOf().model)));
});
