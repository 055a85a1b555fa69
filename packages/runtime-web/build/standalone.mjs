/**
 * Bundles the compiled package into dist/standalone for pages without a bundler: one module to import, and the workers
 * beside it. None of them needs an import map, which would not reach workers anyway.
 *
 * onnxruntime's WebAssembly is not copied: a page serves the files of onnxruntime-web/dist beside these, or anywhere else
 * with the option `wasmPaths`.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const outDir = join(dist, "standalone");

await rm(outDir, { recursive: true, force: true });
for (const entry of ["index", "worker-wasm", "worker-webgpu"]) {
  // One bundle per entry, so that they share no chunks.
  const bundle = await rolldown({
    input: { [entry]: join(dist, `${entry}.js`) },
    platform: "browser",
    // The conditions of a page's bundler, with which onnxruntime's loader is bundled too.
    resolve: { conditionNames: ["import", "browser", "default"] },
  });
  await bundle.write({
    dir: outDir,
    format: "es",
    minify: true,
    // Fixed names: the page's module refers to the workers by them.
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
  });
  await bundle.close();
}
for (const file of (await readdir(outDir)).toSorted()) {
  console.log(`${`standalone/${file}`.padEnd(40)}${((await stat(join(outDir, file))).size / 1000).toFixed(1)} kB`);
}
