/** Measures the quality of a model, a checkpoint or an exported one, on images whose truth is known. */
export { type AppearanceQuality, AppearanceTally } from "./appearance.js";
export type { BoxQuality } from "./box-quality.js";
export { type ClassicalQuality, classicalSentence, measureClassical } from "./classical.js";
export { type CountQuality, type Evaluation, EvaluationTally, type ImageMeasures } from "./evaluation.js";
export * from "./format.js";
export {
  type EvidenceModel,
  type ImportanceWeightedBound,
  type MeasurableModel,
  type MeasuredImage,
  type MeasureEvidenceOptions,
  type Measurement,
  type MeasureOptions,
  measureEvidence,
  measureModel,
} from "./measure-model.js";
export * from "./measures.js";
export { judgeObjects, type ReliabilityGroup, type ScoreQuality, ScoreTally } from "./score-quality.js";
export { foregroundAri, type SegmentationQuality, SegmentationTally } from "./segmentation.js";
export { confidence, WorstImages } from "./worst-images.js";
