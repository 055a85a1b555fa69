/**
 * The eager engine: it runs the training step operation by operation on a tfjs backend. It is slower than the traced
 * engine, which tests compare with it.
 */
import type { NamedTensors } from "@air-onnx/tracer";
import { eachPart, type NamedArrays, type NamedTensorData, stateParts, type TrainingState } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { trainedParameterShapes } from "../objective/estimator.js";
import type { AdamState } from "../optimizer/adam.js";
import { trainStep } from "../train-step.js";
import type { Engine, StepDefinition, StepInputs } from "./engine.js";
import { type EagerBackend, useEagerBackend } from "./tfjs-backends.js";

/**
 * Creates an engine that runs the step on a tfjs backend.
 *
 * @param start the state that training starts from; it is not changed
 * @throws {BackendUnavailableError} if the backend cannot run on this machine
 */
export async function createEagerEngine(
  definition: StepDefinition,
  start: TrainingState,
  backend: EagerBackend,
): Promise<Engine> {
  await useEagerBackend(backend);
  const { config, estimator, batchSize, composed, adam, clipNorm, learningRateScales } = definition;
  const shapes = trainedParameterShapes(estimator, config);
  const noiseSpecs = estimator.noise(config, batchSize, composed);
  const scheduleShapes = Object.entries(estimator.schedules(config));
  const step = trainStep(estimator, config, { adam, maxGradientNorm: clipNorm, learningRateScales });
  const tensorsOf = (values: NamedTensorData): NamedTensors =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tf.tensor(values[name]!.data, shape)]));
  let state: AdamState = eachPart((part) => tensorsOf(start[part]));

  return {
    name: `tfjs ${backend}`,

    async run(inputs: StepInputs): Promise<NamedArrays> {
      await useEagerBackend(backend);
      const collected: Record<string, tf.Scalar[]> = {};
      // Metrics are read after the last step, as each read would wait for the device.
      for (let k = 0; k < inputs.steps; k++) {
        const cut = (data: Float32Array, shape: number[]): tf.Tensor => {
          const size = shape.reduce((product, dim) => product * dim, 1);
          return tf.tensor(data.slice(k * size, (k + 1) * size), shape);
        };
        const sides = [config.channels, config.imageSize, config.imageSize];
        const image = cut(inputs.images, [batchSize, ...sides]);
        const layers =
          composed && inputs.layers ? cut(inputs.layers, [composed.images, composed.objects, ...sides]) : undefined;
        const noise = Object.fromEntries(
          Object.entries(noiseSpecs).map(([name, { shape }]) => [name, cut(inputs.noise[name]!, shape)] as const),
        );
        const schedules: NamedTensors = Object.fromEntries(
          scheduleShapes.map(([name, shape]) => [name, cut(inputs.schedules[name]!, shape)] as const),
        );
        const scalars = {
          ...schedules,
          logCountPrior: schedules.logCountPrior!,
          stepSize: cut(inputs.stepSize, []),
          rootCorrection: cut(inputs.rootCorrection, []),
        };
        const next = step(state, image, noise, scalars, layers);
        tf.dispose([image, noise, scalars, ...(layers ? [layers] : [])]);
        disposeState(state);
        state = { parameters: next.parameters, firstMoment: next.firstMoment, secondMoment: next.secondMoment };
        for (const [name, value] of Object.entries(next.metrics)) {
          collected[name] ??= [];
          collected[name].push(value);
        }
      }
      const metrics: NamedArrays = {};
      for (const [name, values] of Object.entries(collected)) {
        metrics[name] = Float32Array.from((await Promise.all(values.map((value) => value.data()))).map(([x]) => x!));
        tf.dispose(values);
      }
      return metrics;
    },

    async state(): Promise<TrainingState> {
      const valuesOf = async (tensors: NamedTensors): Promise<NamedTensorData> => {
        const entries = Object.entries(tensors).map(
          async ([name, tensor]) =>
            [name, { shape: tensor.shape, data: Float32Array.from(await tensor.data()) }] as const,
        );
        return Object.fromEntries(await Promise.all(entries));
      };
      const [parameters, firstMoment, secondMoment] = await Promise.all(
        stateParts.map((part) => valuesOf(state[part])),
      );
      return { parameters: parameters!, firstMoment: firstMoment!, secondMoment: secondMoment! };
    },

    async [Symbol.asyncDispose](): Promise<void> {
      disposeState(state);
    },
  };
}

function disposeState(state: AdamState): void {
  for (const part of stateParts) for (const tensor of Object.values(state[part])) tensor.dispose();
}
