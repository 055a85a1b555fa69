/** Where training starts: the parameters that the seed gives, and moments of zero. */
import type { TrainConfig } from "./config.js";
import { initialParameters } from "./model/parameters.js";
import { trainedParameterShapes } from "./objective/estimator.js";
import { estimators } from "./objective/estimators.js";
import type { NamedTensorData, TrainingState } from "./training-state.js";

/** The state before the first step of a run with this configuration, in arrays of its own. */
export function initialState({ estimator, model, seed }: TrainConfig): TrainingState {
  return stateBeforeTraining(initialParameters(model, seed, estimators[estimator].parameters(model)));
}

/** The state before the first step from given parameters. */
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

/** The shape of every parameter in a checkpoint of a run with this configuration: the model's, and the estimator's own. */
export function checkpointShapes({ estimator, model }: TrainConfig): Record<string, number[]> {
  return trainedParameterShapes(estimators[estimator], model);
}
