export { DataError } from "./data-error.js";
export {
  type DatasetName,
  type DatasetOptions,
  datasetNames,
  defaultCacheDir,
  loadDataset,
} from "./dataset.js";
export {
  loadMnist,
  loadMnistPart,
  type Mnist,
  type MnistFile,
  type MnistOptions,
  type MnistPart,
  mnistFiles,
  mnistMirrors,
} from "./mnist.js";
export {
  checkOriginalMultiMnist,
  generateMultiMnist,
  type MultiMnistOptions,
  originalMultiMnist,
} from "./multi-mnist.js";
export { generateMultiStrokes, type MultiStrokesOptions } from "./multi-strokes.js";
export type { DataProgress, Reporting } from "./reporting.js";
export { readSceneFile, type SceneFileIdentity, writeSceneFile } from "./scene-file.js";
export {
  type Dataset,
  emptyScenes,
  fillBatch,
  pixelsPerImage,
  type SceneSet,
  sliceScenes,
  trueBoxes,
} from "./scene-set.js";
