/** A second opinion on the counts: how well they are found without a model, by background, threshold and watershed. */
import { type Preprocessing, preprocessImage } from "@air-onnx/core";
import { classicalCount, fillBatch, pixelsPerImage, type SceneSet } from "@air-onnx/scenes";
import type { Evaluation } from "./evaluation.js";
import { count, percent } from "./format.js";

/** How well the classical way counts: means over the images whose true count is known. */
export interface ClassicalQuality {
  /** Number of images. */
  readonly countedImages: number;
  /** Share of images whose count is right. */
  readonly countAccuracy: number;
  /** Mean of |count − true count|, objects. */
  readonly countMeanAbsoluteError: number;
}

/**
 * Counts the objects of held-out images by `classicalCount`. The images are preprocessed as for the model, so that both see the same.
 *
 * @param images number of images, the first ones; all by default
 * @param preprocessing that of the model; none if its images are bright on black
 * @returns undefined if no true count is known
 */
export function measureClassical(
  scenes: SceneSet,
  images: number = scenes.size,
  preprocessing?: Preprocessing | null,
): ClassicalQuality | undefined {
  const countedImages = Math.min(images, scenes.counts.length);
  if (countedImages === 0) return undefined;
  const image = new Float32Array(pixelsPerImage(scenes));
  let [right, difference] = [0, 0];
  for (let i = 0; i < countedImages; i++) {
    fillBatch(scenes, [i], image);
    if (preprocessing) preprocessImage(image, scenes, preprocessing, image);
    const wrong = Math.abs(classicalCount(image, scenes).length - scenes.counts[i]!);
    if (wrong === 0) right++;
    difference += wrong;
  }
  return {
    countedImages,
    countAccuracy: right / countedImages,
    countMeanAbsoluteError: difference / countedImages,
  };
}

/** Both errors in a sentence: of the classical count, and of the model's. */
export function classicalSentence(classical: ClassicalQuality, model: Evaluation): string {
  const { countAccuracyMap, countMeanAbsoluteError } = model;
  const own =
    countAccuracyMap === undefined || countMeanAbsoluteError === undefined
      ? ""
      : `; the model's most probable count: ${percent(countAccuracyMap)} right, ${countMeanAbsoluteError.toFixed(3)}`;
  return (
    `Classical count, without the model (background, threshold, watershed), on ${count(classical.countedImages)} images: ` +
    `${percent(classical.countAccuracy)} right, mean absolute error ${classical.countMeanAbsoluteError.toFixed(3)}${own}.`
  );
}
