/**
 * The same training step run operation by operation on a tfjs backend: slower, and the check on the traced engine.
 */
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { trainedParameterShapes } from "../objective/estimator.js";
import type { AdamState, Tensors } from "../optimizer/adam.js";
import { trainStep } from "../train-step.js";
import {
  type Arrays,
  type Engine,
  type EngineState,
  type StepDefinition,
  type StepInputs,
  stateParts,
} from "./engine.js";

export type EagerBackend = "cpu" | "wasm";

/** Makes a tfjs backend current, loading it where needed. */
export async function useEagerBackend(backend: EagerBackend): Promise<void> {
  // Silences tfjs's advice to install its native backend, which the user has chosen against.
  tf.enableProdMode();
  if (backend === "wasm") {
    const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
    setWasmPaths(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm")) + sep);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`The tfjs backend ${backend} could not be initialised`);
}

export async function createEagerEngine(
  definition: StepDefinition,
  start: EngineState,
  backend: EagerBackend,
): Promise<Engine> {
  await useEagerBackend(backend);
  const { config, estimator, batchSize, adam, clipNorm, learningRateScales } = definition;
  const shapes = trainedParameterShapes(estimator, config);
  const noiseSpecs = estimator.noise(config, batchSize);
  const step = trainStep(estimator, config, { adam, maxGradientNorm: clipNorm, learningRateScales });
  const part = (arrays: Arrays): Tensors =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tf.tensor(arrays[name]!, shape)]));
  let state: AdamState = { parameters: part(start.parameters), m: part(start.m), v: part(start.v) };

  return {
    name: `tfjs ${backend}`,

    async run(inputs: StepInputs): Promise<Arrays> {
      await useEagerBackend(backend);
      const metrics: Arrays = {};
      for (let k = 0; k < inputs.steps; k++) {
        const cut = (data: Float32Array, shape: number[]): tf.Tensor => {
          const size = shape.reduce((product, dim) => product * dim, 1);
          return tf.tensor(data.slice(k * size, (k + 1) * size), shape);
        };
        const image = cut(inputs.images, [batchSize, config.channels, config.imageSize, config.imageSize]);
        const noise = Object.fromEntries(
          Object.entries(noiseSpecs).map(([name, { shape }]) => [name, cut(inputs.noise[name]!, shape)] as const),
        );
        const scalars = {
          stepSize: cut(inputs.stepSize, []),
          rootCorrection: cut(inputs.rootCorrection, []),
          logCountPrior: cut(inputs.logCountPrior, [config.maxSteps + 1]),
        };
        const next = step(state, image, noise, scalars);
        tf.dispose([image, noise, scalars]);
        disposeState(state);
        state = { parameters: next.parameters, m: next.m, v: next.v };
        for (const [name, value] of Object.entries(next.metrics)) {
          metrics[name] ??= new Float32Array(inputs.steps);
          metrics[name][k] = value.dataSync()[0]!;
          value.dispose();
        }
      }
      return metrics;
    },

    state(): EngineState {
      const arrays = (tensors: Tensors): Arrays =>
        Object.fromEntries(
          Object.entries(tensors).map(([name, tensor]) => [name, Float32Array.from(tensor.dataSync())] as const),
        );
      return { parameters: arrays(state.parameters), m: arrays(state.m), v: arrays(state.v) };
    },

    async [Symbol.asyncDispose](): Promise<void> {
      disposeState(state);
    },
  };
}

function disposeState(state: AdamState): void {
  for (const part of stateParts) for (const tensor of Object.values(state[part])) tensor.dispose();
}
