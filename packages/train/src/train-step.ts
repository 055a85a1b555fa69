/**
 * The training step as a pure function of tensors: loss, gradients, clipping, Adam. Engines run it eagerly or trace it.
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

/** Metrics of one step by name, for the log. */
export type Metrics = Readonly<Record<string, tf.Scalar>>;

/** Gradients and metrics of one batch. */
export interface LossAndGradients {
  /** Gradient of the loss with respect to each parameter, in the order of `trainedParameterShapes`. */
  readonly gradients: NamedTensors;
  /** `loss`, `elbo` and the metrics of the estimator. */
  readonly metrics: Metrics;
}

/**
 * Computes the loss of one batch and its gradient with respect to every parameter.
 *
 * @param image [B, C, S, S]
 */
export type LossAndGradientsFunction = (
  parameters: ParameterTensors,
  image: tf.Tensor,
  noise: Noise,
  schedules: Schedules,
) => LossAndGradients;

/** The function that differentiates the estimator's loss for the model `config`. */
export function lossAndGradients(estimator: Estimator, config: AirConfig): LossAndGradientsFunction {
  const names = Object.keys(trainedParameterShapes(estimator, config));
  return (parameters, image, noise, schedules) =>
    tf.tidy(() => {
      const kept: [string, tf.Scalar][] = [];
      const forward = (): tf.Scalar => {
        const { loss, elbo, metrics } = estimator.loss(parameters, config, image, noise, schedules);
        // TensorFlow.js disposes of all tensors made in this function except the loss.
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
        // A model with a single step does not use the recurrent kernel, so the loss has no gradient there.
        gradients: Object.fromEntries(names.map((name, i) => [name, grads[i] ?? tf.zerosLike(values[i]!)])),
        metrics: Object.fromEntries(metrics),
      };
    });
}

/** Options of {@link trainStep}. */
export interface TrainStepOptions {
  /** Largest joint norm of the gradients, for the model's parameters and for the estimator's own separately. */
  readonly maxGradientNorm: number;
  /** Constants of Adam; those of the paper by default. */
  readonly adam?: AdamOptions;
  /** Factors of the learning rate by parameter name; none by default. */
  readonly learningRateScales?: LearningRateScales;
}

/** Inputs of one update that are neither learned nor random: Adam's scalars and the scheduled prior. */
export type StepScalars = AdamScalarTensors & Schedules;

/** State after an update, and its metrics. */
export interface TrainStepResult extends AdamState {
  /** `loss`, `elbo`, the metrics of the estimator, and `gradientNorm`, of the model's parameters before clipping. */
  readonly metrics: Metrics;
}

/**
 * Updates all parameters from one batch.
 *
 * @param image [B, C, S, S]
 */
export type TrainStepFunction = (
  state: AdamState,
  image: tf.Tensor,
  noise: Noise,
  scalars: StepScalars,
) => TrainStepResult;

/** The training step of the estimator for the model `config`. */
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
      // Gradients of a baseline are orders of magnitude larger than the model's. Clipped together with them, the
      // model's would vanish.
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
