/**
 * The training step — forward, backward, Adam — traced into one ONNX graph, and the names of the graph's inputs and
 * outputs: for the input `parameters/lstm.bias` there is the output `next/parameters/lstm.bias`.
 */
import { fuse, type NamedTensors, type TracedGraph, trace } from "@air-onnx/tracer";
import { trainedParameterShapes } from "../objective/estimator.js";
import { trainStep } from "../train-step.js";
import { eachPart, type NamedArrays, type StatePart, stateParts, type TrainingState } from "../training-state.js";
import type { StepDefinition, StepInputs } from "./engine.js";

/** One tensor of the state and its names in the graph. */
export interface StateVariable {
  /** The part of the state that the tensor belongs to. */
  readonly part: StatePart;
  /** Name of the parameter, also for moments. */
  readonly name: string;
  /** Shape of the parameter. */
  readonly shape: readonly number[];
  /** The graph's input: the value before the step. */
  readonly input: string;
  /** The graph's output: the value after the step. */
  readonly output: string;
}

/** The graph of a training step, with the names and shapes of its inputs and outputs. */
export interface TracedTrainStep {
  /** The graph, with operations fused. */
  readonly traced: TracedGraph;
  /** Every tensor of the state. */
  readonly state: readonly StateVariable[];
  /** Shapes of the inputs that are new at each step: images, noise and schedules. */
  readonly perStep: Readonly<Record<string, readonly number[]>>;
  /** Names of the metrics, without the prefix of {@link metricOutput}. */
  readonly metrics: readonly string[];
}

/** Name of the graph's output for the metric `name`. */
export const metricOutput = (name: string): string => `metric/${name}`;
const noiseInput = (name: string): string => `noise/${name}`;

/** Traces one step of `definition`. */
export function traceTrainStep(definition: StepDefinition): TracedTrainStep {
  const { config, estimator, batchSize, adam, clipNorm, learningRateScales } = definition;
  const shapes = trainedParameterShapes(estimator, config);
  const noiseSpecs = estimator.noise(config, batchSize);
  const step = trainStep(estimator, config, { adam, maxGradientNorm: clipNorm, learningRateScales });
  const state = stateParts.flatMap((part) =>
    Object.entries(shapes).map(([name, shape]) => ({
      part,
      name,
      shape,
      input: `${part}/${name}`,
      output: `next/${part}/${name}`,
    })),
  );
  const perStep: Record<string, readonly number[]> = {
    images: [batchSize, config.channels, config.imageSize, config.imageSize],
    ...Object.fromEntries(Object.entries(noiseSpecs).map(([name, { shape }]) => [noiseInput(name), shape])),
    stepSize: [],
    rootCorrection: [],
    logCountPrior: [config.maxSteps + 1],
  };
  let metrics: string[] = [];
  const traced = trace(
    (tensors) => {
      const partOf = (part: StatePart): NamedTensors =>
        Object.fromEntries(Object.keys(shapes).map((name) => [name, tensors[`${part}/${name}`]!]));
      const noise = Object.fromEntries(Object.keys(noiseSpecs).map((name) => [name, tensors[noiseInput(name)]!]));
      const next = step(eachPart(partOf), tensors.images!, noise, {
        stepSize: tensors.stepSize!,
        rootCorrection: tensors.rootCorrection!,
        logCountPrior: tensors.logCountPrior!,
      });
      metrics = Object.keys(next.metrics);
      return {
        ...Object.fromEntries(state.map(({ part, name, output }) => [output, next[part][name]!])),
        ...Object.fromEntries(metrics.map((name) => [metricOutput(name), next.metrics[name]!])),
      };
    },
    {
      inputs: Object.fromEntries(
        [...state.map(({ input, shape }) => [input, shape] as const), ...Object.entries(perStep)].map(
          ([name, shape]) => [name, { shape }],
        ),
      ),
    },
  );
  return { traced: fuse(traced), state, perStep, metrics };
}

/** The inputs of K steps by the graph's names, [K, …]. */
export function stackedInputs({ images, noise, stepSize, rootCorrection, logCountPrior }: StepInputs): NamedArrays {
  const noises = Object.entries(noise).map(([name, data]) => [noiseInput(name), data] as const);
  return { images, ...Object.fromEntries(noises), stepSize, rootCorrection, logCountPrior };
}

/** A state, from a function that returns the array of each of its tensors. */
export function stateOf(
  variables: readonly StateVariable[],
  arrayOf: (variable: StateVariable) => Float32Array<ArrayBuffer>,
): TrainingState {
  return eachPart((part) =>
    Object.fromEntries(
      variables
        .filter((variable) => variable.part === part)
        .map((variable) => [variable.name, { shape: variable.shape, data: arrayOf(variable) }]),
    ),
  );
}
