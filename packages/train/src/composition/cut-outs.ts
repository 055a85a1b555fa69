/**
 * Cut-outs: objects that the model found alone in a training image, to compose images of. What is cut out is what the
 * model's own reconstruction covers and a margin around it, so that an object that it overlooked is not part of another.
 */
import { fillBatch, type ImageSource, pixelsPerImage } from "@air-onnx/scenes";
import type { NamedTensorData } from "@air-onnx/trainer";
import type { Evaluator } from "../evaluate.js";

/** An object cut out of a training image. */
export interface CutOut {
  /** Intensities in [0, 1], [C, height, width]; 0 where the object is not. */
  readonly pixels: Float32Array;
  /** Width, pixels. */
  readonly width: number;
  /** Height, pixels. */
  readonly height: number;
}

/** Cut-outs that are looked for, and the training images that are searched for them at most. */
const WANTED = { cutOuts: 4000, images: 40_000 } as const;
/** Cut-outs of images with one object from which no others are needed. */
const ENOUGH_SINGLES = 200;
/** Fewest cut-outs that images can be composed of. */
export const LEAST_CUT_OUTS = 16;
/** Images that are explained together. */
const BATCH_SIZE = 100;
/** Probability of exactly one object, or of at least so many, from which an image's objects are taken. */
const CONFIDENT = 0.9;
/** Share of its layer's maximum from which a pixel is the object's, and the margin around such pixels. */
const MASK = { share: 0.1, margin: 2 } as const;

/**
 * Cuts out the objects of training images in which the model is confident of one. If there are few such images, objects that
 * stand apart from the others in their image are cut out, too.
 */
export async function findCutOuts(
  evaluator: Evaluator,
  parameters: NamedTensorData,
  scenes: ImageSource,
): Promise<CutOut[]> {
  const singles: CutOut[] = [];
  const others: CutOut[] = [];
  const pixels = pixelsPerImage(scenes);
  const searched = Math.min(scenes.size, WANTED.images);
  for (let start = 0; start < searched && singles.length < WANTED.cutOuts; start += BATCH_SIZE) {
    const size = Math.min(BATCH_SIZE, searched - start);
    const images = new Float32Array(size * pixels);
    fillBatch(
      scenes,
      Array.from({ length: size }, (_, i) => start + i),
      images,
    );
    const explanations = await evaluator.explainImages(parameters, images, start);
    explanations.forEach((explanation, i) => {
      const image = images.subarray(i * pixels, (i + 1) * pixels);
      if (explanation.count === 1 && explanation.countProbability >= CONFIDENT) {
        const cutOut = cutOutOf(image, explanation.reconstruction, scenes);
        if (cutOut) singles.push(cutOut);
      } else if (explanation.leastProbability >= CONFIDENT && singles.length < ENOUGH_SINGLES) {
        others.push(...cutOutsApart(image, explanation.canvases, scenes));
      }
    });
  }
  const found = singles.length < ENOUGH_SINGLES ? [...singles, ...others] : singles;
  return found.slice(0, WANTED.cutOuts);
}

/**
 * Cuts out those objects of an image whose surroundings no other object touches.
 *
 * @param image [C, S, S]
 * @param canvases canvas after each object, [C, S, S] each
 */
export function cutOutsApart(image: Float32Array, canvases: readonly Float32Array[], form: Form): CutOut[] {
  const layers = canvases.map((canvas, t) =>
    t === 0 ? canvas : canvas.map((value, i) => value - canvases[t - 1]![i]!),
  );
  const inks = layers.map((layer) => inkOf(layer, form));
  return layers.flatMap((layer, t) => {
    const around = grown(inks[t]!, 2 * MASK.margin, form);
    const touches = inks.some((ink, other) => other !== t && ink.some((lit, i) => lit === 1 && around[i] === 1));
    const cutOut = touches ? undefined : cutOutOf(image, layer, form);
    return cutOut ? [cutOut] : [];
  });
}

type Form = Pick<ImageSource, "imageSize" | "channels">;

/** 1 where a layer [C, S, S] draws more than a share of its maximum, [S, S]. */
function inkOf(layer: Float32Array, { imageSize, channels }: Form): Uint8Array {
  const plane = imageSize ** 2;
  const brightest = new Float32Array(plane);
  let most = 0;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) brightest[i] = Math.max(brightest[i]!, layer[c * plane + i]!);
    most = Math.max(most, brightest[i]!);
  }
  return Uint8Array.from(brightest, (value) => (most > 0 && value >= MASK.share * most ? 1 : 0));
}

/** A mask [S, S] grown by `margin` pixels to all sides. */
function grown(mask: Uint8Array, margin: number, { imageSize: side }: Form): Uint8Array {
  const larger = new Uint8Array(mask.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (mask[y * side + x] === 0) continue;
      for (let v = Math.max(0, y - margin); v <= Math.min(side - 1, y + margin); v++) {
        larger.fill(1, v * side + Math.max(0, x - margin), v * side + Math.min(side - 1, x + margin) + 1);
      }
    }
  }
  return larger;
}

/**
 * Cuts the object that `drawn` shows out of `image`, both [C, S, S]; undefined if it shows none.
 */
export function cutOutOf(image: Float32Array, drawn: Float32Array, form: Form): CutOut | undefined {
  const { imageSize: side, channels } = form;
  const plane = side ** 2;
  const mask = grown(inkOf(drawn, form), MASK.margin, form);
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const i = y * side + x;
      if (mask[i] === 0 || !isLit(image, i, plane, channels)) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  }
  if (right < left) return undefined;
  const [width, height] = [right - left + 1, bottom - top + 1];
  const pixels = new Float32Array(channels * width * height);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const i = (top + y) * side + left + x;
        pixels[(c * height + y) * width + x] = image[c * plane + i]! * mask[i]!;
      }
    }
  }
  return { pixels, width, height };
}

function isLit(image: Float32Array, i: number, plane: number, channels: number): boolean {
  for (let c = 0; c < channels; c++) if (image[c * plane + i]! > 0) return true;
  return false;
}
