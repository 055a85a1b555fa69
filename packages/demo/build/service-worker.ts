/** Writes the service worker, with the list of all files of the build and their versions. */
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const SOURCE = fileURLToPath(new URL("../service-worker.js", import.meta.url));
/** What is fetched when it is needed, and kept from then on: large, and of which not everybody needs all. */
const WHEN_NEEDED = /\.wasm$/;
/** The runtime keeps models itself, by the hashes in their manifests. */
const NOT_OURS = /^models\//;

export function serviceWorker(): Plugin {
  let outDir = "";
  return {
    name: "air-onnx-service-worker",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    // After every other plugin's files are there.
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        const files = (await readdir(outDir, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => relative(outDir, join(entry.parentPath, entry.name)).replaceAll(sep, "/"))
          .filter((path) => path !== "service-worker.js" && !NOT_OURS.test(path))
          .toSorted();
        const versions = Object.fromEntries(
          await Promise.all(files.map(async (path) => [path, await versionOf(join(outDir, path))] as const)),
        );
        const source = await readFile(SOURCE, "utf8");
        const lists = { versions, shell: files.filter((path) => !WHEN_NEEDED.test(path)) };
        const text = source.replace("self.BUILD", JSON.stringify(lists));
        if (text === source) throw new Error(`${SOURCE} has no place for the list of files`);
        await writeFile(join(outDir, "service-worker.js"), text);
      },
    },
  };
}

async function versionOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex")
    .slice(0, 16);
}
