/**
 * A model's folder on a server → its manifest and the bytes of its graphs, proven to be the ones that were exported.
 * Graphs that were downloaded once are kept in the browser's cache; the manifest is asked for anew while there is a
 * network, because it says whether they are still the right ones.
 */
import {
  type FoundFile,
  type GraphName,
  graphNames,
  integrityFault,
  MANIFEST_FILE,
  type Manifest,
  type ManifestFile,
  ModelFileError,
  parseManifest,
} from "@air-onnx/core";
import type { LoadMeter } from "./load-meter.js";
import { ModelCache } from "./model-cache.js";

export interface ReadOptions {
  /** Compare size and SHA-256 with the manifest. Undefined: as far as the page can. */
  readonly verify: boolean | undefined;
  /** Keep the graphs in the browser; `required`: or fail. */
  readonly cache: boolean | "required";
  readonly meter: LoadMeter;
  readonly onNotice: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

export interface ModelFiles {
  readonly manifest: Manifest;
  readonly graphs: Readonly<Record<GraphName, Uint8Array<ArrayBuffer>>>;
}

/**
 * @param folder absolute URL
 * @throws {ModelFileError} naming the file that is missing, truncated, changed, or a web page instead
 * @throws {ConfigError} for a manifest that is not of the right form
 */
export async function readModelFiles(folder: string, options: ReadOptions): Promise<ModelFiles> {
  const { meter } = options;
  const checks = integrityChecks(options);
  const cache = await openCache(options);
  const base = folder.endsWith("/") ? folder : `${folder}/`;
  // One failure ends the other downloads.
  const downloads = new AbortController();
  const abort = (): void => downloads.abort(options.signal?.reason);
  options.signal?.throwIfAborted();
  options.signal?.addEventListener("abort", abort);
  try {
    const manifest = await readManifest(new URL(MANIFEST_FILE, base).href, cache, options, downloads.signal);
    meter.expectModel(graphNames.reduce((total, name) => total + manifest.files[name].size, 0));
    const graphs = await Promise.all(
      graphNames.map(async (name) => {
        const file = manifest.files[name];
        const report = (bytes: number): void => meter.add(file.path, bytes);
        const url = new URL(file.path, base).href;
        return [name, await readGraph(url, file, { cache, checks, report, signal: downloads.signal })] as const;
      }),
    );
    options.signal?.throwIfAborted();
    return { manifest, graphs: Object.fromEntries(graphs) as Record<GraphName, Uint8Array<ArrayBuffer>> };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    downloads.abort();
    options.signal?.removeEventListener("abort", abort);
  }
}

/** @throws {Error} where the browser keeps nothing, if it must */
async function openCache({ cache, onNotice }: ReadOptions): Promise<ModelCache | undefined> {
  if (cache !== "required") return cache ? ModelCache.open(onNotice) : undefined;
  const required = await ModelCache.open((line) => {
    throw new Error(line);
  });
  if (required) return required;
  throw new Error(
    "This browser keeps nothing here: the page is no secure context (https or localhost), or storage is forbidden",
  );
}

/** What is compared with the manifest. */
interface Checks {
  readonly size: boolean;
  readonly hash: boolean;
}

/** @throws {ModelFileError} if hashes were asked for where they cannot be computed */
function integrityChecks({ verify, onNotice }: ReadOptions): Checks {
  if (verify === false) return { size: false, hash: false };
  if (globalThis.crypto?.subtle !== undefined) return { size: true, hash: true };
  const why =
    "the SHA-256 of files can only be checked in a secure context (https or localhost), which this page is not";
  if (verify) throw new ModelFileError(`verify: true, but ${why}`);
  onNotice(`${why}: only their sizes are`);
  return { size: true, hash: false };
}

async function readManifest(
  url: string,
  cache: ModelCache | undefined,
  { onNotice }: ReadOptions,
  signal: AbortSignal,
): Promise<Manifest> {
  let text: string;
  try {
    const response = await request(url, signal);
    text = await response.text();
    checkNotWebPage(url, text.slice(0, 256), "JSON");
  } catch (error) {
    signal.throwIfAborted();
    const kept = error instanceof UnreachableError ? await cache?.manifest(url) : undefined;
    if (kept === undefined) throw asFileError(error, url);
    onNotice(`${url} cannot be reached: using the model as it was downloaded before`);
    return parseManifest(kept, url);
  }
  const manifest = parseManifest(text, url);
  await cache?.keepManifest(url, text);
  return manifest;
}

interface GraphRequest {
  readonly cache: ModelCache | undefined;
  readonly checks: Checks;
  /** Told of every so many bytes more. */
  readonly report: (bytes: number) => void;
  readonly signal: AbortSignal;
}

async function readGraph(
  url: string,
  file: ManifestFile,
  { cache, checks, report, signal }: GraphRequest,
): Promise<Uint8Array<ArrayBuffer>> {
  const kept = await cache?.graph(url, file.sha256);
  if (kept && (await faultOf(kept, file, checks)) === undefined) {
    report(file.size);
    return kept;
  }
  signal.throwIfAborted();
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await download(url, file, checks, report, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw asFileError(error, url);
  }
  const fault = await faultOf(bytes, file, checks);
  if (fault !== undefined) throw new ModelFileError(`${url} ${fault}. Upload the model's folder again`);
  signal.throwIfAborted();
  await cache?.keepGraph(url, file.sha256, bytes);
  return bytes;
}

async function download(
  url: string,
  file: ManifestFile,
  checks: Checks,
  report: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, signal);
  const reader = response.body!.getReader();
  let bytes = new Uint8Array(file.size);
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new ModelFileError(`${url} broke off after ${received} of ${file.size} bytes: try again`, { cause });
    });
    if (done) break;
    if (received === 0) checkNotWebPage(url, new TextDecoder().decode(value.subarray(0, 256)), "an ONNX graph");
    if (received + value.length > bytes.length) {
      if (checks.size) {
        await reader.cancel();
        throw new ModelFileError(
          `${url} is too long: ${MANIFEST_FILE} says ${file.size} bytes. Upload the model's folder again`,
        );
      }
      const longer = new Uint8Array(2 * (received + value.length));
      longer.set(bytes.subarray(0, received));
      bytes = longer;
    }
    bytes.set(value, received);
    // A file of another size than the manifest's, unverified, still adds up to the announced total.
    report(Math.min(received + value.length, file.size) - Math.min(received, file.size));
    received += value.length;
  }
  return received === bytes.length ? bytes : bytes.slice(0, received);
}

/** What is wrong with the bytes of a file, as far as it is checked, in words that follow its name. */
async function faultOf(
  bytes: Uint8Array<ArrayBuffer>,
  expected: ManifestFile,
  checks: Checks,
): Promise<string | undefined> {
  if (!checks.size) return undefined;
  const { length: size } = bytes;
  const found: FoundFile = checks.hash && size === expected.size ? { size, sha256: await sha256Of(bytes) } : { size };
  return integrityFault(found, expected);
}

async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The server was not reached at all. */
class UnreachableError extends Error {}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    // Our own cache keeps the graphs; the browser's must not serve an old one to a new manifest.
    response = await fetch(url, { signal, cache: "no-cache" });
  } catch (cause) {
    signal.throwIfAborted();
    throw new UnreachableError(
      `${url} cannot be fetched (${String(cause)}): no network, a wrong address, or a server of another origin that does not allow this one (CORS)`,
      { cause },
    );
  }
  if (response.ok) return response;
  void response.body?.cancel();
  throw new ModelFileError(
    `${url} cannot be fetched: the server answered ${response.status}${response.statusText && ` ${response.statusText}`}. A model's folder holds ${MANIFEST_FILE} and the graphs that it names, as written by an export`,
  );
}

function asFileError(error: unknown, url: string): Error {
  if (error instanceof UnreachableError) return new ModelFileError(error.message, { cause: error.cause });
  return error instanceof Error ? error : new ModelFileError(`${url} cannot be read: ${String(error)}`);
}

/** Many servers answer an unknown address with the start page of an application, and 200. */
function checkNotWebPage(url: string, start: string, expected: string): void {
  // Neither JSON nor an ONNX graph begins so.
  if (
    !start
      .replace(/^\uFEFF/, "")
      .trimStart()
      .startsWith("<")
  )
    return;
  throw new ModelFileError(
    `${url} is a web page, not ${expected}: the server answers unknown addresses with its start page. Is the model uploaded, and the URL that of its folder?`,
  );
}
