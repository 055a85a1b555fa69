/** Fits how the scores of an exported model's objects follow from what is found. */
import {
  fitScore as fitCalibration,
  type JudgedObject,
  LEAST_SCORE_OBJECTS,
  type SceneModel,
  type ScoreCalibration,
} from "@air-onnx/core";
import { judgeObjects } from "@air-onnx/measure";
import { fillBatch, type LabelledImages, pixelsPerImage, trueBoxes } from "@air-onnx/scenes";
import { type FitTypicalityOptions, TYPICALITY_IMAGES } from "./typicality.js";

const BATCH_SIZE = 250;

/**
 * Fits the calibration to objects that `model` finds, with default options, in held-out images whose true boxes are known.
 *
 * @param options the images are the first 2,000 of the set by default
 * @returns undefined, with a notice, if fewer than 100 objects are found in such images
 */
export async function fitScore(
  model: Pick<SceneModel, "config" | "infer">,
  heldOut: LabelledImages,
  { images = TYPICALITY_IMAGES, onNotice = () => {}, signal }: FitTypicalityOptions = {},
): Promise<ScoreCalibration | undefined> {
  const total = Math.min(images, heldOut.size);
  const length = pixelsPerImage(heldOut);
  const known = Array.from({ length: total }, (_, i) => i).filter(
    (i) => trueBoxes(heldOut, i).length === heldOut.counts[i],
  );
  const judged: JudgedObject[] = [];
  for (let start = 0; start < known.length; start += BATCH_SIZE) {
    const indices = known.slice(start, start + BATCH_SIZE);
    const batch = new Float32Array(indices.length * length);
    fillBatch(heldOut, indices, batch);
    const scenes = await model.infer(batch, { signal });
    scenes.forEach((scene, row) => {
      const image = batch.subarray(row * length, (row + 1) * length);
      judged.push(...judgeObjects(scene, image, trueBoxes(heldOut, indices[row]!), model.config));
    });
  }
  const calibration = fitCalibration(judged);
  if (calibration === undefined) {
    onNotice(
      `The scores of the exported model's objects are their presences: a calibration is fitted to at least ${LEAST_SCORE_OBJECTS} ` +
        `objects found in held-out images whose true boxes are known, and there are ${judged.length}.`,
    );
  }
  return calibration;
}
