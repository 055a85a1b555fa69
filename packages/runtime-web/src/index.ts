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
  ObjectLatents,
  Picture,
  SampleOptions,
  Scene,
  SceneLatents,
  SceneObject,
  StepReport,
  ZWhere,
} from "@air-onnx/core";
export { ConfigError, GraphOutputError, ImageError, ModelDisposedError, ModelFileError } from "@air-onnx/core";
export { AirModel, type LoadOptions } from "./air-model.js";
export { type DeviceStatus, listDevices } from "./device-status.js";
export { type Device, DeviceLostError, DeviceUnavailableError, devices } from "./devices.js";
export { type DownloadOptions, downloadModel } from "./download-model.js";
export { MODEL_CACHE } from "./model-cache.js";
export { configure, type RuntimeSettings, type WasmFiles } from "./settings.js";
export { WorkerUnavailableError } from "./worker-unavailable.js";
