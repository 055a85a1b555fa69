export { type CheckpointModel, openCheckpoint } from "./checkpoint-model.js";
export { type ConvertedModel, type ConvertOptions, convertModel, losesPrecision } from "./convert-model.js";
export * from "./errors.js";
export { type ExportOptions, exportModel, type FolderOptions, type TrainedModel } from "./export-model.js";
export {
  type ExportedRun,
  type ExportRunOptions,
  exportDefaults,
  exportRun,
  paritySentence,
} from "./export-run.js";
export { exportRunTraining, exportTraining, type TrainingFiles, trainingFiles } from "./export-training.js";
export type { GraphFile } from "./graph-words.js";
export { encodeGraphs, traceGraph } from "./graphs.js";
export { type CardDetails, modelCard } from "./model-card.js";
export type { FileForm } from "./model-graphs.js";
export { type Opset, opsets } from "./opset.js";
export { checkParity, type ParityOptions, type ParityReport, type ParityRow } from "./parity.js";
export { type SceneInput, sceneInputs } from "./scene-file.js";
export { fitScore } from "./score.js";
export {
  type ServedModel,
  type ServingOptions,
  type ServingTarget,
  servingTargets,
  writeServingFolder,
} from "./serving/serving-folder.js";
export { type TritonSettings, tritonConfig } from "./serving/triton-config.js";
export { roundWeights, type WeightType, weightTypes } from "./stored-weights.js";
export { type FitTypicalityOptions, fitTypicality, TYPICALITY_IMAGES } from "./typicality.js";
