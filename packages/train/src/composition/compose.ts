/** Composes images of cut-outs: several objects, many of them close to one another. */
import type { RandomStream } from "@air-onnx/core";
import type { CutOut } from "./cut-outs.js";

/** How images are composed. */
export interface CompositionPlan {
  /** Side of the images, pixels. */
  readonly imageSize: number;
  /** Channels of the images. */
  readonly channels: number;
  /** Most objects N of an image. */
  readonly maxObjects: number;
  /** Whether objects may overlap where their intensities together exceed 1; they are cut off there. */
  readonly overlap: "redraw" | "clip";
  /** Side of the largest window, pixels. */
  readonly objectSide: number;
}

/** Share of the images without an object, and with one; the others have two or more, all numbers alike. */
const COUNT_SHARES = { none: 0.1, one: 0.2 } as const;
/**
 * Share of the objects that are placed beside another, and the distance of their centres as a share of the largest
 * window's side: pairs so close are rare in images with few objects, and they are what a model miscounts.
 */
const CLOSE = { share: 0.6, from: 0.16, to: 1.08 } as const;
/** Tries to place the objects of an image before other objects are drawn. */
const TRIES = 60;
/** Times that other objects are drawn before the image gets one object fewer: so many may never fit. */
const REDRAWS = 100;

/**
 * Draws the objects of one image, each alone on black.
 *
 * @param layers `[N, C, S, S]`, zeros; what is drawn is written into it
 * @returns number of objects
 */
export function composeImage(
  layers: Float32Array,
  cutOuts: readonly CutOut[],
  plan: CompositionPlan,
  random: RandomStream,
): number {
  let count = drawCount(plan.maxObjects, random);
  const size = layers.length / plan.maxObjects;
  for (let redraws = 1; ; redraws++) {
    const total = new Float32Array(size);
    const centres: [x: number, y: number][] = [];
    for (let tries = 0; centres.length < count && tries < TRIES; tries++) {
      const cutOut = cutOuts[random.integer(cutOuts.length)]!;
      const place = drawPlace(cutOut, centres, plan, random);
      if (!place || (plan.overlap === "redraw" && exceeds(total, cutOut, place, plan))) continue;
      const layer = layers.subarray(centres.length * size, (centres.length + 1) * size);
      paste(layer, cutOut, place, plan);
      paste(total, cutOut, place, plan);
      centres.push([place[0] + cutOut.width / 2, place[1] + cutOut.height / 2]);
    }
    if (centres.length === count) return count;
    layers.fill(0);
    if (redraws % REDRAWS === 0) count--;
  }
}

function drawCount(most: number, random: RandomStream): number {
  const { none, one } = COUNT_SHARES;
  const u = random.uniform();
  if (u < none) return 0;
  if (u < none + one || most === 1) return 1;
  return 2 + random.integer(most - 1);
}

type Place = readonly [left: number, top: number];

/** Where to paste a cut-out; undefined if it would leave the image. */
function drawPlace(
  { width, height }: CutOut,
  centres: readonly (readonly [number, number])[],
  { imageSize, objectSide }: CompositionPlan,
  random: RandomStream,
): Place | undefined {
  if (width > imageSize || height > imageSize) return undefined;
  if (centres.length === 0 || random.uniform() >= CLOSE.share) {
    return [random.integer(imageSize - width + 1), random.integer(imageSize - height + 1)];
  }
  const [x, y] = centres[random.integer(centres.length)]!;
  const angle = 2 * Math.PI * random.uniform();
  const distance = objectSide * (CLOSE.from + (CLOSE.to - CLOSE.from) * random.uniform());
  const left = Math.floor(x + distance * Math.cos(angle) - width / 2);
  const top = Math.floor(y + distance * Math.sin(angle) - height / 2);
  const isInside = left >= 0 && top >= 0 && left + width <= imageSize && top + height <= imageSize;
  return isInside ? [left, top] : undefined;
}

function exceeds(total: Float32Array, cutOut: CutOut, place: Place, plan: CompositionPlan): boolean {
  let isTooBright = false;
  eachPixel(cutOut, place, plan, (at, value) => {
    isTooBright ||= total[at]! + value > 1 + 1e-6;
  });
  return isTooBright;
}

function paste(target: Float32Array, cutOut: CutOut, place: Place, plan: CompositionPlan): void {
  eachPixel(cutOut, place, plan, (at, value) => {
    target[at]! += value;
  });
}

function eachPixel(
  { pixels, width, height }: CutOut,
  [left, top]: Place,
  { channels, imageSize }: CompositionPlan,
  visit: (at: number, value: number) => void,
): void {
  let i = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const row = (c * imageSize + top + y) * imageSize + left;
      for (let x = 0; x < width; x++) visit(row + x, pixels[i++]!);
    }
  }
}
