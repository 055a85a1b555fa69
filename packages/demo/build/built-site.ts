/** Finishes the built page: writes the service worker with the list of the page's files, then prints all sizes. */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { type BuiltFile, printSizes } from "./size-report.js";

const SERVICE_WORKER = "service-worker.js";
const SOURCE = fileURLToPath(new URL(`../${SERVICE_WORKER}`, import.meta.url));
/** Files that not every visitor needs: they are fetched when needed, and kept from then on. */
const WHEN_NEEDED = /\.wasm$|^recorded\//;
/** WebAssembly files of onnxruntime's editions, by device. */
const RUNTIMES = { wasm: /ort-wasm-simd-threaded-[^./]*\.wasm$/, webgpu: /\.asyncify-[^./]*\.wasm$/ };
/** Files that the service worker does not keep: the runtime keeps models itself, by the hashes in their manifests. */
const NOT_OURS = /^models\//;

export function builtSite(): Plugin {
  let outDir = "";
  return {
    name: "air-onnx-built-site",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    // Runs after all other plugins have written their files.
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        const files = await readFiles(outDir);
        const worker: BuiltFile = { path: SERVICE_WORKER, bytes: Buffer.from(await serviceWorker(files)) };
        await writeFile(join(outDir, worker.path), worker.bytes);
        printSizes([...files, worker]);
      },
    },
  };
}

/** Reads all built files in a fixed order, without the service worker of an earlier build. */
async function readFiles(folder: string): Promise<BuiltFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const file = join(entry.parentPath, entry.name);
        return { path: relative(folder, file).replaceAll(sep, "/"), bytes: await readFile(file) };
      }),
  );
  return files.filter(({ path }) => path !== SERVICE_WORKER).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** The service worker's source with the list of the files that it serves; a hash of the contents is each file's version. */
async function serviceWorker(files: readonly BuiltFile[]): Promise<string> {
  const own = files.filter(({ path }) => !NOT_OURS.test(path));
  const versions = Object.fromEntries(
    own.map(({ path, bytes }) => [path, createHash("sha256").update(bytes).digest("hex").slice(0, 16)]),
  );
  const shell = own.map(({ path }) => path).filter((path) => !WHEN_NEEDED.test(path));
  const runtimes = Object.fromEntries(
    Object.entries(RUNTIMES).map(([device, pattern]) => {
      const file = own.find(({ path }) => pattern.test(path));
      if (!file) throw new Error(`The build has no onnxruntime for ${device} (${pattern})`);
      return [device, file.path];
    }),
  );
  const source = await readFile(SOURCE, "utf8");
  const text = source.replace("self.BUILD", JSON.stringify({ versions, shell, runtimes }));
  if (text === source) throw new Error(`${SOURCE} has no place for the list of files`);
  return text;
}
