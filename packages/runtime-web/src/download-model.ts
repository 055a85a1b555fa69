/** Downloads a model for later: its files are verified and kept in the browser, but not opened. */
import { type LoadingOptions, type Manifest, requireStallSeconds } from "@air-onnx/core";
import { LoadMeter } from "./load-meter.js";
import { folderUrls, readModelFrom, type SourceOptions } from "./model-source.js";
import { warn } from "./settings.js";

/** Options of {@link downloadModel}, with the meaning that they have for `AirModel.fromPretrained`. */
export interface DownloadModelOptions extends Omit<LoadingOptions<never>, "device">, SourceOptions {}

/**
 * Puts a model into the browser's cache, so that `AirModel.fromPretrained` finds it there, even without a network. Files
 * that are already there are not downloaded again.
 *
 * @param location URL of the model's folder, relative to the page, or its name: see `AirModel.fromPretrained`
 * @returns the model's manifest
 * @throws {ModelFileError} for the same faults as `AirModel.fromPretrained`
 * @throws {ConfigError} for a `config.json` that is not of the right form
 * @throws {RangeError} for an invalid option
 * @throws {Error} if the browser cannot keep it: in an insecure context, or for lack of storage. A version that was kept
 *   before stays
 */
export async function downloadModel(location: string | URL, options: DownloadModelOptions = {}): Promise<Manifest> {
  const { verify, onProgress, onNotice = warn, signal, localFilesOnly = false } = options;
  const stallSeconds = requireStallSeconds(options);
  const meter = new LoadMeter(onProgress);
  const reading = { verify, cache: "required", localFilesOnly, stallSeconds, meter, onNotice, signal } as const;
  const { manifest } = await readModelFrom(location, folderUrls(location, options), reading);
  return manifest;
}
