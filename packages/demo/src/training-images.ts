/** Draws the images of a training in the page: endless ones to train on, and held-out ones with their true counts. */
import { drawnSet, fillBatch, formOf, generateScenes, pixelsPerImage, streamScenes } from "@air-onnx/scenes/drawn";
import type { DrawImages, TrainingManifest } from "@air-onnx/trainer";

/** Held-out images, with their true counts where these are known. */
export interface HeldOut {
  /** `[N, C, S, S]`, intensities in [0, 1] */
  readonly images: Float32Array;
  /** `[N]`; undefined for a visitor's pictures */
  readonly counts: readonly number[] | undefined;
}

export interface TrainingImages {
  readonly draw: DrawImages;
  /** The first `size` held-out images, or all if there are fewer. */
  heldOut(size: number): Promise<HeldOut>;
}

/**
 * @param seed seed of the training
 * @throws {Error} if the set cannot be drawn in a page
 */
export async function trainingImages({ data, model }: TrainingManifest, seed: number): Promise<TrainingImages> {
  const set = drawnSet(data.dataset);
  if (!set) throw new Error(`The data set ${data.dataset} cannot be drawn in a page.`);
  const form = formOf(set, { ...data.settings, imageSize: model.imageSize });
  const material = {
    digits: () => Promise.reject(new Error(`The data set ${data.dataset} needs files, which a page does not have.`)),
  };
  // As in a run of the command line: training images have even seeds, held-out images the odd one of the data's seed.
  const stream = streamScenes(await set.generator(2 * seed, form, material, "train"));
  const dataSeed = typeof data.settings.seed === "number" ? data.settings.seed : 0;
  const generator = await set.generator(2 * dataSeed + 1, form, material, "test");
  return {
    draw: (indices, target) => fillBatch(stream, indices, target),
    async heldOut(size) {
      const scenes = await generateScenes(generator, size);
      const images = new Float32Array(size * pixelsPerImage(scenes));
      fillBatch(
        scenes,
        Array.from({ length: size }, (_, i) => i),
        images,
      );
      return { images, counts: [...scenes.counts] };
    },
  };
}
