export type {
  AirConfig,
  Box,
  DecodedScene,
  DecodeOptions,
  EvidenceOptions,
  ImageEvidence,
  ImageInput,
  InferenceOptions,
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
export { ConfigError, GraphOutputError, ImageError, ModelDisposedError } from "@air-onnx/core";
export { AirModel, type LoadOptions } from "./air-model.js";
export { type DeviceStatus, listDevices } from "./device-status.js";
export { type Device, DeviceLostError, DeviceUnavailableError, devices } from "./devices.js";
export { MODEL_CACHE } from "./model-cache.js";
export { type LoadProgress, ModelFileError } from "./model-files.js";
export { configure, type RuntimeSettings, type WasmFiles } from "./settings.js";
export { WorkerUnavailableError } from "./worker-unavailable.js";
