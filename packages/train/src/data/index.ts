export { type BroughtImages, holdOut, type SplitOptions, withoutLabels } from "./brought-images.js";
export { defaultCacheDir } from "./cache.js";
export { DataError } from "./data-error.js";
export {
  type DatasetChoices,
  type DatasetName,
  type DatasetOptions,
  datasetNames,
  loadDataset,
  loadOwnImages,
  loadSplits,
  type Split,
  type StreamOptions,
  streamDataset,
} from "./dataset.js";
export { generateScenes, type SceneGenerator, streamScenes } from "./generate.js";
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
export { multiDsprites64 } from "./multi-dsprites-64.js";
export {
  checkMultiMnist,
  freshMultiMnist,
  generateMultiMnist,
  type MultiMnistOptions,
  multiMnistKind,
  originalMultiMnist,
} from "./multi-mnist.js";
export { multiMnist64 } from "./multi-mnist-64.js";
export { generateMultiStrokes, type MultiStrokesOptions, multiStrokes } from "./multi-strokes.js";
export { readNpz, writeNpz } from "./npz.js";
export { readPngFolder } from "./png-folder.js";
export type { DataProgress, Reporting } from "./reporting.js";
export { readSceneFile, type SceneFileIdentity, writeSceneFile } from "./scene-file.js";
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
