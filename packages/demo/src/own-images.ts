/**
 * A visitor's own images to train on: symbols that they drew, of which images are composed, or pictures of theirs. Plain data,
 * which a worker and IndexedDB take. Nothing of it leaves the page.
 */
import { RandomStream } from "@air-onnx/core/random";

import { fillBatch, generateScenes, pixelsPerImage, type SceneGenerator, streamScenes } from "@air-onnx/scenes/drawn";
import type { TrainingImages } from "./training-images.js";

/** A symbol that a visitor drew, cut out: its ink is in the middle, {@link INK_SHARE} of the side in its longer direction. */
export interface DrawnSymbol {
  /** `[side, side]`, 0..255 */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly side: number;
}

export type OwnImages =
  | { readonly kind: "symbols"; readonly symbols: readonly DrawnSymbol[] }
  | {
      readonly kind: "pictures";
      /** `[N, S, S]`, 0..255, bright on black */
      readonly pixels: Uint8ClampedArray<ArrayBuffer>;
      readonly size: number;
    };

export const FEWEST_SYMBOLS = 3;
export const MOST_SYMBOLS = 10;
export const FEWEST_PICTURES = 40;
/** More would not be seen often enough in the steps of the page, and fill its storage. */
export const MOST_PICTURES = 2000;
/** Share of a symbol's side that its ink takes, as that of the digits. */
export const INK_SHARE = 20 / 28;

/** Side of the frame in whose pixels the sizes of objects are, as those of the digits. */
const FRAME = 28;
const SMALLEST = 14;
/** Most symbols in an image. */
const MOST_OBJECTS = 2;
/** Share of the pictures that are held out, and the fewest. */
const HELD_OUT_SHARE = 0.1;
const FEWEST_HELD_OUT = 8;

/** Names what is trained on, after "It learns from". */
export function ownImagesInWords(images: OwnImages | undefined): string {
  if (!images) return "digits that a simulated pen writes, at most two in an image";
  if (images.kind === "symbols") return `your ${images.symbols.length} symbols, at most two in an image`;
  return `your ${images.size.toLocaleString("en")} images`;
}

/**
 * The training images and the held-out images that are made of a visitor's own.
 *
 * @param seed seed of the training
 */
export function ownTrainingImages(images: OwnImages, imageSize: number, seed: number): TrainingImages {
  if (images.kind === "pictures") return ofPictures(images.pixels, images.size, imageSize ** 2, seed);
  // As with the drawn sets: training images have even seeds, held-out images an odd one.
  const stream = streamScenes(symbolScenes(images.symbols, imageSize, 2 * seed));
  const heldOut = symbolScenes(images.symbols, imageSize, 1);
  return {
    draw: (indices, target) => fillBatch(stream, indices, target),
    async heldOut(size) {
      const scenes = await generateScenes(heldOut, size);
      const drawn = new Float32Array(size * pixelsPerImage(scenes));
      fillBatch(scenes, [...scenes.counts.keys()], drawn);
      return { images: drawn, counts: [...scenes.counts] };
    },
  };
}

/** Images of none to two of the symbols, each turned, slanted and sized a little at random. Image i depends on (seed, i) alone. */
export function symbolScenes(symbols: readonly DrawnSymbol[], imageSize: number, seed: number): SceneGenerator {
  const pixels = new Uint8Array(FRAME ** 2);
  return {
    dataset: "your symbols",
    imageSize,
    channels: 1,
    maxObjects: MOST_OBJECTS,
    overlap: "redraw",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const nextPatch = () => {
        const kind = random.integer(symbols.length);
        const scale = 1.3 + 0.1 * random.normal();
        const side = Math.min(FRAME, Math.max(SMALLEST, Math.trunc(FRAME / scale)));
        const y = random.integer(imageSize - side + 1);
        const x = random.integer(imageSize - side + 1);
        inkSymbol(symbols[kind]!, random, pixels, side);
        return { pixels, side, x, y, kind };
      };
      return { count: random.integer(MOST_OBJECTS + 1), nextPatch };
    },
  };
}

/** Points of each pixel in each direction at which the symbol is sampled. */
const SAMPLES = 3;

/** Draws a symbol into the first side² of `pixels`, changed at random. */
function inkSymbol(symbol: DrawnSymbol, random: RandomStream, pixels: Uint8Array, side: number): void {
  const turn = 0.12 * random.normal();
  const slant = 0.12 * random.normal();
  const stretch = Math.exp(0.1 * random.normal());
  const level = 0.88 + 0.12 * random.uniform();
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  // A stretched symbol is made smaller, so that its ink stays in the patch.
  const unit = (symbol.side / side) * Math.max(1, stretch);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      let sum = 0;
      for (let k = 0; k < SAMPLES ** 2; k++) {
        const u = column + (0.5 + (k % SAMPLES)) / SAMPLES - side / 2;
        const v = row + (0.5 + Math.floor(k / SAMPLES)) / SAMPLES - side / 2;
        const x = (cos * u + sin * v) / stretch + slant * v;
        const y = cos * v - sin * u;
        sum += sample(symbol, symbol.side / 2 + x * unit, symbol.side / 2 + y * unit);
      }
      pixels[row * side + column] = Math.round((level * sum) / SAMPLES ** 2);
    }
  }
}

/** The intensity at a point, bilinear; 0 outside. */
function sample({ pixels, side }: DrawnSymbol, x: number, y: number): number {
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [dx, dy] = [x - 0.5 - left, y - 0.5 - top];
  const at = (column: number, row: number): number =>
    column < 0 || row < 0 || column >= side || row >= side ? 0 : pixels[row * side + column]!;
  return (
    (1 - dy) * ((1 - dx) * at(left, top) + dx * at(left + 1, top)) +
    dy * ((1 - dx) * at(left, top + 1) + dx * at(left + 1, top + 1))
  );
}

/** Pictures in an order that is shuffled anew whenever all have been seen; the last tenth is held out, and their counts are not known. */
function ofPictures(pictures: Uint8ClampedArray, size: number, pixels: number, seed: number): TrainingImages {
  const held = Math.max(FEWEST_HELD_OUT, Math.floor(HELD_OUT_SHARE * size));
  const size0 = size - held;
  const fill = (picture: number, target: Float32Array, at: number): void => {
    for (let i = 0; i < pixels; i++) target[at * pixels + i] = pictures[picture * pixels + i]! / 255;
  };
  let epoch = -1;
  let order: number[] = [];
  return {
    draw(indices, target) {
      indices.forEach((index, at) => {
        const wanted = Math.floor(index / size0);
        if (wanted !== epoch) {
          epoch = wanted;
          order = shuffled(size0, new RandomStream(2 * seed, epoch));
        }
        fill(order[index % size0]!, target, at);
      });
    },
    async heldOut(most) {
      const images = new Float32Array(Math.min(most, held) * pixels);
      for (let i = 0; i < Math.min(most, held); i++) fill(size0 + i, images, i);
      return { images, counts: undefined };
    },
  };
}

function shuffled(size: number, random: RandomStream): number[] {
  const order = Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Cuts a symbol out of a drawing `[side, side]`; undefined if nothing is drawn. */
export function cutSymbol(drawing: Uint8ClampedArray, side: number): DrawnSymbol | undefined {
  let [left, top, right, bottom] = [side, side, -1, -1];
  drawing.forEach((value, at) => {
    if (value < INKED) return;
    const [x, y] = [at % side, Math.floor(at / side)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  });
  if (right < 0) return undefined;
  const extent = Math.max(right - left, bottom - top) + 1;
  const cutSide = Math.ceil(extent / INK_SHARE);
  const [x0, y0] = [(left + right + 1 - cutSide) / 2, (top + bottom + 1 - cutSide) / 2].map(Math.round) as [
    number,
    number,
  ];
  const pixels = new Uint8ClampedArray(cutSide ** 2);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) pixels[(y - y0) * cutSide + x - x0] = drawing[y * side + x]!;
  }
  return { pixels, side: cutSide };
}

/** Intensity from which a pixel of a drawing is ink. */
const INKED = 32;
