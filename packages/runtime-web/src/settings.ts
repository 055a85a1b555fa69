/**
 * How onnxruntime itself is started: where its WebAssembly comes from, and with how many threads. It starts once in a
 * page or worker, so these are settings of the first model that runs there.
 */
import { requireInteger } from "@air-onnx/core";

/** How onnxruntime-web is started. */
export interface RuntimeSettings {
  /**
   * Where the `.wasm` and `.mjs` files of `onnxruntime-web/dist` are served, of your own origin: a folder's URL, or both
   * files'. By default they are found beside the bundle, where bundlers put them. Nothing is ever fetched from
   * elsewhere.
   */
  readonly wasmPaths?: string | URL | WasmFiles | undefined;
  /**
   * Threads of the `wasm` device, 1 by default. More need `wasmPaths` and a cross-origin isolated page (the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`); without isolation one
   * is used, and said so.
   */
  readonly threads?: number | undefined;
}

/** Where onnxruntime-web's two files are served; addresses may be relative to the page. */
export interface WasmFiles {
  /** The module that loads the WebAssembly; taken from the bundle if not given. */
  readonly mjs?: string | URL | undefined;
  /** The WebAssembly itself. */
  readonly wasm: string | URL;
}

export interface StallOption {
  /**
   * Seconds without a byte after which the download of a file is given up with a `ModelFileError`, 30 by default; `Infinity`
   * waits for as long as the browser does.
   */
  readonly stallSeconds?: number | undefined;
}

/** Mobile networks pause for some seconds; a person waits no longer than this. */
const DEFAULT_STALL_SECONDS = 30;

/** @throws {RangeError} unless it is above 0 */
export function requireStallSeconds({ stallSeconds = DEFAULT_STALL_SECONDS }: StallOption): number {
  if (typeof stallSeconds === "number" && stallSeconds > 0) return stallSeconds;
  throw new RangeError(`stallSeconds must be a number above 0, got ${stallSeconds}`);
}

/** Settings with every URL absolute, as a worker needs them. */
export interface ResolvedSettings {
  readonly wasmPaths: string | { readonly mjs?: string; readonly wasm: string } | undefined;
  readonly threads: number;
}

let defaults: RuntimeSettings = {};

/** Says a line about what is not as it was asked for, where nobody listens. */
export function warn(line: string): void {
  console.warn(`air-onnx: ${line}`);
}

/** Sets the defaults of the models that are opened from now on. */
export function configure(settings: RuntimeSettings): void {
  resolveSettings(settings);
  defaults = { ...defaults, ...settings };
}

/**
 * @param onNotice told when threads were asked for and the page cannot have them
 * @throws {RangeError} for threads that are no positive integer, or that come without `wasmPaths`
 */
export function resolveSettings(settings: RuntimeSettings, onNotice?: (line: string) => void): ResolvedSettings {
  const wasmPaths = settings.wasmPaths ?? defaults.wasmPaths;
  const threads = settings.threads ?? defaults.threads ?? 1;
  requireInteger("threads", threads, 1);
  if (threads > 1 && wasmPaths === undefined) {
    // Out of a bundle, onnxruntime's threads would each start the file that holds the whole application.
    throw new RangeError("threads above 1 need wasmPaths: serve onnxruntime-web's .mjs and .wasm files and say where");
  }
  const isolated = globalThis.crossOriginIsolated === true;
  if (threads > 1 && !isolated) {
    onNotice?.(
      `threads: ${threads} need a cross-origin isolated page (COOP and COEP headers), which this is not: running on 1`,
    );
  }
  return { wasmPaths: wasmPaths === undefined ? undefined : absolute(wasmPaths), threads: isolated ? threads : 1 };
}

function absolute(paths: string | URL | WasmFiles): NonNullable<ResolvedSettings["wasmPaths"]> {
  if (typeof paths === "string" || paths instanceof URL) return `${absoluteUrl(paths)}/`.replace(/\/+$/, "/");
  const wasm = absoluteUrl(paths.wasm);
  return paths.mjs === undefined ? { wasm } : { wasm, mjs: absoluteUrl(paths.mjs) };
}

/** Relative to the page, as every other address that a page writes. */
export function absoluteUrl(url: string | URL): string {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}
