/** Puts the models beside the page: their folders, their example images, and `models.json`, which lists them. */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, normalize, resolve } from "node:path";
import { graphNames, MANIFEST_FILE, type Manifest, parseManifest } from "@air-onnx/core";
import type { Plugin } from "vite";
import type { ModelEntry } from "../src/model-list.js";
import { writeSampleSet } from "../src/sample-set.js";
import { sampleImages } from "./sample-images.js";

/**
 * Titles of models by their names, the one that counts a visitor's first drawing best first; another model has its folder's name.
 */
const titles: Readonly<Record<string, string>> = {
  "multi-mnist-sizes": "Handwritten digits of any size",
  "multi-mnist": "Handwritten digits",
  "multi-mnist-local": "Handwritten digits, any number",
  "multi-mnist-64": "Handwritten digits, 64×64",
  "multi-strokes": "Pen strokes",
  "multi-dsprites-64": "Coloured shapes",
};

interface ServedModel {
  readonly entry: ModelEntry;
  /** Source files by their paths beside the page. */
  readonly files: ReadonlyMap<string, string>;
  /** Contents of generated files by their paths beside the page. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @param folder folder with one folder per model */
export function modelFiles(folder: string): Plugin {
  let outDir = "";
  return {
    name: "air-onnx-models",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    async configureServer(server) {
      const models = await findModels(folder);
      const texts = new Map([["models.json", listModels(models)], ...models.flatMap(({ texts }) => [...texts])]);
      const files = new Map(models.flatMap((model) => [...model.files]));
      server.middlewares.use((request, response, next) => {
        const path = normalize(decodeURIComponent((request.url ?? "").split("?")[0]!)).replace(/^\//, "");
        const text = texts.get(path);
        const file = files.get(path);
        if (text !== undefined) response.setHeader("content-type", "application/json").end(text);
        else if (file !== undefined) readFile(file).then((bytes) => response.end(bytes), next);
        else next();
      });
    },
    async writeBundle() {
      const models = await findModels(folder);
      await writeFile(join(outDir, "models.json"), listModels(models));
      for (const { files, texts } of models) {
        for (const [path, source] of files) {
          await mkdir(dirname(join(outDir, path)), { recursive: true });
          await copyFile(source, join(outDir, path));
        }
        for (const [path, text] of texts) {
          await mkdir(dirname(join(outDir, path)), { recursive: true });
          await writeFile(join(outDir, path), text);
        }
      }
    },
  };
}

function listModels(models: readonly ServedModel[]): string {
  return JSON.stringify(models.map(({ entry }) => entry));
}

/** The models in `folder`, in the order of {@link titles}, others by their accuracy: the page opens with the first. */
async function findModels(folder: string): Promise<ServedModel[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const models = await Promise.all(names.toSorted().map((name) => readModel(join(folder, name), name)));
  if (models.length === 0) throw new Error(`There are no models in ${folder}, and the page is nothing without one`);
  const accuracy = ({ entry }: ServedModel): number => entry.countAccuracy ?? 0;
  const order = Object.keys(titles);
  const rank = ({ entry }: ServedModel): number =>
    order.includes(entry.name) ? order.indexOf(entry.name) : order.length;
  return models.toSorted((a, b) => rank(a) - rank(b) || accuracy(b) - accuracy(a));
}

async function readModel(folder: string, name: string): Promise<ServedModel> {
  const path = join(folder, MANIFEST_FILE);
  const manifest = parseManifest(await readFile(path, "utf8"), path);
  const url = `models/${name}/`;
  const files = new Map([MANIFEST_FILE, ...graphPaths(manifest)].map((file) => [url + file, join(folder, file)]));
  const { imageSize, channels, maxSteps } = manifest.model;
  const { countAccuracyMap } = manifest.metrics;
  const samples = await sampleImages(manifest);
  const samplesUrl = `samples/${name}.json`;
  const entry: ModelEntry = {
    name,
    title: titles[name] ?? titles[manifest.training.dataset] ?? name,
    url,
    imageSize,
    channels,
    maxSteps,
    bytes: graphNames.reduce((sum, graph) => sum + manifest.files[graph].size, 0),
    ...(countAccuracyMap === undefined ? {} : { countAccuracy: countAccuracyMap }),
    ...(samples ? { samples: samplesUrl } : {}),
  };
  return { entry, files, texts: new Map(samples ? [[samplesUrl, writeSampleSet(samples)]] : []) };
}

function graphPaths({ files }: Manifest): string[] {
  return graphNames.map((graph) => files[graph].path);
}
