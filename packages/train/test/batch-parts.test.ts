/** A batch in parts that threads compute side by side, compared with the batch as a whole. */
import type { SceneSet } from "@air-onnx/scenes";
import { generateMultiStrokes } from "@air-onnx/scenes";
import { encodeGraph, trace } from "@air-onnx/tracer";
import { stateParts } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { Batches } from "../src/batches.js";
import { parseTrainConfig, type TrainConfig } from "../src/config.js";
import { partDefinition, partOf, partsFor } from "../src/engine/batch-parts.js";
import { createEngine, stepDefinition } from "../src/engine/create.js";
import type { StepInputs } from "../src/engine/engine.js";
import { relativeDistance } from "../src/engine/gradient-check.js";
import { GradientWorker } from "../src/engine/gradient-worker.js";
import { createInPlaceEngine } from "../src/engine/traced-in-place.js";
import { initialState } from "../src/initial-state.js";
import type { ComposedBatch } from "../src/objective/estimator.js";

const small = { encoderSize: 16, decoderSize: 16, zWhatSize: 6, predictorSize: 16 };

function configOf(changes: object): TrainConfig {
  return parseTrainConfig({ dataset: "multi-strokes", batchSize: 12, threads: 1, ...changes });
}

const local = { architecture: "local", model: { encoderSize: 16, decoderSize: 16, zWhatSize: 6, maxSteps: 3 } };
const lstm = { model: { ...small, lstmSize: 8, lstmInput: { type: "image", convolution: null }, embeddingSize: 0 } };

let scenes: SceneSet;
beforeAll(async () => {
  scenes = await generateMultiStrokes({ seed: 0, size: 64 });
});

/** Objects of composed images: digits of scenes, each alone. */
function layersOf(steps: number, { images, objects }: ComposedBatch): Float32Array<ArrayBuffer> {
  const pixels = 50 * 50;
  const bytes = scenes.images.subarray(0, steps * images * objects * pixels);
  return Float32Array.from(bytes, (byte) => byte / 255);
}

describe("an engine whose batch is in parts", () => {
  it.each<[string, object, number, ComposedBatch | undefined]>([
    ["a local step network, two parts", local, 2, undefined],
    ["with composed images, three parts", local, 3, { images: 6, objects: 2 }],
    ["an LSTM, four parts", lstm, 4, undefined],
    ["the paper's estimator, whose baseline is clipped apart", { ...lstm, estimator: "nvil" }, 2, undefined],
  ])("trains as with the batch as a whole: %s", async (_, changes, parts, composed) => {
    const config = configOf({ ...changes, optimizer: { clipNorm: 1 } });
    const definition = stepDefinition(config, composed);
    const steps = 3;
    const drawn = new Batches({ ...config, batchSize: definition.batchSize }, scenes).next(0, steps);
    const noise = config.estimator === "optimal-count" && composed ? composedNoise(drawn, steps) : {};
    const inputs = {
      ...drawn,
      noise: { ...drawn.noise, ...noise },
      ...(composed && { layers: layersOf(steps, composed) }),
    };
    await using whole = await createInPlaceEngine(definition, initialState(config), { threads: 1 });
    await using parted = await createInPlaceEngine(definition, initialState(config), { threads: 1, parts });
    const expected = await whole.run(inputs);
    const found = await parted.run(inputs);
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, values] of Object.entries(expected)) {
      for (const [k, value] of values.entries()) {
        // Rounding grows from step to step.
        const tolerance = 10 ** (k - 5) * (Math.abs(value) + 0.1);
        expect(Math.abs(found[name]![k]! - value), `${name} of step ${k + 1}`).toBeLessThan(tolerance);
      }
    }
    expect(expected.gradientNorm![0]).toBeGreaterThan(1);
    const [state, likeState] = [await whole.state(), await parted.state()];
    for (const part of stateParts) {
      for (const [name, { data }] of Object.entries(state[part])) {
        expect(relativeDistance(likeState[part][name]!.data, data), `${part} ${name}`).toBeLessThan(0.02);
      }
    }

    /** Noise of the composed images: that of the training images, as far as it goes. */
    function composedNoise({ noise }: StepInputs, steps: number): StepInputs["noise"] {
      const specs = definition.estimator.noise(config.model, definition.batchSize, composed);
      return Object.fromEntries(
        Object.entries(specs)
          .filter(([name]) => noise[name] === undefined)
          .map(([name, { shape }]) => {
            const like = noise[name.replace("composed/", "")]!;
            const size = steps * shape.reduce((product, side) => product * side, 1);
            return [name, Float32Array.from({ length: size }, (_, i) => like[i % like.length]!)];
          }),
      );
    }
  });

  it("is the default for a local step network with more than one thread", async () => {
    const config = configOf({ ...local, batchSize: 16, threads: 2 });
    await using engine = await createEngine(config, initialState(config));
    expect(engine.name).toBe("onnxruntime (cpu, 2 parts of 8 images side by side)");
  });

  it("refuses a batch that cannot be shared out evenly", async () => {
    const config = configOf(local);
    const engine = createInPlaceEngine(stepDefinition(config), initialState(config), { threads: 1, parts: 5 });
    await expect(engine).rejects.toThrow("12 images cannot be shared out to 5 parts evenly");
  });
});

describe("a thread of a part", () => {
  const setup = {
    threads: 1,
    sharedParameters: new SharedArrayBuffer(16),
    sharedGradients: new SharedArrayBuffer(16),
  };

  it("goes on after a step whose graph fails, and refuses steps once it is closed", async () => {
    const traced = trace(({ p, x }) => ({ gradient: tf.mul(p!, tf.sum(x!)), loss: tf.sum(x!) }), {
      inputs: { p: { shape: [2] }, x: { shape: [3] } },
    });
    const worker = new GradientWorker({
      ...setup,
      graph: encodeGraph(traced),
      parameters: [{ input: "p", output: "gradient", shape: [2], begin: 1 }],
      perStep: { x: [3] },
      metrics: [{ name: "loss", output: "loss" }],
    });
    await worker.ready;
    new Float32Array(setup.sharedParameters).set([7, 2, 3, 7]);
    await expect(worker.compute({ x: Float32Array.of(1, 2) })).rejects.toThrow(/size|dims|length/i);
    expect(await worker.compute({ x: Float32Array.of(1, 2, 3) })).toEqual({ loss: 6 });
    expect([...worker.gradients]).toEqual([0, 12, 18, 0]);
    await worker.close();
    await expect(worker.compute({ x: Float32Array.of(1, 2, 3) })).rejects.toThrow("A thread of the training ended");
  });

  it("that cannot open its graph rejects, then and later, and closes", async () => {
    const worker = new GradientWorker({
      ...setup,
      graph: Uint8Array.of(1, 2, 3),
      parameters: [],
      perStep: {},
      metrics: [],
    });
    await expect(worker.ready).rejects.toThrow(/model|protobuf|parse/i);
    await expect(worker.compute({})).rejects.toThrow();
    await worker.close();
  });
});

describe("the number of parts", () => {
  const definition = (changes: object, composed?: ComposedBatch) => stepDefinition(configOf(changes), composed);

  it("is as many as there are cores, as far as the images can be shared out", () => {
    const batch = { ...local, batchSize: 64 };
    expect(partsFor(definition(batch), 1)).toBe(1);
    expect(partsFor(definition(batch), 2)).toBe(2);
    expect(partsFor(definition(batch), 3)).toBe(2);
    expect(partsFor(definition(batch), 64)).toBe(8);
    expect(partsFor(definition(batch, { images: 48, objects: 5 }), 6)).toBe(4);
    expect(partsFor(definition({ ...local, batchSize: 17 }), 2)).toBe(1);
  });

  it("is one for an LSTM, whose threads share out the products", () => {
    expect(partsFor(definition({ ...lstm, batchSize: 64 }), 8)).toBe(1);
  });
});

describe("a part of an input", () => {
  const numbers = (length: number) => Float32Array.from({ length }, (_, i) => i);

  it("has its images along whichever axis they are", () => {
    expect([...partOf(numbers(8), [4, 2], [2, 2], 1)]).toEqual([4, 5, 6, 7]);
    expect([...partOf(numbers(12), [2, 3, 2], [2, 1, 2], 1)]).toEqual([2, 3, 8, 9]);
    expect([...partOf(numbers(3), [3], [3], 1)]).toEqual([0, 1, 2]);
  });

  it("together with the others is the whole", () => {
    const { batchSize, composed } = partDefinition(stepDefinition(configOf(local), { images: 6, objects: 3 }), 3);
    expect({ batchSize, composed }).toEqual({ batchSize: 2, composed: { images: 2, objects: 3 } });
  });
});
