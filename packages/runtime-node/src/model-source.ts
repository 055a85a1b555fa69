/**
 * Finds a model where people have it: in a folder, in an npm package that is installed, on a hub by its name, or at a URL.
 */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type HubOptions,
  hubFolder,
  isCommit,
  isHubName,
  isPackageName,
  type LoadingOptions,
  MANIFEST_FILE,
  ModelFileError,
  notFoundError,
  requireStallSeconds,
  type StallOption,
  type TriedAddress,
} from "@air-onnx/core";
import { downloadFolder } from "./model-download.js";
import { isGraph, ModelStore } from "./model-store.js";

/** Where models are found and kept. */
export interface SourceOptions extends HubOptions, StallOption {
  /** Address of the hub; HF_ENDPOINT, or `https://huggingface.co`, by default. */
  readonly endpoint?: string | undefined;
  /** Folder for downloaded models; AIR_ONNX_CACHE, or `~/.cache/air-onnx`, by default. */
  readonly cacheDir?: string | undefined;
}

/** Options of {@link modelFolder}. */
export interface ModelFolderSource
  extends SourceOptions,
    Pick<LoadingOptions<never>, "onProgress" | "onNotice" | "signal"> {
  /** Whether to download `onnx/scene.onnx` as well, which the runtime does not need; false by default. */
  readonly sceneFile?: boolean | undefined;
}

/** A model that was found. */
export interface FoundModel {
  /** The folder that holds it. */
  readonly folder: string;
  /** Whether it came from a server, now or before, so that its progress has been told. */
  readonly isDownloaded: boolean;
}

/** A location that was understood, and not yet looked at. */
type Place =
  | { readonly kind: "folder"; readonly folder: string }
  | { readonly kind: "url"; readonly url: string; readonly isPinned: boolean }
  | { readonly kind: "name"; readonly name: string };

/**
 * Finds a model and downloads it if it is not there, without opening it. A relative path is first a folder, then the name of an
 * npm package (`@air-onnx/model-multi-mnist`), then one on a hub (`org/name`).
 *
 * @param location path or `file:` URL of a folder, name of a package, name on a hub, or URL of a folder on a server
 * @returns path of the folder that holds the model. What is in the cache (`cacheDir`) is not to be changed
 * @throws {ModelFileError} if it is nowhere, naming every address that was tried (`tried`); or for a file that is unreachable,
 *   too long, or not the one of the manifest
 * @throws {ConfigError} for a downloaded `config.json` that is not of the right form
 * @throws {ModelNotKeptError} if the cache folder cannot be written
 * @throws {RangeError} for an invalid option
 * @throws the signal's reason, when aborted
 */
export async function modelFolder(location: string | URL, options: ModelFolderSource = {}): Promise<string> {
  return (await findModel(location, options)).folder;
}

/** As {@link modelFolder}. */
export async function findModel(location: string | URL, options: ModelFolderSource = {}): Promise<FoundModel> {
  const { onProgress, signal, sceneFile = false, localFilesOnly = false } = options;
  const { onNotice = (line: string) => process.emitWarning(line, "AirOnnxNotice") } = options;
  const stallSeconds = requireStallSeconds(options);
  const store = new ModelStore(options.cacheDir);
  const download = async (url: string, isPinned: boolean): Promise<FoundModel> => {
    const waiting = { stallSeconds, onProgress, onNotice, signal };
    const folder = await downloadFolder(url, { store, localFilesOnly, isPinned, sceneFile, ...waiting });
    return { folder, isDownloaded: true };
  };
  const place = placeOf(location, options);
  if (place.kind === "folder") return { folder: place.folder, isDownloaded: false };
  if (place.kind === "url") return download(place.url, place.isPinned);

  const { name } = place;
  const tried: TriedAddress[] = [{ address: resolve(name), reason: "is no folder" }];
  const local = await localModel(name, tried);
  if (local !== undefined) return { folder: local, isDownloaded: false };
  if (!isHubName(name)) throw notFoundError(name, tried, { kind: "unreadable" });
  const url = hubFolder(name, withEndpoint(options));
  try {
    return await download(url, false);
  } catch (cause) {
    if (!(cause instanceof ModelFileError) || cause.file !== `${url}${MANIFEST_FILE}`) throw cause;
    tried.push({ address: url, reason: `has none: ${cause.message}` });
    throw notFoundError(name, tried, { kind: cause.kind, cause });
  }
}

/**
 * Tells whether a model can be opened without a network: it is in a folder, in an installed package, or was downloaded in full.
 *
 * @param location as for {@link modelFolder}
 * @throws {RangeError} for an invalid option
 */
export async function isCached(location: string | URL, options: SourceOptions = {}): Promise<boolean> {
  const place = placeOf(location, options);
  if (place.kind === "folder") return await isFolder(place.folder);
  if (place.kind === "name" && (await localModel(place.name, [])) !== undefined) return true;
  const url = downloadUrl(place, options);
  return url !== undefined && (await new ModelStore(options.cacheDir).current(url, isGraph)) !== undefined;
}

/**
 * Deletes what was downloaded of a model, of all its versions; without a location, everything that was downloaded. Folders and
 * packages are left alone.
 *
 * @param location as for {@link modelFolder}
 * @returns whether there was anything to delete
 * @throws {ModelNotKeptError} if it cannot be deleted
 * @throws {RangeError} for an invalid option
 */
export async function clearCache(location?: string | URL, options: SourceOptions = {}): Promise<boolean> {
  const store = new ModelStore(options.cacheDir);
  if (location === undefined) return await store.clear();
  const url = downloadUrl(placeOf(location, options), options);
  return url !== undefined && (await store.clear(url));
}

function placeOf(location: string | URL, options: SourceOptions): Place {
  const { revision } = options;
  const text = String(location);
  if (revision !== undefined) {
    return { kind: "url", url: hubFolder(text, withEndpoint(options)), isPinned: isCommit(revision) };
  }
  if (/^file:/i.test(text)) return { kind: "folder", folder: fileURLToPath(text) };
  if (/^https?:/i.test(text)) return { kind: "url", url: folderUrl(text), isPinned: false };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    throw new ModelFileError(`A model is read from a folder or from a server (http, https), not from ${text}`, {
      kind: "location",
      file: text,
    });
  }
  // The name of something here is not sent to a hub.
  return (isHubName(text) || isPackageName(text)) && !existsSync(text)
    ? { kind: "name", name: text }
    : { kind: "folder", folder: resolve(text) };
}

/** URL of the folder with a final slash, without query and fragment. */
function folderUrl(text: string): string {
  if (!URL.canParse(text)) throw new ModelFileError(`"${text}" is no URL`, { kind: "location", file: text });
  const url = new URL(text);
  url.search = "";
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}

function downloadUrl(place: Place, options: SourceOptions): string | undefined {
  if (place.kind === "url") return place.url;
  return place.kind === "name" && isHubName(place.name) ? hubFolder(place.name, withEndpoint(options)) : undefined;
}

function withEndpoint({ endpoint, ...options }: SourceOptions): HubOptions {
  return { ...options, endpoint: endpoint ?? (process.env.HF_ENDPOINT || undefined) };
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );

/** The folder of a name, or that of an installed package; undefined if there is neither, with a line for each package tried. */
async function localModel(name: string, tried: TriedAddress[]): Promise<string | undefined> {
  if (await isFolder(resolve(name))) return resolve(name);
  if (!isPackageName(name)) return undefined;
  // A package belongs to the project that is worked in, to the program that runs, or to the project of this runtime.
  const places = [join(process.cwd(), "a-module.js"), process.argv[1], import.meta.url];
  for (const place of places) {
    if (place === undefined) continue;
    try {
      return dirname(createRequire(place).resolve(`${name}/${MANIFEST_FILE}`));
    } catch {
      // Looked for in the next place.
    }
  }
  tried.push({
    address: `npm package ${name}`,
    reason: `is not installed, or has no ${MANIFEST_FILE}`,
  });
  return undefined;
}
