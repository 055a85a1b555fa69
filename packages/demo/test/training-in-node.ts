/** The training of the page in Node, by the files of its build. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseTrainingManifest, Trainer, type TrainerCheckpoint } from "@air-onnx/trainer";
import * as ort from "onnxruntime-node";
import { trainingImages } from "../src/training-images.js";

/**
 * Losses of the training by seed 0, or of one that goes on from a checkpoint.
 *
 * @param files folder of the training files
 */
export async function lossesInNode(files: string, steps: number, checkpoint?: TrainerCheckpoint): Promise<number[]> {
  const read = async (path: string) => Uint8Array.from(await readFile(join(files, path)));
  const manifest = parseTrainingManifest(await read("training.json"), "training.json");
  const seed = checkpoint?.seed ?? 0;
  const { draw } = await trainingImages(manifest, seed);
  await using trainer = await Trainer.open({
    manifest,
    readFile: read,
    createSession: (graph) => ort.InferenceSession.create(graph, { intraOpNumThreads: 1 }),
    drawImages: draw,
    seed,
    checkpoint,
  });
  const losses: number[] = [];
  while (losses.length < steps) losses.push(...(await trainer.run(steps - losses.length)).loss!);
  return losses;
}
