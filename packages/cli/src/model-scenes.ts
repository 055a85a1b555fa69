/** A sheet of held-out images as an exported model explains them. */
import type { AirModel } from "@air-onnx/runtime-node";
import type { SceneSet } from "@air-onnx/train";
import { explanationOf, explanationSheet, firstImages, SHEET, writePicture } from "./scene-sheets.js";

export async function drawModelScenes(
  model: AirModel,
  scenes: SceneSet,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const images = firstImages(scenes, SHEET.images);
  const batch = new Float32Array(images.length * images[0]!.length);
  images.forEach((image, i) => {
    batch.set(image, i * image.length);
  });
  const inferred = await model.infer(batch, { signal });
  await writePicture(path, explanationSheet(scenes, inferred.map(explanationOf)));
}
