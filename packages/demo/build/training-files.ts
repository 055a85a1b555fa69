/** Puts the files with which the page "Watch it learn" trains beside it, in `training/NAME/`: this project's estimator and the paper's. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, normalize, resolve } from "node:path";
import { type TrainingFiles, trainingFiles } from "@air-onnx/export";
import { parseTrainConfig, type TrainConfig } from "@air-onnx/train";
import { TRAINING_MANIFEST_FILE } from "@air-onnx/trainer";
import type { Plugin } from "vite";
import { writeSampleSet } from "../src/sample-set.js";
import { RIVAL_TRAINING, TRAINED_NAME, TRAINING } from "../src/training-preset.js";
import { sampleImages } from "./sample-images.js";

/**
 * Two digits at most, on images that never repeat. As in the quickstart, a high rate suits a short training, and narrow layers, which
 * cost no counts (docs/ablation.md, "The count from the evidence"), one thread of WebAssembly.
 */
function config(steps: number, estimator: TrainConfig["estimator"]) {
  return parseTrainConfig({
    estimator,
    dataset: "multi-strokes",
    stream: true,
    steps,
    optimizer: { warmupSteps: Math.min(200, Math.floor(steps / 6)), learningRate: 0.003 },
    model: {
      lstmInput: { type: "image", convolution: { kernel: 9, stride: 2, channels: [32, 16] } },
      embeddingSize: 128,
      encoderSize: 200,
      decoderSize: 200,
    },
  });
}

/** @param steps training steps of the whole training */
export function trainingFilesOfPage(steps: number): Plugin {
  let outDir = "";
  const made = async (): Promise<Map<string, Uint8Array>> => {
    const own = trainingFiles(config(steps, "guided"));
    const rival = trainingFiles(config(steps, "nvil"));
    const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
    const filesIn = (folder: string, { manifest, files }: TrainingFiles): (readonly [string, Uint8Array])[] => [
      ...[...files].map(([path, bytes]) => [folder + path, bytes] as const),
      [folder + TRAINING_MANIFEST_FILE, bytesOf(JSON.stringify(manifest))],
    ];
    const { model, data } = own.manifest;
    const samples = await sampleImages({ model, training: { dataset: data.dataset } });
    return new Map([
      ...filesIn(TRAINING, own),
      // The graphs of the finished model have the same parameters, and nobody keeps the rival's.
      ...filesIn(RIVAL_TRAINING, rival).filter(([path]) => !path.includes("/templates/")),
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
