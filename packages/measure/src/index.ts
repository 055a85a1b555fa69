/** What a model is worth on images whose truth is known: any model that can be asked, a checkpoint or an exported one. */
export type { BoxQuality } from "./box-quality.js";
export { type Evaluation, EvaluationTally, type ImageMeasures } from "./evaluation.js";
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
export { confidence, WorstImages } from "./worst-images.js";
