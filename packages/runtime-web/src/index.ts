/**
 * The browser runtime's API, as types: it will be that of `@air-onnx/runtime-node` with other devices and a URL for a
 * folder. Nothing here runs yet.
 */
import type { LoadedModel } from "@air-onnx/core";

export type {
  AirConfig,
  Box,
  DecodedScene,
  DecodeOptions,
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

export type Device = "webgpu" | "wasm";

export interface LoadProgress {
  /** The file that is being loaded, relative to the model's URL. */
  readonly file: string;
  /** Bytes of all files so far, and in all. */
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface LoadOptions {
  /** Where to run. A named device runs there or is an error; `auto` tries `webgpu`, then `wasm`, and says so. */
  readonly device?: Device | "auto" | undefined;
  /** Compare every file's size and SHA-256 with the manifest. */
  readonly verify?: boolean | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Called with a line about each fallback of `auto`. */
  readonly onNotice?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A model opened in the browser. */
export type AirModel = LoadedModel<Device>;

/** What opens one: `url` is the folder that holds `config.json`. */
export type FromPretrained = (url: string | URL, options?: LoadOptions) => Promise<AirModel>;
