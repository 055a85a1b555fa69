/** The state that training starts from: initial parameters drawn from the seed, and moments of zero. */

import { stateBeforeTraining, type TrainingState } from "@air-onnx/trainer";
import type { TrainConfig } from "./config.js";
import { initialParameters } from "./model/parameters.js";
import { trainedParameterShapes } from "./objective/estimator.js";
import { estimators } from "./objective/estimators.js";

/** The state before the first step of a run with this configuration, in new arrays. */
export function initialState({ estimator, model, seed }: TrainConfig): TrainingState {
  return stateBeforeTraining(initialParameters(model, seed, estimators[estimator].parameters(model)));
}

/**
 * Shape of every parameter in a checkpoint of a run with this configuration, by name: the model's, then the estimator's
 * own.
 */
export function checkpointShapes({ estimator, model }: TrainConfig): Record<string, number[]> {
  return trainedParameterShapes(estimators[estimator], model);
}
