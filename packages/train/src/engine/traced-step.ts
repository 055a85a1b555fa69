/**
 * The training step — forward, backward, Adam — as one ONNX graph, and the names of what goes in and out of it:
 * `parameters/lstm.bias` goes in, `next/parameters/lstm.bias` comes out.
 */
import { fuse, type NamedTensors, type TracedGraph, trace } from "@air-onnx/tracer";
import { trainedParameterShapes } from "../objective/estimator.js";
import { trainStep } from "../train-step.js";
import { eachPart, type NamedArrays, type StatePart, stateParts, type TrainingState } from "../training-state.js";
import type { StepDefinition, StepInputs } from "./engine.js";

/** One tensor of the state and its names in the graph. */
export interface StateVariable {
  readonly part: StatePart;
  readonly name: string;
  readonly shape: readonly number[];
  readonly input: string;
  readonly output: string;
}

export interface TracedStep {
  readonly traced: TracedGraph;
  readonly state: readonly StateVariable[];
  /** Shapes of the inputs that each step has of its own: images, noise and schedules. */
  readonly perStep: Readonly<Record<string, readonly number[]>>;
  /** Names of the metrics, without {@link metricOutput}'s prefix. */
  readonly metrics: readonly string[];
}

/** The graph's output of the metric `name`. */
export const metricOutput = (name: string): string => `metric/${name}`;
const noiseInput = (name: string): string => `noise/${name}`;

/** Traces one step of `definition`. */
export function traceTrainStep(definition: StepDefinition): TracedStep {
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

/** The array of each per-step input of the graph, all steps stacked. */
export function stackedInputs({ images, noise, stepSize, rootCorrection, logCountPrior }: StepInputs): NamedArrays {
  const noises = Object.entries(noise).map(([name, data]) => [noiseInput(name), data] as const);
  return { images, ...Object.fromEntries(noises), stepSize, rootCorrection, logCountPrior };
}

/** A state from its arrays by their place in the graph. */
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
