/**
 * Reads a model folder from disk: its manifest and the bytes of its graphs, verified to be the exported ones. Exactly the
 * verified bytes are run: a graph whose weights are in another file is refused.
 *
 * The folder is not trusted: sizes are checked before anything is read.
 */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type GraphName,
  graphFault,
  graphNames,
  integrityFault,
  type LoadingOptions,
  MANIFEST_FILE,
  MAX_GRAPH_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestFile,
  ModelFileError,
  parseManifest,
} from "@air-onnx/core";
import { readBoundedFile } from "./bounded-file.js";

/** Options of {@link readModelFolder}. */
export interface ModelFolderOptions extends Pick<LoadingOptions<never>, "onProgress" | "signal"> {
  /** Whether to compare every file's size and SHA-256 with the manifest. */
  readonly verify: boolean;
}

/**
 * Reads the manifest and the graphs of a model folder.
 *
 * @param location path or `file:` URL of the folder
 * @throws {ModelFileError} naming the file that is missing, truncated, changed, too large, not a regular file, outside of
 *   the folder, or not an ONNX model with all weights in the file
 * @throws {ConfigError} for a manifest that is not JSON or not of the right form
 * @throws the signal's reason, when aborted
 */
export async function readModelFolder(
  location: string | URL,
  { verify, onProgress, signal }: ModelFolderOptions,
): Promise<{ manifest: Manifest; graphs: Record<GraphName, Uint8Array> }> {
  const folder = folderPath(location);
  const sizeFault = (size: number): string | undefined => tooLarge(size, MAX_MANIFEST_BYTES);
  const text = await readBoundedFile(folder, MANIFEST_FILE, { sizeFault, advice: ADVICE, signal });
  const manifest = parseManifest(text, join(folder, MANIFEST_FILE));
  const totalBytes = graphNames.reduce((total, name) => total + manifest.files[name].size, 0);
  let loadedBytes = 0;
  const graphs: Partial<Record<GraphName, Uint8Array>> = {};
  for (const name of graphNames) {
    const file = manifest.files[name];
    const bytes = await readGraph(folder, file, verify, signal);
    graphs[name] = bytes;
    loadedBytes += file.size;
    onProgress?.({ file: file.path, loadedBytes, totalBytes });
  }
  return { manifest, graphs: graphs as Record<GraphName, Uint8Array> };
}

/**
 * Reads the scene file of a model folder, which {@link readModelFolder} leaves out because the runtime does not need it.
 *
 * @param manifest manifest of the folder
 * @returns undefined if the model has none
 * @throws the errors of {@link readModelFolder}
 */
export async function readSceneFile(
  location: string | URL,
  manifest: Manifest,
  { verify, signal }: Pick<ModelFolderOptions, "verify" | "signal">,
): Promise<Uint8Array | undefined> {
  const file = manifest.files.scene;
  return file && (await readGraph(folderPath(location), file, verify, signal));
}

function folderPath(location: string | URL): string {
  if (location instanceof URL || location.startsWith("file:")) return fileURLToPath(location);
  if (/^[a-z]+:\/\//i.test(location)) {
    throw new ModelFileError(`A model is read from a folder, not from ${location}: download it first`, {
      kind: "location",
      file: location,
    });
  }
  return resolve(location);
}

const ADVICE = `a model folder holds ${MANIFEST_FILE} and the graphs that it names, as written by an export`;
const AGAIN = "Copy or export it again";

async function readGraph(
  folder: string,
  file: ManifestFile,
  verify: boolean,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const sizeFault = (size: number): string | undefined => {
    const fault = verify ? integrityFault({ size }, file) : undefined;
    return fault === undefined ? tooLarge(size, MAX_GRAPH_BYTES) : `${fault}. ${AGAIN}`;
  };
  const path = join(folder, file.path);
  const bytes = await readBoundedFile(folder, file.path, { sizeFault, advice: ADVICE, signal });
  if (verify) {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const fault = integrityFault({ size: bytes.length, sha256 }, file);
    if (fault !== undefined) throw new ModelFileError(`${path} ${fault}. ${AGAIN}`, { kind: "damaged", file: path });
  }
  const fault = graphFault(bytes);
  if (fault !== undefined) throw new ModelFileError(`${path} ${fault}`, { kind: "graph", file: path });
  return bytes;
}

function tooLarge(size: number, most: number): string | undefined {
  return size > most ? `is too large: it has ${size} bytes, and may have ${most}` : undefined;
}
