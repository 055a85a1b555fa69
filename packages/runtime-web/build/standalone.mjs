/**
 * Bundles the compiled package for pages without a bundler of their own, into dist/standalone: one module to import, and
 * the workers beside it, none of which needs an import map (which would not reach workers anyway).
 *
 * onnxruntime's WebAssembly is not copied: a page serves it from onnxruntime-web/dist and says where (`wasmPaths`), or
 * puts its files beside these.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const outDir = join(dist, "standalone");

await rm(outDir, { recursive: true, force: true });
for (const entry of ["index", "worker-wasm", "worker-webgpu"]) {
  // One by one, so that no part of one ends up in a chunk of another's.
  const bundle = await rolldown({
    input: { [entry]: join(dist, `${entry}.js`) },
    platform: "browser",
    // As a page's bundler takes them: with the loader inside.
    resolve: { conditionNames: ["import", "browser", "default"] },
  });
  await bundle.write({
    dir: outDir,
    format: "es",
    minify: true,
    // Their addresses are written into the page's module as they are here.
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
  });
  await bundle.close();
}
for (const file of (await readdir(outDir)).toSorted()) {
  console.log(`${`standalone/${file}`.padEnd(40)}${((await stat(join(outDir, file))).size / 1000).toFixed(1)} kB`);
}
