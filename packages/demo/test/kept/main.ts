/** Functions that a test calls in a page of its own, at the origin of the site: what the site kept in the browser. */
import { AirModel } from "@air-onnx/runtime-web";
import type { TrainerCheckpoint } from "@air-onnx/trainer";
import { kept } from "../../src/training-store.js";

/** The training that is kept. */
export async function checkpoint(): Promise<TrainerCheckpoint> {
  const training = await kept("training");
  if (!training) throw new Error("no training is kept");
  return training.checkpoint;
}

/**
 * Counts by the model that the drawing page offers, opened as there.
 *
 * @param images address of intensities 0..255, `[N, S, S]`, one byte each
 */
export async function counts(images: string): Promise<number[]> {
  const own = await kept("model");
  if (!own) throw new Error("no model is kept");
  const bytes = new Uint8Array(await (await fetch(images)).arrayBuffer());
  const model = await AirModel.fromFiles(own.files, { device: "wasm" });
  try {
    const scenes = await model.infer(Float32Array.from(bytes, (value) => value / 255));
    return scenes.map(({ count }) => count);
  } finally {
    await model.dispose();
  }
}
