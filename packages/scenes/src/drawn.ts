/**
 * What draws, and touches no files: the drawn data sets with their generators, and pictures of scenes. It runs in a page,
 * too.
 */
export type {
  DrawnForm,
  DrawnMaterial,
  DrawnSetting,
  PublishedSet,
  SeededSet,
  Split,
  TrainingPreset,
} from "./drawn/drawn-set.js";
export { generateScenes, type SceneGenerator, streamScenes } from "./drawn/generate.js";
export { multiDsprites64 } from "./drawn/multi-dsprites-64.js";
export {
  checkMultiMnist,
  freshMultiMnist,
  generateMultiMnist,
  type MultiMnistOptions,
  multiMnistKind,
  originalMultiMnist,
} from "./drawn/multi-mnist.js";
export { multiMnist64 } from "./drawn/multi-mnist-64.js";
export { generateMultiStrokes, type MultiStrokesOptions, multiStrokes } from "./drawn/multi-strokes.js";
export {
  type DrawnName,
  type DrawnSet,
  type DrawnSettingKey,
  defaultDataset,
  drawnSet,
  drawnSets,
  drawnSettings,
  formOf,
} from "./drawn/registry.js";
export { DataError, type DataErrorDetails, type DataErrorKind } from "./errors.js";
export * from "./pictures/attend-to.js";
export * from "./pictures/attention-record.js";
export * from "./pictures/attention-sheet.js";
export * from "./pictures/pixel-sheet.js";
export * from "./pictures/scene-picture.js";
export * from "./pictures/scene-sheets.js";
export type { DataProgress, Reporting } from "./reporting.js";
export {
  type Dataset,
  emptyScenes,
  fillBatch,
  type ImageForm,
  type ImageSet,
  type ImageSource,
  type ImageStream,
  pixelsPerImage,
  type SceneSet,
  sliceScenes,
  type TrainingData,
  trueBoxes,
} from "./scene-set.js";
