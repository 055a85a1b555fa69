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
  clipFactor,
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
 * @param layers objects of composed images, [K, N, C, S, S], see `Estimator.loss`
 */
export type LossAndGradientsFunction = (
  parameters: ParameterTensors,
  image: tf.Tensor,
  noise: Noise,
  schedules: Schedules,
  layers?: tf.Tensor,
) => LossAndGradients;

/** The function that differentiates the estimator's loss for the model `config`. */
export function lossAndGradients(estimator: Estimator, config: AirConfig): LossAndGradientsFunction {
  const names = Object.keys(trainedParameterShapes(estimator, config));
  return (parameters, image, noise, schedules, layers) =>
    tf.tidy(() => {
      const kept: [string, tf.Scalar][] = [];
      const forward = (): tf.Scalar => {
        const { loss, elbo, metrics } = estimator.loss(parameters, config, image, noise, schedules, layers);
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

/**
 * The parameters whose gradients are clipped at one joint norm: those of the model, and those of the estimator, such as a
 * baseline's. A baseline's gradients are orders of magnitude larger: clipped together with them, the model's would vanish.
 */
export type ClipGroup = "model" | "estimator";

/** The clip groups of a training step that are not empty, with the names of their parameters. */
export function clipGroups(estimator: Estimator, config: AirConfig): [ClipGroup, readonly string[]][] {
  const groups: [ClipGroup, readonly string[]][] = [
    ["model", Object.keys(parameterShapes(config))],
    ["estimator", Object.keys(estimator.parameters(config))],
  ];
  return groups.filter(([, names]) => names.length > 0);
}

/** Gradients of one batch with the factors that clip them. */
export interface ClippedGradients extends LossAndGradients {
  /** For each clip group, the factor by which its gradients have yet to be multiplied. */
  readonly clipFactors: Readonly<Partial<Record<ClipGroup, tf.Scalar>>>;
  /** Those of the loss, and `gradientNorm`, of the model's parameters before clipping. */
  readonly metrics: Metrics;
}

/**
 * The first half of a training step: gradients, and the factors that clip them.
 *
 * @param maxGradientNorm largest joint norm of the gradients of a clip group
 */
export function gradientStep(
  estimator: Estimator,
  config: AirConfig,
  maxGradientNorm: number,
): (...args: Parameters<LossAndGradientsFunction>) => ClippedGradients {
  const differentiate = lossAndGradients(estimator, config);
  const groups = clipGroups(estimator, config);
  return (...args) =>
    tf.tidy(() => {
      const { gradients, metrics } = differentiate(...args);
      const clips = groups.map(([group, names]) => {
        const own = Object.fromEntries(names.map((name) => [name, gradients[name]!]));
        return [group, clipFactor(own, maxGradientNorm)] as const;
      });
      return {
        gradients,
        clipFactors: Object.fromEntries(clips.map(([group, { factor }]) => [group, factor])),
        metrics: { ...metrics, gradientNorm: clips[0]![1].norm },
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
  layers?: tf.Tensor,
) => TrainStepResult;

/** The training step of the estimator for the model `config`. */
export function trainStep(
  estimator: Estimator,
  config: AirConfig,
  { maxGradientNorm, adam = defaultAdam, learningRateScales = {} }: TrainStepOptions,
): TrainStepFunction {
  const differentiate = gradientStep(estimator, config, maxGradientNorm);
  const groups = clipGroups(estimator, config);
  return (state, image, noise, scalars, layers) =>
    tf.tidy(() => {
      const { gradients, clipFactors, metrics } = differentiate(state.parameters, image, noise, scalars, layers);
      const clipped = groups.flatMap(([group, names]) =>
        names.map((name) => [name, tf.mul(gradients[name]!, clipFactors[group]!)] as const),
      );
      const next = adamUpdate({ ...state, gradients: Object.fromEntries(clipped) }, scalars, adam, learningRateScales);
      return { ...next, metrics };
    });
}
