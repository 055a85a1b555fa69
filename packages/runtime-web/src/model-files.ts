/**
 * Reads a model's folder from a server: its manifest and the bytes of its graphs, verified to be the exported ones.
 * Downloaded graphs are kept in the browser's cache. The manifest is requested again whenever there is a network, because
 * it says whether the kept graphs are still the right ones.
 *
 * The server is not trusted: nothing is fetched from outside of the folder, and downloads end at a size limit.
 */
import {
  downloadBounded,
  type FoundFile,
  type GraphName,
  graphFault,
  graphNames,
  integrityFault,
  MANIFEST_FILE,
  MAX_GRAPH_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestFile,
  ModelFileError,
  parseManifest,
} from "@air-onnx/core";
import { ModelNotKeptError } from "./errors.js";
import type { LoadMeter } from "./load-meter.js";
import { type KeptGraph, ModelCache } from "./model-cache.js";

/** Options of {@link readModelFiles}. */
export interface ModelFilesOptions {
  /** Whether to compare sizes and SHA-256 with the manifest; undefined compares what the page is able to. */
  readonly verify: boolean | undefined;
  /** Whether to keep the graphs in the browser; with `required`, a failure to keep them is an error. */
  readonly cache: boolean | "required";
  /** Whether nothing is downloaded: the model must be in the cache. */
  readonly localFilesOnly: boolean;
  /** Seconds without a byte after which a download fails. */
  readonly stallSeconds: number;
  /** Counts the loaded bytes. */
  readonly meter: LoadMeter;
  /** Called with one line about each thing that differs from what was asked for. */
  readonly onNotice: (line: string) => void;
  /** Aborts all downloads. */
  readonly signal: AbortSignal | undefined;
}

/** A model's manifest and serialised graphs. */
export interface ModelFiles {
  readonly manifest: Manifest;
  readonly graphs: Readonly<Record<GraphName, Uint8Array<ArrayBuffer>>>;
}

/**
 * Reads a model's files, from the cache or from the server.
 *
 * @param folder absolute URL of the folder
 * @throws {ModelFileError} naming the file that is missing, truncated, too long, changed, outside of the folder, stalled, a
 *   web page, or not an ONNX model with all weights in the file
 * @throws {ConfigError} for a manifest that is not of the right form
 */
export async function readModelFiles(folder: string, options: ModelFilesOptions): Promise<ModelFiles> {
  const { meter } = options;
  const checks = integrityChecks(options);
  const cache = await openCache(options);
  const base = baseOf(folder);
  // One failure ends the other downloads.
  const downloads = new AbortController();
  const abort = (): void => downloads.abort(options.signal?.reason);
  options.signal?.throwIfAborted();
  options.signal?.addEventListener("abort", abort);
  try {
    const url = addressOf(MANIFEST_FILE, base);
    const { manifest, text } = await readManifest(url, cache, options, downloads.signal);
    meter.expectModel(graphNames.reduce((total, name) => total + manifest.files[name].size, 0));
    const { localFilesOnly, stallSeconds } = options;
    const graphs = await Promise.all(
      graphNames.map((name) => {
        const file = manifest.files[name];
        const report = (bytes: number): void => meter.add(file.path, bytes);
        const request = { cache, localFilesOnly, checks, report, stallSeconds, signal: downloads.signal };
        return readGraph(addressOf(file.path, base), file, request);
      }),
    );
    options.signal?.throwIfAborted();
    if (cache && text !== undefined) await keep(cache, url, text, graphs, checks);
    options.signal?.throwIfAborted();
    const bytes = graphNames.map((name, i) => [name, graphs[i]!.bytes] as const);
    return { manifest, graphs: Object.fromEntries(bytes) as Record<GraphName, Uint8Array<ArrayBuffer>> };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    downloads.abort();
    options.signal?.removeEventListener("abort", abort);
  }
}

/**
 * Checks a model's files that are in memory already.
 *
 * @param files contents by their paths in the model's folder
 * @throws as {@link readModelFiles}
 */
export async function checkModelFiles(
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  options: Pick<ModelFilesOptions, "verify" | "onNotice" | "meter">,
): Promise<ModelFiles> {
  const fileOf = (path: string): Uint8Array<ArrayBuffer> => {
    const bytes = files.get(path);
    if (bytes) return bytes;
    const there = [...files.keys()].join(", ") || "none";
    throw new ModelFileError(`The file ${path} is missing; given are: ${there}`, { kind: "unreadable", file: path });
  };
  const checks = integrityChecks(options);
  const manifest = parseManifest(fileOf(MANIFEST_FILE), MANIFEST_FILE);
  options.meter.expectModel(graphNames.reduce((total, name) => total + manifest.files[name].size, 0));
  const graphs = await Promise.all(
    graphNames.map(async (name) => {
      const file = manifest.files[name];
      const bytes = fileOf(file.path);
      const fault = await faultOf(bytes, file, checks);
      if (fault !== undefined) throw new ModelFileError(`${file.path} ${fault}`, { kind: "damaged", file: file.path });
      options.meter.add(file.path, file.size);
      return [name, bytes] as const;
    }),
  );
  return { manifest, graphs: Object.fromEntries(graphs) as ModelFiles["graphs"] };
}

/** URL of the folder to which its files' paths are relative: with a final slash, without query and fragment. */
export function baseOf(folder: string): URL {
  const base = new URL(folder);
  base.search = "";
  base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

/**
 * URL of a file from its path in the folder.
 *
 * @throws {ModelFileError} if that URL, as browsers resolve it, is outside of the folder
 */
export function addressOf(path: string, base: URL): string {
  let url: URL | undefined;
  try {
    url = new URL(path, base);
  } catch {
    // The folder's URL cannot be a base, such as a data: URL.
  }
  if (url?.protocol === base.protocol && url.host === base.host && url.pathname.startsWith(base.pathname))
    return url.href;
  throw new ModelFileError(`${base.href} is no folder that has the file "${path}": a model's files are all within it`, {
    kind: "location",
    file: path,
  });
}

/** @throws {ModelNotKeptError} where the browser keeps nothing, if it must */
async function openCache({ cache, onNotice }: ModelFilesOptions): Promise<ModelCache | undefined> {
  if (cache !== "required") return cache ? ModelCache.open(onNotice) : undefined;
  const required = await ModelCache.open((line) => {
    throw new ModelNotKeptError(line, "refused");
  });
  if (required) return required;
  throw new ModelNotKeptError(
    "This browser keeps nothing here: the page is no secure context (https or localhost), or storage is forbidden",
    "unavailable",
  );
}

/** Properties of files that are compared with the manifest. */
interface Checks {
  readonly size: boolean;
  readonly hash: boolean;
}

/** @throws {ModelFileError} if hashes were requested where they cannot be computed */
function integrityChecks({ verify, onNotice }: Pick<ModelFilesOptions, "verify" | "onNotice">): Checks {
  if (verify === false) return { size: false, hash: false };
  if (globalThis.crypto?.subtle !== undefined) return { size: true, hash: true };
  const why =
    "the SHA-256 of files can only be checked in a secure context (https or localhost), which this page is not";
  if (verify) throw new ModelFileError(`verify: true, but ${why}`, { kind: "unverifiable" });
  onNotice(`${why}: only their sizes are`);
  return { size: true, hash: false };
}

/** @returns the manifest, and its text if it was downloaded rather than read from the cache */
async function readManifest(
  url: string,
  cache: ModelCache | undefined,
  { localFilesOnly, stallSeconds, onNotice }: ModelFilesOptions,
  signal: AbortSignal,
): Promise<{ manifest: Manifest; text: string | undefined }> {
  if (localFilesOnly) {
    const kept = await cache?.manifest(url);
    if (kept !== undefined) return { manifest: parseManifest(kept, url), text: undefined };
    throw notInCache(url);
  }
  const limit = MAX_MANIFEST_BYTES;
  const tooLong = `is too long: it may have ${limit} bytes`;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await downloadBounded(url, { limit, tooLong, what: "JSON", unreachableAdvice, stallSeconds, signal });
  } catch (error) {
    signal.throwIfAborted();
    const kept =
      error instanceof ModelFileError && error.kind === "unreachable" ? await cache?.manifest(url) : undefined;
    if (kept === undefined) throw error;
    onNotice(`${url} cannot be reached: using the model as it was downloaded before`);
    return { manifest: parseManifest(kept, url), text: undefined };
  }
  return { manifest: parseManifest(bytes, url), text: new TextDecoder().decode(bytes) };
}

function notInCache(url: string): ModelFileError {
  return new ModelFileError(`${url} is not in the browser's cache, and localFilesOnly forbids downloads`, {
    kind: "unreachable",
    file: url,
  });
}

interface GraphRequest {
  readonly cache: ModelCache | undefined;
  readonly localFilesOnly: boolean;
  readonly checks: Checks;
  /** Called with the number of new bytes whenever some have arrived. */
  readonly report: (bytes: number) => void;
  readonly stallSeconds: number;
  readonly signal: AbortSignal;
}

async function readGraph(
  url: string,
  file: ManifestFile,
  { cache, localFilesOnly, checks, report, stallSeconds, signal }: GraphRequest,
): Promise<KeptGraph> {
  const kept = await cache?.graph(url, file.sha256);
  if (kept && (await faultOf(kept, file, checks)) === undefined) {
    report(file.size);
    return { url, file, bytes: kept, isNew: false };
  }
  if (localFilesOnly) throw notInCache(url);
  let received = 0;
  const onBytes = (more: number): void => {
    // An unverified file may have another size than the manifest says; reports still add up to the announced total.
    report(Math.min(received + more, file.size) - Math.min(received, file.size));
    received += more;
  };
  const limit = checks.size ? file.size : MAX_GRAPH_BYTES;
  const says = checks.size ? `${MANIFEST_FILE} says ${limit} bytes. ${AGAIN}` : `a graph may have ${limit} bytes`;
  const tooLong = `is too long: ${says}`;
  const what = "an ONNX graph";
  const expected = file.size;
  const request = { limit, tooLong, expected, what, unreachableAdvice, stallSeconds, signal, onBytes };
  const bytes = await downloadBounded(url, request);
  const fault = await faultOf(bytes, file, checks);
  if (fault !== undefined) throw new ModelFileError(`${url} ${fault}`, { kind: "damaged", file: url });
  return { url, file, bytes, isNew: true };
}

const AGAIN = "Upload the model's folder again";
const unreachableAdvice =
  "no network, a wrong address, or a server of another origin that does not allow this one (CORS)";

/** Keeps a completely downloaded model, if it matches the manifest; this is checked even without `verify`. */
async function keep(
  cache: ModelCache,
  url: string,
  manifest: string,
  graphs: readonly KeptGraph[],
  checks: Checks,
): Promise<void> {
  if (!checks.hash) {
    for (const { url: graph, file, bytes } of graphs) {
      const fault = await faultOf(bytes, file, { size: true, hash: true });
      if (fault !== undefined) return cache.refuse(url, `${graph} ${fault}`);
    }
  }
  await cache.keep(url, manifest, graphs);
}

/** Describes what is wrong with the bytes of a file, within the `checks`, in words that follow its name. */
async function faultOf(
  bytes: Uint8Array<ArrayBuffer>,
  expected: ManifestFile,
  checks: Checks,
): Promise<string | undefined> {
  const { length: size } = bytes;
  if (checks.size) {
    const found: FoundFile = checks.hash && size === expected.size ? { size, sha256: await sha256Of(bytes) } : { size };
    const fault = integrityFault(found, expected);
    if (fault !== undefined) return `${fault}. ${AGAIN}`;
  }
  return graphFault(bytes);
}

async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
