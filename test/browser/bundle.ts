/** Bundles a test's page as in a user's project: with Vite, without configuration. */
import { fileURLToPath } from "node:url";
import { build } from "vite";

const packages = fileURLToPath(new URL("../../packages/", import.meta.url));

/**
 * @param root folder of the page's index.html
 * @param outDir folder for the built page
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
        // The sources refer to a worker's module by its compiled name, but the file here is TypeScript.
        name: "workers-from-sources",
        enforce: "pre",
        transform: (code, id) =>
          id.startsWith(packages) ? code.replaceAll(/(new URL\("\.\/worker-\w+)\.js"/g, '$1.ts"') : null,
      },
    ],
    build: { outDir, emptyOutDir: true, reportCompressedSize: false, target: "es2022" },
  });
}
