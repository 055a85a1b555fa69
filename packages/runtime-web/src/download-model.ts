/** A model's files for later: downloaded, checked and kept in the browser, not opened. */
import type { LoadingOptions, Manifest } from "@air-onnx/core";
import { LoadMeter } from "./load-meter.js";
import { readModelFiles } from "./model-files.js";
import { absoluteUrl, warn } from "./settings.js";

export type DownloadOptions = Omit<LoadingOptions<never>, "device">;

/**
 * Keeps a model in the browser's cache, so that `AirModel.fromPretrained` finds it there, also without a network. What
 * is there already is not downloaded again.
 *
 * @param url of its folder; relative to the page
 * @throws {ModelFileError}, {ConfigError} as `AirModel.fromPretrained`
 * @throws {Error} where the browser does not keep it: in an insecure context, or for lack of room
 */
export async function downloadModel(url: string | URL, options: DownloadOptions = {}): Promise<Manifest> {
  const { verify, onProgress, onNotice = warn, signal } = options;
  const meter = new LoadMeter(onProgress);
  const { manifest } = await readModelFiles(absoluteUrl(url), { verify, cache: "required", meter, onNotice, signal });
  return manifest;
}
