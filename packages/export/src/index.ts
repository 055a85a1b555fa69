export type { WeightType } from "@air-onnx/tracer";
export { type CheckpointModel, openCheckpoint } from "./checkpoint-model.js";
export * from "./errors.js";
export { type ExportOptions, exportModel, roundWeights, type TrainedModel } from "./export-model.js";
export {
  type ExportedRun,
  type ExportRunOptions,
  exportDefaults,
  exportRun,
  paritySentence,
} from "./export-run.js";
export { encodeGraphs, traceGraph } from "./graphs.js";
export { type CardDetails, modelCard } from "./model-card.js";
export { checkParity, type ParityOptions, type ParityReport, type ParityRow } from "./parity.js";
export { fitScore } from "./score.js";
export { type FitTypicalityOptions, fitTypicality, TYPICALITY_IMAGES } from "./typicality.js";
