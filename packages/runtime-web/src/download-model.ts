/** A model's files for later: downloaded, checked and kept in the browser, not opened. */
import type { LoadingOptions, Manifest } from "@air-onnx/core";
import { LoadMeter } from "./load-meter.js";
import { readModelFiles } from "./model-files.js";
import { absoluteUrl, requireStallSeconds, type StallOption, warn } from "./settings.js";

/** Options of {@link downloadModel}, as {@link AirModel.fromPretrained} has them. */
export interface DownloadOptions extends Omit<LoadingOptions<never>, "device">, StallOption {}

/**
 * Keeps a model in the browser's cache, so that `AirModel.fromPretrained` finds it there, also without a network. What
 * is there already is not downloaded again.
 *
 * @param url of its folder; relative to the page
 * @throws {ModelFileError}, {ConfigError} as `AirModel.fromPretrained`
 * @throws {RangeError} for an invalid option
 * @throws {Error} where the browser does not keep it: in an insecure context, or for lack of room. The model that it kept
 *   before, if any, is still there
 */
export async function downloadModel(url: string | URL, options: DownloadOptions = {}): Promise<Manifest> {
  const { verify, onProgress, onNotice = warn, signal } = options;
  const stallSeconds = requireStallSeconds(options);
  const meter = new LoadMeter(onProgress);
  const reading = { verify, cache: "required", stallSeconds, meter, onNotice, signal } as const;
  const { manifest } = await readModelFiles(absoluteUrl(url), reading);
  return manifest;
}
