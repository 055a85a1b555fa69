/** The WebAssembly module of adam.wat. */
export function assembleAdam(): Promise<Uint8Array>;
/** The source file that holds the bytes of a module. */
export function kernelSource(bytes: Uint8Array): string;
/** The file that {@link kernelSource} belongs in. */
export const kernelFile: URL;
