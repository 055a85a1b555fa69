/**
 * The same training step run operation by operation on a tfjs backend: slower, and the check on the traced engine.
 */
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
import { type EagerBackend, useEagerBackend } from "./tfjs-backends.js";

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
      const scalars: Record<string, tf.Scalar[]> = {};
      // Nothing is read before the last step: each read would wait for the device.
      for (let k = 0; k < inputs.steps; k++) {
        const cut = (data: Float32Array, shape: number[]): tf.Tensor => {
          const size = shape.reduce((product, dim) => product * dim, 1);
          return tf.tensor(data.slice(k * size, (k + 1) * size), shape);
        };
        const image = cut(inputs.images, [batchSize, config.channels, config.imageSize, config.imageSize]);
        const noise = Object.fromEntries(
          Object.entries(noiseSpecs).map(([name, { shape }]) => [name, cut(inputs.noise[name]!, shape)] as const),
        );
        const schedules = {
          stepSize: cut(inputs.stepSize, []),
          rootCorrection: cut(inputs.rootCorrection, []),
          logCountPrior: cut(inputs.logCountPrior, [config.maxSteps + 1]),
        };
        const next = step(state, image, noise, schedules);
        tf.dispose([image, noise, schedules]);
        disposeState(state);
        state = { parameters: next.parameters, m: next.m, v: next.v };
        for (const [name, value] of Object.entries(next.metrics)) {
          scalars[name] ??= [];
          scalars[name].push(value);
        }
      }
      const metrics: Arrays = {};
      for (const [name, values] of Object.entries(scalars)) {
        metrics[name] = Float32Array.from((await Promise.all(values.map((value) => value.data()))).map(([x]) => x!));
        tf.dispose(values);
      }
      return metrics;
    },

    async state(): Promise<EngineState> {
      const arrays = async (tensors: Tensors): Promise<Arrays> => {
        const entries = Object.entries(tensors).map(
          async ([name, tensor]) => [name, Float32Array.from(await tensor.data())] as const,
        );
        return Object.fromEntries(await Promise.all(entries));
      };
      const [parameters, m, v] = await Promise.all(stateParts.map((part) => arrays(state[part])));
      return { parameters: parameters!, m: m!, v: v! };
    },

    async [Symbol.asyncDispose](): Promise<void> {
      disposeState(state);
    },
  };
}

function disposeState(state: AdamState): void {
  for (const part of stateParts) for (const tensor of Object.values(state[part])) tensor.dispose();
}
