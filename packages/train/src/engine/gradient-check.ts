/**
 * The gradient check: compares the loss and gradients of one batch between the traced graph on onnxruntime and eager
 * tfjs, from the same parameters and noise. Whole runs cannot be compared: training amplifies rounding, and the first
 * update of Adam depends on the sign of each gradient alone.
 */
import { InferenceSession, Tensor } from "@air-onnx/runtime-node/onnxruntime";
import { encodeGraph, trace } from "@air-onnx/tracer";
import type { NamedArrays, NamedTensorData } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { trainedParameterShapes } from "../objective/estimator.js";
import { lossAndGradients } from "../train-step.js";
import type { StepDefinition, StepInputs } from "./engine.js";
import { type EagerBackend, useEagerBackend } from "./tfjs-backends.js";

/** Relative differences between the traced graph and eager tfjs. */
export interface GradientDifference {
  /** |traced - eager| / |eager| of the loss. */
  readonly loss: number;
  /** ‖traced - eager‖ / ‖eager‖ of each parameter's gradient, by name. */
  readonly gradients: Readonly<Record<string, number>>;
}

/** A traced loss and its gradients, ready to be compared with eager tfjs. Dispose of it to free its session. */
export interface GradientCheck extends AsyncDisposable {
  /**
   * Compares loss and gradients at `parameters`.
   *
   * @param inputs the inputs of one step
   * @throws {RangeError} if they are the inputs of more than one step
   */
  compare(parameters: NamedTensorData, inputs: StepInputs): Promise<GradientDifference>;
}

/** Traces the loss and gradients of `definition` for comparisons with the tfjs backend `backend`. */
export async function createGradientCheck(
  { config, estimator, batchSize, composed }: StepDefinition,
  backend: EagerBackend,
): Promise<GradientCheck> {
  const parameterShapes = trainedParameterShapes(estimator, config);
  const names = Object.keys(parameterShapes);
  const noiseShapes = Object.fromEntries(
    Object.entries(estimator.noise(config, batchSize, composed)).map(([name, { shape }]) => [name, shape]),
  );
  const differentiate = lossAndGradients(estimator, config);
  const sides = [config.channels, config.imageSize, config.imageSize];
  const scheduleShapes = estimator.schedules(config);
  const shapes: Record<string, number[]> = {
    ...parameterShapes,
    ...noiseShapes,
    image: [batchSize, ...sides],
    ...(composed && { layers: [composed.images, composed.objects, ...sides] }),
    ...scheduleShapes,
  };
  const gradientName = (name: string): string => `gradient/${name}`;
  const compute = (tensors: Record<string, tf.Tensor>): Record<string, tf.Tensor> => {
    const noise = Object.fromEntries(Object.keys(noiseShapes).map((name) => [name, tensors[name]!]));
    const schedules = Object.fromEntries(Object.keys(scheduleShapes).map((name) => [name, tensors[name]!]));
    const { gradients, metrics } = differentiate(
      tensors,
      tensors.image!,
      noise,
      { ...schedules, logCountPrior: tensors.logCountPrior! },
      tensors.layers,
    );
    return {
      loss: metrics.loss!,
      ...Object.fromEntries(names.map((name) => [gradientName(name), gradients[name]!])),
    };
  };
  const traced = trace(compute, {
    inputs: Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
  });
  const session = await InferenceSession.create(encodeGraph(traced));

  return {
    async compare(parameters, { steps, images, noise, schedules, layers }) {
      if (steps !== 1) throw new RangeError(`One step is compared at a time, got the inputs of ${steps}`);
      const values: NamedArrays = {
        ...Object.fromEntries(Object.entries(parameters).map(([name, { data }]) => [name, data])),
        ...noise,
        image: images,
        ...(layers && { layers }),
        ...schedules,
      };
      const results = await session.run(
        Object.fromEntries(
          Object.entries(shapes).map(([name, shape]) => [name, new Tensor("float32", values[name]!, shape)]),
        ),
      );
      await useEagerBackend(backend);
      const eager = tf.tidy(() =>
        compute(
          Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tf.tensor(values[name]!, shape)])),
        ),
      );
      const distance = async (name: string): Promise<number> =>
        relativeDistance(results[name]!.data as Float32Array, (await eager[name]!.data()) as Float32Array);
      const gradients: Record<string, number> = {};
      for (const name of names) gradients[name] = await distance(gradientName(name));
      const difference = { loss: await distance("loss"), gradients };
      tf.dispose(eager);
      return difference;
    },

    [Symbol.asyncDispose]: () => session.release(),
  };
}

/** ‖a - b‖ / ‖b‖; 0 if a and b are equal. */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
