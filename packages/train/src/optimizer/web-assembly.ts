/** What this package uses of WebAssembly. TypeScript has its types only among those of browsers. */

/** Memory that WebAssembly and JavaScript share. */
export interface WasmMemory {
  /** All of it. */
  readonly buffer: ArrayBuffer;
}

interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface WebAssemblyNamespace {
  /** Sizes are in pages of 64 KiB. */
  readonly Memory: new (size: {
    initial: number;
    maximum: number;
  }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: Record<string, Record<string, unknown>>) => WasmInstance;
}

/** The global object `WebAssembly`. */
export const { WebAssembly: webAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyNamespace };
