/**
 * Downloads a model's folder from a server into the cache on disk. The manifest is asked for again whenever there is a network,
 * because it says whether the kept graphs are still the right ones; those of a commit never change, and are not.
 *
 * The server is not trusted: nothing is fetched from outside of the folder, downloads end at a size limit, and every graph is
 * compared with the manifest before it is kept.
 */
import { createHash } from "node:crypto";
import {
  downloadBounded,
  graphFault,
  integrityFault,
  type LoadingOptions,
  MANIFEST_FILE,
  MAX_MANIFEST_BYTES,
  type ManifestFile,
  ModelFileError,
  parseManifest,
} from "@air-onnx/core";
import { isGraph, type ModelStore, wantedFiles } from "./model-store.js";

/** Options of {@link downloadFolder}. */
export interface FolderDownload extends Pick<LoadingOptions<never>, "onProgress"> {
  readonly store: ModelStore;
  /** Whether nothing is fetched: the model must be kept already. */
  readonly localFilesOnly: boolean;
  /** Whether the files at this URL never change, so that a kept manifest need not be asked for again. */
  readonly isPinned: boolean;
  /** Whether the scene file, which the runtime does not need, is wanted too. */
  readonly sceneFile: boolean;
  /** Seconds without a byte after which a download fails. */
  readonly stallSeconds: number;
  readonly onNotice: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

const unreachableAdvice = "no network, or a wrong address";

/**
 * Downloads what is not kept yet of the model at `url`, the folder's URL with a final slash.
 *
 * @returns the model folder in the cache
 * @throws {ModelFileError} naming the URL of the file that is missing, unreachable, too long or not the one of the manifest
 * @throws {ConfigError} for a manifest that is not of the right form
 * @throws {ModelNotKeptError} if the cache folder cannot be written
 * @throws the signal's reason, when aborted
 */
export async function downloadFolder(url: string, options: FolderDownload): Promise<string> {
  const { store, localFilesOnly, isPinned, sceneFile, stallSeconds, onNotice, onProgress } = options;
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const isWanted = (name: string): boolean => isGraph(name) || (sceneFile && name === "scene");
  const kept = await store.current(url, isWanted);
  if (kept && (localFilesOnly || isPinned)) return kept.folder;
  const manifestUrl = addressOf(MANIFEST_FILE, url);
  if (localFilesOnly) {
    throw new ModelFileError(
      `${manifestUrl} is not in the cache (${store.folder}), and localFilesOnly forbids downloads`,
      {
        kind: "unreachable",
        file: manifestUrl,
      },
    );
  }
  const waiting = { unreachableAdvice, stallSeconds, signal };
  let text: Uint8Array;
  try {
    const [limit, what] = [MAX_MANIFEST_BYTES, "JSON"];
    text = await downloadBounded(manifestUrl, {
      limit,
      what,
      tooLong: `is too long: it may have ${limit} bytes`,
      ...waiting,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!kept || !(error instanceof ModelFileError) || error.kind !== "unreachable") throw error;
    onNotice(`${manifestUrl} cannot be reached: using the model as it was downloaded before`);
    return kept.folder;
  }
  const manifest = parseManifest(text, manifestUrl);
  const files = wantedFiles(manifest, isWanted);
  const folder = store.versionFolder(url, text);
  const totalBytes = files.reduce((total, [, { size }]) => total + size, 0);
  let loadedBytes = 0;
  for (const [, file] of files) {
    const before = loadedBytes;
    const report = (bytes: number): void => {
      loadedBytes = before + bytes;
      onProgress?.({ file: file.path, loadedBytes, totalBytes });
    };
    const isThere =
      (await store.has(folder, file)) || (kept !== undefined && (await store.takeOver(kept, folder, file)));
    if (!isThere)
      await store.write(folder, file.path, await downloadGraph(addressOf(file.path, url), file, waiting, report));
    if (loadedBytes < before + file.size) report(file.size);
  }
  signal.throwIfAborted();
  await store.complete(folder, text);
  return folder;
}

/** The path of a manifest has only names that mean the same in a URL, so that this never leaves the folder. */
const addressOf = (path: string, folder: string): string => new URL(path, folder).href;

async function downloadGraph(
  url: string,
  file: ManifestFile,
  waiting: { readonly unreachableAdvice: string; readonly stallSeconds: number; readonly signal: AbortSignal },
  report: (bytes: number) => void,
): Promise<Uint8Array> {
  const limit = file.size;
  let received = 0;
  const bytes = await downloadBounded(url, {
    ...{ limit, expected: limit, what: "an ONNX graph", ...waiting },
    tooLong: `is too long: ${MANIFEST_FILE} says ${limit} bytes. ${AGAIN}`,
    onBytes(more) {
      received += more;
      report(received);
    },
  });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const fault = integrityFault({ size: bytes.length, sha256 }, file);
  if (fault !== undefined) throw new ModelFileError(`${url} ${fault}. ${AGAIN}`, { kind: "damaged", file: url });
  const notGraph = graphFault(bytes);
  if (notGraph !== undefined) throw new ModelFileError(`${url} ${notGraph}`, { kind: "graph", file: url });
  return bytes;
}

const AGAIN = "Download it again; if that does not help, its folder has to be uploaded again";
