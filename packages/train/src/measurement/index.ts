export type { BoxQuality } from "./box-quality.js";
export { confusionPicture } from "./confusion-picture.js";
export {
  type ImportanceWeightedBound,
  type MeasurableModel,
  type MeasuredImage,
  type Measurement,
  type MeasureOptions,
  measureModel,
} from "./measure-model.js";
export { type EvaluationRecord, evaluationReport } from "./report.js";
export { WorstImages } from "./worst-images.js";
export { worstSheet } from "./worst-sheet.js";
