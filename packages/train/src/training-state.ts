/**
 * The state of training outside TensorFlow.js: what engines advance, checkpoints keep and checks compare. Inside a training
 * step it is an `AdamState` of tensors.
 */

/** Arrays of numbers by name; what reads them knows their shapes. */
export type NamedArrays = Record<string, Float32Array<ArrayBuffer>>;

/** The values of one tensor, row-major. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Tensors' values by name, such as the parameters of a model by the names of `parameterShapes`. */
export type NamedTensorData = Readonly<Record<string, TensorData>>;

/**
 * Everything that a training step changes: the parameters and Adam's moments, which have the parameters' names and shapes. The
 * moments are decayed sums, see `AdamState`.
 */
export interface TrainingState {
  readonly parameters: NamedTensorData;
  readonly firstMoment: NamedTensorData;
  readonly secondMoment: NamedTensorData;
}

/** The parts of a {@link TrainingState}, in the order in which checkpoints and graphs have them. */
export const stateParts = ["parameters", "firstMoment", "secondMoment"] as const satisfies (keyof TrainingState)[];
export type StatePart = (typeof stateParts)[number];

/** A record with a value for each part of a state. */
export function eachPart<Value>(partOf: (part: StatePart) => Value): Record<StatePart, Value> {
  return {
    parameters: partOf("parameters"),
    firstMoment: partOf("firstMoment"),
    secondMoment: partOf("secondMoment"),
  };
}
