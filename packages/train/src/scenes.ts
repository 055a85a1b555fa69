/**
 * Scenes, pictures of them, and the files that these are written to: all that a command needs which trains nothing. It loads
 * neither TensorFlow.js nor onnxruntime.
 */
export { FileError, reasonInWords, temporaryPath, writeFileAtomic } from "./atomic-file.js";
export { fillBatch, pixelsPerImage, type SceneSet } from "./data/scene-set.js";
export * from "./pictures/index.js";
