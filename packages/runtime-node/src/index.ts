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
export {
  type Device,
  type DeviceStatus,
  DeviceUnavailableError,
  devices,
  listDevices,
  whyUnavailable,
} from "./devices.js";
export { cpuNodes, type NodePlacement, placeNodes } from "./node-placement.js";
