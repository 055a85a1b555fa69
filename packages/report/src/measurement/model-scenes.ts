/** Draws held-out images as an exported model explains them. */
import type { SceneModel } from "@air-onnx/core";
import type { SceneSet } from "@air-onnx/scenes";
import { explanationOf, explanationSheet, firstImages, SHEET, writePicture } from "@air-onnx/scenes";

/**
 * Infers the first images of `scenes` and writes a sheet of them, with boxes, reconstructions and counts, to `path` as PNG.
 *
 * @throws {FileError} if the picture cannot be written
 * @throws the signal's reason when aborted
 */
export async function drawModelScenes(
  model: SceneModel,
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
