/**
 * The drawn data sets with their generators, and pictures of scenes. This entry touches no files, so it runs in a web page
 * as well as in Node.
 */

export { type Blob, type ClassicalOptions, classicalCount, findBlobs } from "./blobs/classical-count.js";
export { type FittedPreprocessing, fitPreprocessing, someImages } from "./blobs/fit-preprocessing.js";
export {
  type GuessedSettings,
  type GuessReason,
  guessSettings,
  type KnownFacts,
} from "./blobs/guess-settings.js";
export type { Exposure } from "./drawn/camera.js";
export { type CellsForm, cells, cellsExposure } from "./drawn/cells.js";
export type {
  DrawnForm,
  DrawnMaterial,
  DrawnSetting,
  PublishedPart,
  PublishedSet,
  PublishedWhole,
  SeededSet,
  Split,
  TrainingPreset,
} from "./drawn/drawn-set.js";
export {
  drawTruth,
  generatePacked,
  generateScenes,
  type ObjectTruth,
  type PlacedPatch,
  type SceneGenerator,
  type SceneRecipe,
  SHARED_PIXEL,
  streamScenes,
  UNKNOWN_KIND,
} from "./drawn/generate.js";
export { multiDsprites64 } from "./drawn/multi-dsprites-64.js";
export {
  checkMultiMnist,
  freshMultiMnist,
  generateMultiMnist,
  type MultiMnistChecksum,
  type MultiMnistOptions,
  multiMnistKind,
  originalMultiMnist,
} from "./drawn/multi-mnist.js";
export { multiMnist64 } from "./drawn/multi-mnist-64.js";
export {
  generateMultiStrokes,
  type MultiStrokesForm,
  type MultiStrokesOptions,
  multiStrokes,
} from "./drawn/multi-strokes.js";
export type { PatchForm, PatchFormInput } from "./drawn/patch-form.js";
export { drawPlate, type Plate, type PlateForm } from "./drawn/plates.js";
export {
  type DrawnName,
  type DrawnSet,
  type DrawnSettingKey,
  defaultDataset,
  drawnSet,
  drawnSets,
  drawnSettings,
  formOf,
  type RegisteredSet,
  registeredSets,
} from "./drawn/registry.js";
export { DataError, type DataErrorDetails, type DataErrorKind } from "./errors.js";
export { PackedImages } from "./packed-images.js";
export * from "./pictures/attend-to.js";
export * from "./pictures/attention-record.js";
export * from "./pictures/attention-sheet.js";
export * from "./pictures/boxes-over-picture.js";
export * from "./pictures/pixel-sheet.js";
export * from "./pictures/scene-picture.js";
export * from "./pictures/scene-sheets.js";
export { preprocessSource } from "./preprocess-scenes.js";
export type { DataProgress, Reporting } from "./reporting.js";
export {
  type Dataset,
  emptyScenes,
  fillBatch,
  type ImageForm,
  type ImageSet,
  type ImageSource,
  type ImageStream,
  type LabelledImages,
  type PackedScenes,
  type PackedSet,
  packScenes,
  pixelsPerImage,
  type SceneLabels,
  type SceneSet,
  sliceScenes,
  type TrainingData,
  trueBoxes,
  unpackScenes,
} from "./scene-set.js";
