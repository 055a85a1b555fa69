/** Builds the page for any static host and sub-path: relative URLs, and nothing inlined that a strict CSP would refuse. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { builtSite } from "./build/built-site.js";
import { modelFiles } from "./build/model-files.js";
import { trainingFilesOfPage } from "./build/training-files.js";

/** The models that the page offers: the repository's, or those in the folder that AIR_ONNX_MODELS names. */
const models = process.env.AIR_ONNX_MODELS ?? fileURLToPath(new URL("../../models", import.meta.url));

const page = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Steps of the training in the page; fewer in tests of it. */
const trainingSteps = Number(process.env.AIR_ONNX_DEMO_STEPS ?? 1200);

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    rolldownOptions: { input: [page("index.html"), page("learn.html")] },
    chunkSizeWarningLimit: 1000,
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  plugins: [modelFiles(models), trainingFilesOfPage(trainingSteps), builtSite()],
});
