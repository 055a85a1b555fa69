/**
 * One training step as a pure function of tensors: loss, gradients, clipping, Adam. An engine runs it eagerly or traces it.
 */
import type { AirConfig } from "@air-onnx/core";
import type { NamedTensors } from "@air-onnx/tracer";
import * as tf from "@tensorflow/tfjs";
import { type ParameterTensors, parameter, parameterShapes } from "./model/parameters.js";
import { type Estimator, type Noise, type Schedules, trainedParameterShapes } from "./objective/estimator.js";
import {
  type AdamOptions,
  type AdamScalarTensors,
  type AdamState,
  adamUpdate,
  clipByGlobalNorm,
  defaultAdam,
  type LearningRateScales,
} from "./optimizer/adam.js";

/** Scalars by name, for the log. */
export type Metrics = Readonly<Record<string, tf.Scalar>>;

export interface LossAndGradients {
  /** One per parameter, in the order of `trainedParameterShapes`. */
  readonly gradients: NamedTensors;
  /** `loss`, `elbo` and the estimator's own. */
  readonly metrics: Metrics;
}

/**
 * The loss of one batch and its gradient in every parameter.
 *
 * @param image [B, C, S, S]
 */
export type LossAndGradientsFunction = (
  parameters: ParameterTensors,
  image: tf.Tensor,
  noise: Noise,
  schedules: Schedules,
) => LossAndGradients;

export function lossAndGradients(estimator: Estimator, config: AirConfig): LossAndGradientsFunction {
  const names = Object.keys(trainedParameterShapes(estimator, config));
  return (parameters, image, noise, schedules) =>
    tf.tidy(() => {
      const kept: [string, tf.Scalar][] = [];
      const forward = (): tf.Scalar => {
        const { loss, elbo, metrics } = estimator.loss(parameters, config, image, noise, schedules);
        // TensorFlow.js disposes of everything in here but the loss.
        for (const [name, scalar] of Object.entries({ loss, elbo, ...metrics })) {
          kept.push([name, tf.keep(tf.clone(scalar))]);
        }
        return loss;
      };
      const values = names.map((name) => parameter(parameters, name));
      const { grads } = tf.engine().gradients(forward, values);
      const metrics = kept.map(([name, scalar]) => {
        const metric = tf.clone(scalar);
        scalar.dispose();
        return [name, metric] as const;
      });
      return {
        // With a single step nothing recurs, and the recurrent kernel has no path to the loss.
        gradients: Object.fromEntries(names.map((name, i) => [name, grads[i] ?? tf.zerosLike(values[i]!)])),
        metrics: Object.fromEntries(metrics),
      };
    });
}

export interface TrainStepOptions {
  /** Largest joint norm of the gradients of the model's parameters, and of those of the estimator's own. */
  readonly maxGradientNorm: number;
  readonly adam?: AdamOptions;
  readonly learningRateScales?: LearningRateScales;
}

/** The scalars and vectors of one update that are not learned. */
export type StepScalars = AdamScalarTensors & Schedules;

export interface TrainStepResult extends AdamState {
  /** `loss`, `elbo`, the estimator's own, and `gradientNorm`: of the model's parameters, before clipping. */
  readonly metrics: Metrics;
}

/** @param image [B, C, S, S] */
export type TrainStepFunction = (
  state: AdamState,
  image: tf.Tensor,
  noise: Noise,
  scalars: StepScalars,
) => TrainStepResult;

/** One update of all parameters from one batch. */
export function trainStep(
  estimator: Estimator,
  config: AirConfig,
  { maxGradientNorm, adam = defaultAdam, learningRateScales = {} }: TrainStepOptions,
): TrainStepFunction {
  const differentiate = lossAndGradients(estimator, config);
  const modelNames = Object.keys(parameterShapes(config));
  const ownNames = Object.keys(estimator.parameters(config));
  return (state, image, noise, scalars) =>
    tf.tidy(() => {
      const { gradients, metrics } = differentiate(state.parameters, image, noise, scalars);
      const clip = (names: readonly string[]) =>
        clipByGlobalNorm(Object.fromEntries(names.map((name) => [name, gradients[name]!])), maxGradientNorm);
      const clipped = clip(modelNames);
      // Apart from the model's: those of a baseline are orders of magnitude longer, and would leave nothing of them.
      const own = ownNames.length > 0 ? clip(ownNames).gradients : {};
      const next = adamUpdate(
        { ...state, gradients: { ...clipped.gradients, ...own } },
        scalars,
        adam,
        learningRateScales,
      );
      return { ...next, metrics: { ...metrics, gradientNorm: clipped.norm } };
    });
}
