/**
 * Images to train on and to measure on: data sets by name, generators, readers of users' files, and pictures of scenes.
 * Nothing here loads TensorFlow.js or onnxruntime. The part that also runs in a web page is `@air-onnx/scenes/drawn`.
 */
export { type Augmentation, augmentationSchema, augmentImage } from "./augmentation.js";
export { holdOut, joinScenes, type SplitOptions } from "./brought-images.js";
export {
  type DataAccess,
  type DataPlaces,
  type DatasetChoices,
  type DatasetOptions,
  loadDataset,
  loadObjectTruth,
  loadPacked,
  loadSplits,
  type StreamOptions,
  streamDataset,
} from "./dataset.js";
export {
  type BroughtShape,
  type DatasetConfig,
  type DatasetSettings,
  type DatasetShape,
  type DrawnShape,
  datasetConflicts,
  datasetSettings,
  type EveryDrawnShape,
  type FolderShape,
  heldOutChoices,
  type ImagesConfig,
  imagesName,
  loadTrainingData,
  type NpzShape,
} from "./dataset-config.js";
export * from "./drawn.js";
export * from "./errors.js";
export {
  findStaleTemporaries,
  reasonInWords,
  removeStaleTemporaries,
  syncFolder,
  temporaryPath,
  writeFileAtomic,
} from "./files/atomic-file.js";
export { defaultCacheDir, environmentMnistDir } from "./files/environment.js";
export type { FolderFit } from "./files/fit-images.js";
export { GrowingFile } from "./files/growing-file.js";
export { readImageFolder } from "./files/image-folder.js";
export {
  loadMnist,
  loadMnistPart,
  type Mnist,
  type MnistFile,
  type MnistOptions,
  type MnistPart,
  mnistFiles,
  mnistMirrors,
} from "./files/mnist.js";
export { type NpzKeys, readNpz, writeNpz } from "./files/npz.js";
export { decodePicture, hasPictureName, pictureExtensions, readPicture, readPictures } from "./files/picture.js";
export { readPictureInBytes, whiteOfFiles } from "./files/picture-files.js";
export { type DeepRaster, decodePng, encodePng, type Raster, readPng } from "./files/png.js";
export { type ReadLimit, readWholeFile, readWholeFileSync } from "./files/read-file.js";
export * from "./files/safetensors.js";
export { readSceneFile, type SceneFileIdentity, writeSceneFile } from "./files/scene-file.js";
export { makeFolder, writeInFolder, writePicture } from "./files/write-picture.js";
export {
  type BroughtName,
  type DatasetName,
  datasetNames,
  isBrought,
  MAX_DATA_SEED,
  placeVariables,
  sideOf,
} from "./registry.js";
