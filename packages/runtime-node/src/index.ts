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
export { type Device, type DeviceStatus, DeviceUnavailableError, devices, listDevices } from "./devices.js";
export { type LoadProgress, ModelFileError } from "./model-folder.js";
