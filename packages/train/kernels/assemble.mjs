/**
 * Assembles the WebAssembly kernels and writes their bytes where the sources can import them: packages run as they are
 * published, without a step that copies files beside the compiled sources.
 *
 *   npm run kernels -w packages/train
 */
import { readFileSync, writeFileSync } from "node:fs";
import createWabt from "wabt";

const here = (path) => new URL(path, import.meta.url);

/** The WebAssembly module of adam.wat. */
export async function assembleAdam() {
  const wabt = await createWabt();
  const module = wabt.parseWat("adam.wat", readFileSync(here("adam.wat"), "utf8"), { simd: true });
  module.validate();
  const { buffer } = module.toBinary({});
  module.destroy();
  return buffer;
}

/** The source file that holds the bytes of a module. */
export function kernelSource(bytes) {
  return `/** WebAssembly of kernels/adam.wat in base64, written by \`npm run kernels -w packages/train\`. */
export const adamKernelCode =
  "${Buffer.from(bytes).toString("base64")}";
`;
}

/** The file that {@link kernelSource} belongs in. */
export const kernelFile = here("../src/optimizer/adam-kernel-code.ts");

if (process.argv[1] === new URL(import.meta.url).pathname) {
  writeFileSync(kernelFile, kernelSource(await assembleAdam()));
}
