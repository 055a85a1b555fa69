/** Draws the images of a training in the page: endless ones to train on, and held-out ones with their true counts. */
import { drawnSet, fillBatch, formOf, generateScenes, pixelsPerImage, streamScenes } from "@air-onnx/scenes/drawn";
import type { DrawImages, TrainingManifest } from "@air-onnx/trainer";

export interface TrainingImages {
  readonly draw: DrawImages;
  /** `[N, C, S, S]`, intensities in [0, 1] */
  readonly heldOut: Float32Array;
  /** `[N]` */
  readonly counts: readonly number[];
}

/**
 * @param seed seed of the training
 * @param held number of held-out images
 * @throws {Error} if the set cannot be drawn in a page
 */
export async function trainingImages(
  { data, model }: TrainingManifest,
  seed: number,
  held: number,
): Promise<TrainingImages> {
  const set = drawnSet(data.dataset);
  if (!set) throw new Error(`The data set ${data.dataset} cannot be drawn in a page.`);
  const form = formOf(set, { ...data.settings, imageSize: model.imageSize });
  const material = {
    digits: () => Promise.reject(new Error(`The data set ${data.dataset} needs files, which a page does not have.`)),
  };
  // As in a run of the command line: training images have even seeds, held-out images the odd one of the data's seed.
  const stream = streamScenes(await set.generator(2 * seed, form, material, "train"));
  const dataSeed = typeof data.settings.seed === "number" ? data.settings.seed : 0;
  const scenes = await generateScenes(await set.generator(2 * dataSeed + 1, form, material, "test"), held);
  const heldOut = new Float32Array(held * pixelsPerImage(scenes));
  fillBatch(
    scenes,
    Array.from({ length: held }, (_, i) => i),
    heldOut,
  );
  return { draw: (indices, target) => fillBatch(stream, indices, target), heldOut, counts: [...scenes.counts] };
}
