import { emptyScenes, type SceneSet } from "@air-onnx/scenes";
import { expect, it } from "vitest";
import { classicalSentence, EvaluationTally, measureClassical } from "../src/index.js";

/** Images of 20x20 with `drawn` bright squares each, said to have `counts` objects. */
function squares(drawn: readonly number[], counts: readonly number[]): SceneSet {
  const scenes = emptyScenes(drawn.length, 20, 1, 3, counts.length);
  scenes.counts.set(counts);
  drawn.forEach((number, i) => {
    for (let square = 0; square < number; square++) {
      for (let pixel = 0; pixel < 16; pixel++) {
        scenes.images[i * 400 + (7 + (pixel >> 2)) * 20 + 2 + 6 * square + (pixel % 4)] = 255;
      }
    }
  });
  return scenes;
}

it("measures how well images are counted without a model", () => {
  const scenes = squares([0, 1, 2, 3], [0, 1, 1, 1]);
  expect(measureClassical(scenes)).toEqual({ countedImages: 4, countAccuracy: 0.5, countMeanAbsoluteError: 0.75 });
  expect(measureClassical(scenes, 2)).toEqual({ countedImages: 2, countAccuracy: 1, countMeanAbsoluteError: 0 });
});

it("measures nothing where no count is known, and only the images whose count is", () => {
  expect(measureClassical(squares([1, 2], []))).toBeUndefined();
  expect(measureClassical(squares([1, 2], [1]))).toMatchObject({ countedImages: 1, countAccuracy: 1 });
});

it("sees images as the model does", () => {
  const scenes = squares([2, 1], [2, 1]);
  for (let i = 0; i < scenes.images.length; i++) scenes.images[i] = 200 - scenes.images[i]! / 2;
  const preprocessing = {
    backgroundDegree: 0,
    polarity: ["dark" as const],
    contrast: [0.3, 0.6] as [number, number],
    noise: 2,
  };
  expect(measureClassical(scenes, 2, preprocessing)).toMatchObject({ countAccuracy: 1 });
  expect(measureClassical(scenes, 2)).toMatchObject({ countAccuracy: expect.not.closeTo(1) });
});

it("says both errors in a sentence", () => {
  const tally = new EvaluationTally(0.5, 2, 2);
  const parts = { elbo: 0, logLikelihood: 0, klWhere: 0, klWhat: 0, klCount: 0 };
  tally.add(1, { ...parts, countProbabilities: [0, 1, 0] });
  tally.add(1, { ...parts, countProbabilities: [0, 0, 1] });
  const classical = { countedImages: 2, countAccuracy: 1, countMeanAbsoluteError: 0 };
  expect(classicalSentence(classical, tally.result())).toBe(
    "Classical count, without the model (background, threshold, watershed), on 2 images: 100.0 % right, mean absolute error 0.000; the model's most probable count: 50.0 % right, 0.500.",
  );
});
