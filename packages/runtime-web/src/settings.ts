/**
 * Settings with which onnxruntime is started: where its WebAssembly comes from, and the number of threads. It starts once
 * in a page or worker, with the settings of the first model that runs there.
 */
import { requireInteger } from "@air-onnx/core";

/** Settings with which onnxruntime-web is started. */
export interface RuntimeSettings {
  /**
   * URL of the folder on your own origin that serves the `.wasm` and `.mjs` files of `onnxruntime-web/dist`, or the URLs of
   * both files. By default they are found beside the bundle, where bundlers put them. Nothing is ever fetched from
   * elsewhere.
   */
  readonly wasmPaths?: string | URL | WasmFiles | undefined;
  /**
   * Threads of the `wasm` device, 1 by default. More need `wasmPaths` and a cross-origin isolated page (the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`). Without isolation one
   * thread is used, which `onNotice` reports.
   */
  readonly threads?: number | undefined;
}

/** URLs of onnxruntime-web's two files, which may be relative to the page. */
export interface WasmFiles {
  /** The module that loads the WebAssembly; taken from the bundle if not given. */
  readonly mjs?: string | URL | undefined;
  /** The WebAssembly itself. */
  readonly wasm: string | URL;
}

/** Settings with every URL absolute, as a worker needs them. */
export interface ResolvedSettings {
  readonly wasmPaths: string | { readonly mjs?: string; readonly wasm: string } | undefined;
  readonly threads: number;
}

let defaults: RuntimeSettings = {};

/** Prints a notice to the console; the default of `onNotice`. */
export function warn(line: string): void {
  console.warn(`air-onnx: ${line}`);
}

/**
 * Sets the default settings of all models that are opened from now on.
 *
 * @throws {RangeError} for an invalid setting
 */
export function configure(settings: RuntimeSettings): void {
  resolveSettings(settings);
  defaults = { ...defaults, ...settings };
}

/**
 * Fills in default settings and makes URLs absolute.
 *
 * @param onNotice called if threads are requested and the page cannot have them
 * @throws {RangeError} if `threads` is not a positive integer, or is above 1 without `wasmPaths`
 */
export function resolveSettings(settings: RuntimeSettings, onNotice?: (line: string) => void): ResolvedSettings {
  const wasmPaths = settings.wasmPaths ?? defaults.wasmPaths;
  const threads = settings.threads ?? defaults.threads ?? 1;
  requireInteger("threads", threads, 1);
  if (threads > 1 && wasmPaths === undefined) {
    // In a bundle, each of onnxruntime's threads would start the file that holds the whole application.
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

/** Resolves a URL relative to the page, as the browser does with every other URL of a page. */
export function absoluteUrl(url: string | URL): string {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}
