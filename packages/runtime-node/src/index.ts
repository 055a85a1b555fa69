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
export {
  listDevices,
  PROBE_TIME_LIMIT,
  type ProbeOptions,
  printedMeanwhile,
  probeDevice,
  requireProbedDevice,
} from "./device-probe.js";
export {
  type Device,
  type DeviceStatus,
  devices,
  whyUnavailable,
} from "./devices.js";
export {
  DeviceUnavailableError,
  ModelNotKeptError,
  type ModelNotKeptErrorDetails,
  ModelPoolError,
  type ModelPoolErrorKind,
} from "./errors.js";
export {
  ModelPool,
  type ModelPoolOptions,
  type PoolCallOptions,
  type PoolOptions,
  type PoolPictureSource,
} from "./model-pool.js";
export { clearCache, isCached, type ModelFolderSource, modelFolder, type SourceOptions } from "./model-source.js";
export { cpuNodes, type NodePlacement, placeNodes } from "./node-placement.js";
export type { PoolLoadOptions } from "./pool-messages.js";
export type { PictureFile, PictureSource } from "./read-picture.js";
