export type {
  AirConfig,
  Box,
  DecodedScene,
  DecodeOptions,
  EvidenceOptions,
  ImageEvidence,
  ImageInput,
  InferenceOptions,
  LoadProgress,
  Manifest,
  ObjectExtent,
  ObjectLatents,
  ObjectSummary,
  Picture,
  PictureFit,
  PictureObject,
  PictureOptions,
  PictureScene,
  SampleOptions,
  Scene,
  SceneLatents,
  SceneObject,
  SceneSummary,
  StepReport,
  SummaryOptions,
  SvgOptions,
  Tile,
  Typicality,
  ZWhere,
} from "@air-onnx/core";
export {
  ConfigError,
  type ConfigErrorDetails,
  type ConfigErrorKind,
  type ConfigIssue,
  GraphOutputError,
  type GraphOutputErrorDetails,
  type GraphOutputErrorKind,
  GraphRunError,
  type GraphRunErrorDetails,
  ImageError,
  ModelDisposedError,
  ModelFileError,
  type ModelFileErrorDetails,
  type ModelFileErrorKind,
  type RunnableGraph,
  sceneSvg,
  type TriedAddress,
} from "@air-onnx/core";
export { AirModel, type LoadOptions } from "./air-model.js";
export { countObjects } from "./count-objects.js";
export { type DeviceStatus, listDevices } from "./device-status.js";
export { type Device, devices } from "./devices.js";
export { type DownloadModelOptions, downloadModel } from "./download-model.js";
export * from "./errors.js";
export { MODEL_CACHE } from "./model-cache.js";
export { clearCache, isCached, type SourceOptions } from "./model-source.js";
export type { PictureElement, PictureFile, PictureSource } from "./read-picture.js";
export { configure, type RuntimeSettings, type WasmFiles } from "./settings.js";
