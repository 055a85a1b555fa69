/**
 * The training step traced into an ONNX graph, and the names of the graph's inputs and outputs: either all of it, forward,
 * backward and Adam, where for the input `parameters/lstm.bias` there is the output `next/parameters/lstm.bias`; or what
 * is before the update, with the output `gradient/lstm.bias`.
 */

import { fuse, type NamedTensors, type TracedGraph, trace } from "@air-onnx/tracer";
import { eachPart, type NamedArrays, type StatePart, stateParts, type TrainingState } from "@air-onnx/trainer";
import * as tf from "@tensorflow/tfjs";
import { type Schedules, trainedParameterShapes } from "../objective/estimator.js";
import { type ClipGroup, clipGroups, gradientStep, trainStep } from "../train-step.js";
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
/** Name of the graph's input for the noise tensor `name`. */
export const noiseInput = (name: string): string => `noise/${name}`;

/** Name of the output that holds all metrics together, `[M]` in the order of {@link TracedTrainStep.metrics}. */
export const METRICS_OUTPUT = "metrics";

/** Options of {@link traceTrainStep}. */
export interface TraceStepOptions {
  /**
   * Whether the graph has one output for all metrics, {@link METRICS_OUTPUT}, instead of one for each, which is the
   * default. On a GPU each output that is read costs a wait.
   */
  readonly joinMetrics?: boolean;
}

/** Traces one step of `definition`. */
export function traceTrainStep(
  definition: StepDefinition,
  { joinMetrics = false }: TraceStepOptions = {},
): TracedTrainStep {
  const { config, estimator, adam, clipNorm, learningRateScales } = definition;
  const shapes = trainedParameterShapes(estimator, config);
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
  const perStep = { ...batchInputs(definition), stepSize: [], rootCorrection: [], ...scheduleInputs(definition) };
  let metrics: string[] = [];
  const traced = trace(
    (tensors) => {
      const partOf = (part: StatePart): NamedTensors =>
        Object.fromEntries(Object.keys(shapes).map((name) => [name, tensors[`${part}/${name}`]!]));
      const scalars = {
        ...schedulesOf(definition, tensors),
        stepSize: tensors.stepSize!,
        rootCorrection: tensors.rootCorrection!,
      };
      const noise = noiseOf(definition, tensors);
      const next = step(eachPart(partOf), tensors.images!, noise, scalars, tensors[LAYERS_INPUT]);
      metrics = Object.keys(next.metrics);
      return {
        ...Object.fromEntries(state.map(({ part, name, output }) => [output, next[part][name]!])),
        ...(joinMetrics ? { [METRICS_OUTPUT]: tf.stack(Object.values(next.metrics)) } : metricOutputs(next.metrics)),
      };
    },
    { inputs: inputsOf([...state.map(({ input, shape }) => [input, shape] as const), ...Object.entries(perStep)]) },
  );
  return { traced: fuse(traced), state, perStep, metrics };
}

/** One parameter and its names in a graph of gradients. */
export interface GradientVariable {
  /** Name of the parameter. */
  readonly name: string;
  /** Shape of the parameter and its gradient. */
  readonly shape: readonly number[];
  /** The graph's input: the parameter. */
  readonly input: string;
  /** The graph's output: its gradient, not yet clipped. */
  readonly output: string;
  /** The group in which its gradient is clipped. */
  readonly clipGroup: ClipGroup;
}

/** The graph of a training step up to the gradients, with the names and shapes of its inputs and outputs. */
export interface TracedGradients {
  /** The graph, with operations fused. */
  readonly traced: TracedGraph;
  /** Every parameter. */
  readonly parameters: readonly GradientVariable[];
  /** Shapes of the inputs that are new at each step: images, noise and the scheduled prior. */
  readonly perStep: Readonly<Record<string, readonly number[]>>;
  /** Names of the metrics, without the prefix of {@link metricOutput}. */
  readonly metrics: readonly string[];
  /** The clip groups, each with an output of {@link clipOutput}. */
  readonly clipGroups: readonly ClipGroup[];
}

/** Name of the graph's output for the factor that clips the gradients of a group. */
export const clipOutput = (group: ClipGroup): string => `clip/${group}`;

/** Traces the gradients of one step of `definition`, without the update. */
export function traceGradients(definition: StepDefinition): TracedGradients {
  const { config, estimator, clipNorm } = definition;
  const groups = clipGroups(estimator, config);
  const groupOf = new Map(groups.flatMap(([group, names]) => names.map((name) => [name, group] as const)));
  const parameters = Object.entries(trainedParameterShapes(estimator, config)).map(([name, shape]) => ({
    name,
    shape,
    input: `parameters/${name}`,
    output: `gradient/${name}`,
    clipGroup: groupOf.get(name)!,
  }));
  const differentiate = gradientStep(estimator, config, clipNorm);
  const perStep = perStepShapes(definition);
  let metrics: string[] = [];
  const traced = trace(
    (tensors) => {
      const values = Object.fromEntries(parameters.map(({ name, input }) => [name, tensors[input]!]));
      const [noise, schedules] = [noiseOf(definition, tensors), schedulesOf(definition, tensors)];
      const result = differentiate(values, tensors.images!, noise, schedules, tensors[LAYERS_INPUT]);
      metrics = Object.keys(result.metrics);
      return {
        ...Object.fromEntries(parameters.map(({ name, output }) => [output, result.gradients[name]!])),
        ...Object.fromEntries(groups.map(([group]) => [clipOutput(group), result.clipFactors[group]!])),
        ...metricOutputs(result.metrics),
      };
    },
    {
      inputs: inputsOf([...parameters.map(({ input, shape }) => [input, shape] as const), ...Object.entries(perStep)]),
    },
  );
  return { traced: fuse(traced), parameters, perStep, metrics, clipGroups: groups.map(([group]) => group) };
}

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Shapes of the inputs of {@link traceGradients} that are new at each step. */
export const perStepShapes = (definition: StepDefinition): Shapes => ({
  ...batchInputs(definition),
  ...scheduleInputs(definition),
});

/** Shapes of the inputs that are drawn for each step: images and noise. */
function batchInputs({ config, estimator, batchSize, composed }: StepDefinition): Shapes {
  const noise = Object.entries(estimator.noise(config, batchSize, composed));
  const image = [config.channels, config.imageSize, config.imageSize];
  return {
    images: [batchSize, ...image],
    ...(composed && { [LAYERS_INPUT]: [composed.images, composed.objects, ...image] }),
    ...Object.fromEntries(noise.map(([name, { shape }]) => [noiseInput(name), shape])),
  };
}

/** Shapes of the inputs that belong to the loss and change by a schedule. */
const scheduleInputs = ({ config, estimator }: StepDefinition): Shapes => estimator.schedules(config);

/** The graph's input for the objects of composed images. */
const LAYERS_INPUT = "layers";

function schedulesOf(definition: StepDefinition, tensors: NamedTensors): Schedules {
  const values = Object.keys(scheduleInputs(definition)).map((name) => [name, tensors[name]!] as const);
  return { ...Object.fromEntries(values), logCountPrior: tensors.logCountPrior! };
}

function noiseOf({ config, estimator, batchSize, composed }: StepDefinition, tensors: NamedTensors): NamedTensors {
  const names = Object.keys(estimator.noise(config, batchSize, composed));
  return Object.fromEntries(names.map((name) => [name, tensors[noiseInput(name)]!]));
}

const metricOutputs = (metrics: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [metricOutput(name), value]));

const inputsOf = (shapes: readonly (readonly [string, readonly number[]])[]) =>
  Object.fromEntries(shapes.map(([name, shape]) => [name, { shape }]));

/** The inputs of K steps by the graph's names, [K, …]. */
export function stackedInputs(inputs: StepInputs): NamedArrays {
  const { images, layers, noise, stepSize, rootCorrection, schedules } = inputs;
  const noises = Object.entries(noise).map(([name, data]) => [noiseInput(name), data] as const);
  return {
    images,
    ...(layers && { [LAYERS_INPUT]: layers }),
    ...Object.fromEntries(noises),
    stepSize,
    rootCorrection,
    ...schedules,
  };
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
