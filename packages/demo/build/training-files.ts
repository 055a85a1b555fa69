/** Puts the files with which the page "Watch it learn" trains beside it, in `training/NAME/`. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, normalize, resolve } from "node:path";
import { trainingFiles } from "@air-onnx/export";
import { parseTrainConfig } from "@air-onnx/train";
import { TRAINING_MANIFEST_FILE } from "@air-onnx/trainer";
import type { Plugin } from "vite";
import { writeSampleSet } from "../src/sample-set.js";
import { TRAINED_NAME, TRAINING } from "../src/training-preset.js";
import { sampleImages } from "./sample-images.js";

/**
 * Two digits at most, on images that never repeat. The prior makes objects dear at first, so that none is explained by two; in
 * the end it is that of the images, so that two close ones are not counted as one.
 */
function config(steps: number) {
  return parseTrainConfig({
    dataset: "multi-strokes",
    stream: true,
    steps,
    optimizer: { warmupSteps: Math.min(200, Math.floor(steps / 10)) },
    presencePriorSchedule: { from: 0.01, to: 0.5, share: 0.4 },
    model: { encoderSize: 200, decoderSize: 200 },
  });
}

/** @param steps training steps of the whole training */
export function trainingFilesOfPage(steps: number): Plugin {
  let outDir = "";
  const made = async (): Promise<Map<string, Uint8Array>> => {
    const { manifest, files } = trainingFiles(config(steps));
    const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
    const samples = await sampleImages({ model: manifest.model, training: { dataset: manifest.data.dataset } });
    return new Map([
      ...[...files].map(([path, bytes]) => [TRAINING + path, bytes] as const),
      [TRAINING + TRAINING_MANIFEST_FILE, bytesOf(JSON.stringify(manifest))],
      [`samples/${TRAINED_NAME}.json`, bytesOf(writeSampleSet(samples!))],
    ]);
  };
  return {
    name: "air-onnx-training-files",
    configResolved(resolved) {
      outDir = resolve(resolved.root, resolved.build.outDir);
    },
    async configureServer(server) {
      const files = await made();
      server.middlewares.use((request, response, next) => {
        const path = normalize(decodeURIComponent((request.url ?? "").split("?")[0]!)).replace(/^\//, "");
        const bytes = files.get(path);
        if (bytes) response.end(bytes);
        else next();
      });
    },
    async writeBundle() {
      for (const [path, bytes] of await made()) {
        await mkdir(dirname(join(outDir, path)), { recursive: true });
        await writeFile(join(outDir, path), bytes);
      }
    },
  };
}
