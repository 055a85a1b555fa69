/** Generates example images and stamps for a model: the same at every build, without a download. */
import { type AirConfig, intersectionOverUnion, type Manifest } from "@air-onnx/core";
import {
  drawnSet,
  formOf,
  generateScenes,
  multiStrokes,
  type SceneGenerator,
  type SceneSet,
  trueBoxes,
} from "@air-onnx/scenes";
import { fitImage } from "../src/image-fit.js";
import type { Raster } from "../src/raster.js";
import type { SampleSet } from "../src/sample-set.js";

const SEED = 20161;
const IMAGES = 64;
const STAMPS = 12;
const DIGIT_SIDE = 28;
const DIGITS = 60;

/** Generates a model's samples; undefined for a data set without a generator, such as a user's own images. */
export async function sampleImages({
  model,
  training,
}: {
  readonly model: Pick<AirConfig, "imageSize" | "channels">;
  readonly training: Pick<Manifest["training"], "dataset">;
}): Promise<SampleSet | undefined> {
  const generator = await generatorOf(training.dataset);
  if (!generator || generator.imageSize !== model.imageSize || generator.channels !== model.channels) return undefined;
  const { imageSize, channels } = generator;
  const scenes = await generateScenes(generator, IMAGES);
  const length = channels * imageSize ** 2;
  // Images with overlapping objects come last, so that the page does not open with one.
  const indices = Array.from({ length: IMAGES }, (_, i) => i);
  const order = [false, true].flatMap((wanted) => indices.filter((i) => overlaps(scenes, i) === wanted));
  return {
    images: order.map((i) => ({
      raster: interleave(scenes.images.subarray(i * length, (i + 1) * length), imageSize, channels),
      count: scenes.counts[i]!,
    })),
    stamps: Array.from({ length: STAMPS }, (_, i) => stamp(generator, IMAGES + i)),
  };
}

function overlaps(scenes: SceneSet, index: number): boolean {
  const boxes = trueBoxes(scenes, index);
  return boxes.some((box, i) => boxes.slice(i + 1).some((other) => intersectionOverUnion(box, other) > 0));
}

/** The generator of a data set. Pen strokes replace the MNIST digits, which the project does not ship. */
async function generatorOf(dataset: string): Promise<SceneGenerator | undefined> {
  const set = drawnSet(dataset === "multi-mnist" ? "multi-strokes" : dataset);
  return set?.generator(SEED, formOf(set, {}), { digits: async () => strokeDigits() }, "train");
}

/** Pen strokes in the form of MNIST digits, `[M, 28, 28]`. */
function strokeDigits(): Uint8Array {
  const generator = multiStrokes(SEED);
  const digits = new Uint8Array(DIGITS * DIGIT_SIDE ** 2);
  for (let i = 0; i < DIGITS; i++) {
    const { data, width, height } = stamp(generator, i);
    const rgba = Uint8ClampedArray.from({ length: 4 * data.length }, (_, at) =>
      at % 4 === 3 ? 255 : data[Math.floor(at / 4)]!,
    );
    const { raster } = fitImage({ data: rgba, width, height }, { imageSize: DIGIT_SIDE, channels: 1 });
    digits.set(raster.data, i * DIGIT_SIDE ** 2);
  }
  return digits;
}

/** An object of an image from `index` on that has one, without the empty rows and columns around it. */
function stamp(generator: SceneGenerator, index: number): Raster {
  let at = index;
  while (generator.recipe(at).count === 0) at += STAMPS;
  const { pixels, side } = generator.recipe(at).nextPatch();
  if (side < generator.imageSize) return interleave(pixels, side, generator.channels);
  const inked = Array.from({ length: side * side }, (_, i) => i).filter((i) => pixels[i]! > 0);
  const [columns, rows] = [inked.map((i) => i % side), inked.map((i) => Math.floor(i / side))];
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  const width = Math.max(Math.max(...columns) - left, Math.max(...rows) - top) + 1;
  const [x, y] = [Math.min(left, side - width), Math.min(top, side - width)];
  const cut = new Uint8Array(width * width);
  for (let row = 0; row < width; row++) {
    cut.set(pixels.subarray((y + row) * side + x, (y + row) * side + x + width), row * width);
  }
  return interleave(cut, width, 1);
}

/** Converts planes `[C, side, side]` to a picture with interleaved channels. */
function interleave(planes: Uint8Array, side: number, channels: number): Raster {
  const plane = side * side;
  const data = Uint8ClampedArray.from(
    { length: channels * plane },
    (_, i) => planes[(i % channels) * plane + Math.floor(i / channels)]!,
  );
  return { data, width: side, height: side, channels };
}
