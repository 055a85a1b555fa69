/**
 * The state of training as plain arrays: training graphs advance it, checkpoints store it, and checks compare it.
 */

/** Arrays of numbers by name, without shapes. */
export type NamedArrays = Record<string, Float32Array<ArrayBuffer>>;

/** Shape and values of one tensor. */
export interface TensorData {
  /** Size of each dimension. */
  readonly shape: readonly number[];
  /** Values in row-major order. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Shapes and values of tensors by name, such as the parameters of a model by the names of `parameterShapes`. */
export type NamedTensorData = Readonly<Record<string, TensorData>>;

/** Everything that a training step changes. All three parts have the same names and shapes. */
export interface TrainingState {
  /** Parameters of the model, then of the estimator. */
  readonly parameters: NamedTensorData;
  /** Adam's first moment as decayed sums of gradients, Σ β1^(t-i) g_i: the paper's m divided by 1 - β1. */
  readonly firstMoment: NamedTensorData;
  /** Adam's second moment as decayed sums of squared gradients, Σ β2^(t-i) g_i²: the paper's v divided by 1 - β2. */
  readonly secondMoment: NamedTensorData;
}

/** The parts of a {@link TrainingState}, in their order in checkpoints and graphs. */
export const stateParts = ["parameters", "firstMoment", "secondMoment"] as const satisfies (keyof TrainingState)[];
/** Name of a part of a {@link TrainingState}. */
export type StatePart = (typeof stateParts)[number];

/** A record with the value of `partOf` for each part of a state. */
export function eachPart<Value>(partOf: (part: StatePart) => Value): Record<StatePart, Value> {
  return {
    parameters: partOf("parameters"),
    firstMoment: partOf("firstMoment"),
    secondMoment: partOf("secondMoment"),
  };
}

/** The state of training that starts from `parameters`: moments of zero. */
export function stateBeforeTraining(parameters: NamedTensorData): TrainingState {
  const zeros = (): NamedTensorData =>
    Object.fromEntries(
      Object.entries(parameters).map(([name, { shape, data }]) => [
        name,
        { shape, data: new Float32Array(data.length) },
      ]),
    );
  return { parameters, firstMoment: zeros(), secondMoment: zeros() };
}
