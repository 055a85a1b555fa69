export type { Explanation } from "@air-onnx/trainer";
export {
  eachPart,
  type NamedArrays,
  type NamedTensorData,
  type StatePart,
  stateParts,
  type TensorData,
  type TrainingState,
} from "@air-onnx/trainer";
export { type AlertEvidence, alertThresholds, collapseAlerts, findAlerts } from "./alerts.js";
export {
  type Architecture,
  type ArchitectureName,
  type ArchitectureTraining,
  architectureNames,
  architectures,
} from "./architectures.js";
export { Batches } from "./batches.js";
export type { CompositionPlan } from "./composition/compose.js";
export { Composer } from "./composition/composer.js";
export type { CutOut } from "./composition/cut-outs.js";
export {
  describeConfigDifference,
  parseTrainConfig,
  type TrainConfig,
  type TrainConfigInput,
} from "./config.js";
export {
  type BackendCheck,
  type BackendCheckOptions,
  type BackendParity,
  checkBackends,
  checkTolerance,
  REFERENCE_BACKEND,
} from "./engine/backend-check.js";
export { type BackendStatus, listBackends, requireProbedBackend } from "./engine/backend-status.js";
export { type Backend, requireBackend, tracedDevice } from "./engine/backends.js";
export { createEngine, stepDefinition } from "./engine/create.js";
export { createEagerEngine } from "./engine/eager.js";
export * from "./engine/engine.js";
export { createGradientCheck, type GradientCheck, type GradientDifference } from "./engine/gradient-check.js";
export { type EagerBackend, eagerBackends, useEagerBackend } from "./engine/tfjs-backends.js";
export { createInPlaceEngine, type InPlaceEngineOptions } from "./engine/traced-in-place.js";
export { createLoopEngine, type LoopEngineOptions } from "./engine/traced-loop.js";
export type { Trial, TrialAnswer, TrialPlan, TrialRequest } from "./engine/trial.js";
export * from "./errors.js";
export { type EvaluateOptions, Evaluator } from "./evaluate.js";
export { checkpointShapes, initialState } from "./initial-state.js";
export { type GraphFunction, graphFunctions } from "./model/graphs.js";
export { initialParameters, type ParameterTensors, parameterShapes } from "./model/parameters.js";
export type {
  ComposedBatch,
  Estimator,
  Loss,
  Noise,
  NoiseSpec,
  ScheduleName,
  Schedules,
} from "./objective/estimator.js";
export { estimators } from "./objective/estimators.js";
export { evaluateScenes, type SceneEvaluation } from "./objective/marginal.js";
export type { AdamOptions, LearningRateScales } from "./optimizer/adam.js";
export * from "./run/index.js";
export { extendRun, type RunOptions, resumeRun, startRun } from "./run-training.js";
export { defaultSettings, type Setting, settingsOf } from "./settings.js";
export * from "./speed/index.js";
export * from "./sweep/index.js";
export {
  type TrainEvent,
  type TrainOptions,
  type TrainResult,
  train,
} from "./train.js";
export { openTrainedRun, type TrainedRun, trainingMinutes } from "./trained-run.js";
export { type StageGraph, type TrainingGraphs, trainingGraphs } from "./training-graphs.js";
