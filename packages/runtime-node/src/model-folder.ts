/**
 * A model folder on disk → its manifest and the bytes of its graphs, proven to be the ones that were exported. The bytes
 * that were checked are the bytes that are run.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type GraphName,
  graphNames,
  integrityFault,
  type LoadingOptions,
  MANIFEST_FILE,
  type Manifest,
  type ManifestFile,
  ModelFileError,
  parseManifest,
} from "@air-onnx/core";

export interface ReadOptions extends Pick<LoadingOptions<never>, "onProgress" | "signal"> {
  /** Compare every file's size and SHA-256 with the manifest. */
  readonly verify: boolean;
}

/**
 * @param location a path or a `file:` URL
 * @throws {ModelFileError} naming the file that is missing, truncated or changed
 * @throws {ConfigError} for a manifest that is not JSON or not of the right form
 */
export async function readModelFolder(
  location: string | URL,
  { verify, onProgress, signal }: ReadOptions,
): Promise<{ manifest: Manifest; graphs: Record<GraphName, Uint8Array> }> {
  const folder = folderPath(location);
  const manifestPath = join(folder, MANIFEST_FILE);
  const manifest = parseManifest((await readModelFile(manifestPath, signal)).toString("utf8"), manifestPath);
  const totalBytes = graphNames.reduce((total, name) => total + manifest.files[name].size, 0);
  let loadedBytes = 0;
  const graphs: Partial<Record<GraphName, Uint8Array>> = {};
  for (const name of graphNames) {
    const file = manifest.files[name];
    const path = join(folder, file.path);
    const bytes = await readModelFile(path, signal);
    if (verify) checkIntegrity(path, bytes, file);
    graphs[name] = bytes;
    loadedBytes += file.size;
    onProgress?.({ file: file.path, loadedBytes, totalBytes });
  }
  return { manifest, graphs: graphs as Record<GraphName, Uint8Array> };
}

function folderPath(location: string | URL): string {
  if (location instanceof URL || location.startsWith("file:")) return fileURLToPath(location);
  if (/^[a-z]+:\/\//i.test(location)) {
    throw new ModelFileError(`A model is read from a folder, not from ${location}: download it first`);
  }
  return resolve(location);
}

async function readModelFile(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    return await readFile(path, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    const code = (cause as NodeJS.ErrnoException).code;
    const what = code === "ENOENT" || code === "ENOTDIR" ? "is missing" : `cannot be read (${code})`;
    throw new ModelFileError(
      `${path} ${what}: a model folder holds ${MANIFEST_FILE} and the graphs that it names, as written by an export`,
      { cause },
    );
  }
}

function checkIntegrity(path: string, bytes: Buffer, expected: ManifestFile): void {
  const { length: size } = bytes;
  // A file of another size needs no hash.
  const found = size === expected.size ? { size, sha256: createHash("sha256").update(bytes).digest("hex") } : { size };
  const fault = integrityFault(found, expected);
  if (fault !== undefined) throw new ModelFileError(`${path} ${fault}. Copy or export it again`);
}
