/**
 * Finds a model where people have it: in a folder of the page's own server, in an npm package that a server serves, on a hub by
 * its name, or at any other URL; and says what is in the browser's cache.
 */
import {
  type HubOptions,
  hubFolder,
  isHubName,
  isPackageName,
  MANIFEST_FILE,
  ModelFileError,
  notFoundError,
  type StallOption,
  type TriedAddress,
} from "@air-onnx/core";
import { ModelCache } from "./model-cache.js";
import { addressOf, baseOf, type ModelFiles, type ModelFilesOptions, readModelFiles } from "./model-files.js";
import { absoluteUrl, warn } from "./settings.js";

/** Where models are found. */
export interface SourceOptions extends HubOptions, StallOption {
  /** Whether nothing is downloaded: only models in the browser's cache are used. False by default. */
  readonly localFilesOnly?: boolean | undefined;
  /**
   * URL of the folder that serves npm packages, `node_modules/` beside the page by default. A server for packages, such as
   * `https://cdn.jsdelivr.net/npm/`, is asked only if it is named here.
   */
  readonly packages?: string | URL | undefined;
}

/**
 * URLs of the folders in which a model may be, in the order in which they are tried.
 *
 * @param location URL of a folder, relative to the page; `@scope/name` of an npm package; or `org/name` of a hub
 * @throws {RangeError} for a revision or an endpoint that cannot be one
 */
export function folderUrls(location: string | URL, options: SourceOptions): readonly string[] {
  if (options.revision !== undefined) return [hubFolder(String(location), options)];
  const own = absoluteUrl(location);
  if (typeof location !== "string") return [own];
  if (isHubName(location)) return [own, hubFolder(location, options)];
  if (!location.startsWith("@") || !isPackageName(location)) return [own];
  const packages = absoluteUrl(options.packages ?? "node_modules/").replace(/\/*$/, "/");
  return [own, `${packages}${location}/`];
}

/**
 * Reads the model at the first of the URLs that has one. A later one is reported as a notice.
 *
 * @throws {ModelFileError} if none has one, naming each that was tried
 * @throws the errors of {@link readModelFiles}
 */
export async function readModelFrom(
  location: string | URL,
  urls: readonly string[],
  options: ModelFilesOptions,
): Promise<ModelFiles> {
  const tried: TriedAddress[] = [];
  for (const url of urls) {
    try {
      const files = await readModelFiles(url, options);
      if (tried.length > 0) options.onNotice(`"${location}" is no folder of this page: using the model at ${url}`);
      return files;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (urls.length === 1 || !isMissing(error, url)) throw error;
      tried.push({ address: url, reason: `has none: ${error.message}` });
      if (tried.length === urls.length)
        throw notFoundError(String(location), tried, { kind: error.kind, cause: error });
    }
  }
  throw new RangeError("a model has at least one URL");
}

function isMissing(error: unknown, url: string): error is ModelFileError {
  return (
    error instanceof ModelFileError &&
    (error.kind === "unreadable" || error.kind === "unreachable") &&
    error.file === addressOf(MANIFEST_FILE, baseOf(url))
  );
}

/**
 * Tells whether a model is in the browser's cache in full, so that it can be opened without a network.
 *
 * @param location as for `AirModel.fromPretrained`
 * @throws {RangeError} for an invalid option
 */
export async function isCached(location: string | URL, options: SourceOptions = {}): Promise<boolean> {
  const cache = await ModelCache.open(warn);
  for (const url of folderUrls(location, options)) {
    if (await cache?.hasModel(addressOf(MANIFEST_FILE, baseOf(url)))) return true;
  }
  return false;
}

/**
 * Deletes a model from the browser's cache; without a location, all models.
 *
 * @param location as for `AirModel.fromPretrained`
 * @returns whether there was anything to delete
 * @throws {RangeError} for an invalid option
 */
export async function clearCache(location?: string | URL, options: SourceOptions = {}): Promise<boolean> {
  const cache = await ModelCache.open(warn);
  if (location === undefined) return (await cache?.clear()) ?? false;
  let wasThere = false;
  for (const url of folderUrls(location, options)) {
    const deleted = await cache?.deleteModel(addressOf(MANIFEST_FILE, baseOf(url)));
    wasThere ||= deleted ?? false;
  }
  return wasThere;
}
