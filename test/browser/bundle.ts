/** Bundles a page of a test as a user's project would be: by Vite, with no configuration of its own. */
import { fileURLToPath } from "node:url";
import { build } from "vite";

const packages = fileURLToPath(new URL("../../packages/", import.meta.url));

/**
 * @param root folder of the page's index.html
 * @param outDir where the built page goes
 */
export async function bundlePage(root: string, outDir: string): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: "error",
    // The sources, so that a stale build cannot pass; the packed packages have a test of their own.
    resolve: { alias: [{ find: /^@air-onnx\/([a-z-]+)$/, replacement: `${packages}$1/src/index.ts` }] },
    plugins: [
      {
        // In the sources a worker's file is TypeScript, under the name that it will be compiled to.
        name: "workers-from-sources",
        enforce: "pre",
        transform: (code, id) =>
          id.startsWith(packages) ? code.replaceAll(/(new URL\("\.\/worker-\w+)\.js"/g, '$1.ts"') : null,
      },
    ],
    build: { outDir, emptyOutDir: true, reportCompressedSize: false, target: "es2022" },
  });
}
