/**
 * The extent of an object: which pixels of the image it explains, and the smallest rectangle of them. The window of an object
 * is the square that the model looked at, which is larger than the object.
 */
import { type Box, boxFromZWhere, type ZWhere } from "./where.js";

/** The pixels of the image that belong to an object. */
export interface ObjectExtent {
  /**
   * Smallest rectangle of the object's pixels, within the image. It is the window, as far as the image goes, if the object
   * has no pixels.
   */
  readonly tightBox: Box;
  /**
   * 1 for each pixel of the image that belongs to the object, 0 for all others, `[S, S]`. A pixel that two objects draw alike
   * belongs to both.
   */
  readonly mask: Uint8Array;
}

/** The sizes of an image and of the patches on it. */
interface Sizes {
  readonly channels: number;
  readonly imageSize: number;
  readonly objectSize: number;
}

/** The shares by which `objectExtents` tells an object's pixels. */
export const tightBoxThresholds = {
  /** Share of the object's strongest value that it must draw at a pixel. */
  leastStrength: 0.02,
  /** Share of the canvas that the object must have drawn at a pixel. Below ½, so that two objects that draw it alike both have it. */
  leastShare: 0.4,
  /** Share of the brightest of the object's pixels that a pixel of the image must have. */
  leastIntensity: 0.1,
  /** The same where there is no image but the canvas: the edges of what the model draws are blurred. */
  leastDrawnIntensity: 0.2,
} as const;

/**
 * Finds the pixels that belong to each object of a scene. A pixel belongs to an object if, in some channel,
 * - the object draws at least 2 % of the strongest value that it draws anywhere,
 * - at least 40 % of the canvas is drawn by it, and
 * - the image has at least 10 % of the brightest value among those that fulfil the first two.
 *
 * Thus the object's edges are those of the image, and what the model draws decides whose they are.
 *
 * @param windows z_where of each object
 * @param layers what each object added to the canvas: `after` - `before`, `[C, S, S]` each
 * @param canvas canvas with these objects only, `[C, S, S]`
 * @param image `[C, S, S]`; undefined for a scene that is not inferred from one. The canvas then takes its place, with 20 %
 *   instead of 10 %.
 */
export function objectExtents(
  windows: readonly ZWhere[],
  layers: readonly Layer[],
  canvas: Float32Array,
  image: Float32Array | undefined,
  sizes: Sizes,
): ObjectExtent[] {
  return windows.map((zWhere, i) => objectExtent(zWhere, layers[i]!, canvas, image, sizes));
}

/** What an object added to a canvas. */
export interface Layer {
  /** Canvas before the object, `[C, S, S]`; undefined for the empty one. */
  readonly before: Float32Array | undefined;
  /** Canvas with the object, `[C, S, S]`. */
  readonly after: Float32Array;
}

function objectExtent(
  zWhere: ZWhere,
  { before, after }: Layer,
  canvas: Float32Array,
  image: Float32Array | undefined,
  { channels, imageSize, objectSize }: Sizes,
): ObjectExtent {
  const mask = new Uint8Array(imageSize * imageSize);
  const window = boxFromZWhere(zWhere, imageSize);
  // The patch fades to 0 over half of one of its pixels outside the window.
  const fade = (window.xmax - window.xmin) / objectSize / 2;
  const clamp = (edge: number): number => Math.min(Math.max(edge, 0), imageSize);
  const [firstColumn, firstRow] = [Math.floor(clamp(window.xmin - fade)), Math.floor(clamp(window.ymin - fade))];
  const [endColumn, endRow] = [Math.ceil(clamp(window.xmax + fade)), Math.ceil(clamp(window.ymax + fade))];
  const width = endColumn - firstColumn;
  /** What the object draws around its window, `[C, rows, width]`, and later the image's values of it. */
  const values = new Float32Array(channels * (endRow - firstRow) * width);

  let strongest = 0;
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = firstRow; row < endRow; row++) {
      const start = (channel * imageSize + row) * imageSize;
      for (let i = start + firstColumn; i < start + endColumn; i++) {
        const drawn = before === undefined ? after[i]! : after[i]! - before[i]!;
        values[at++] = drawn;
        if (drawn > strongest) strongest = drawn;
      }
    }
  }

  const seen = image ?? canvas;
  const { leastStrength, leastShare, leastIntensity, leastDrawnIntensity } = tightBoxThresholds;
  const leastDrawn = leastStrength * strongest;
  let brightest = 0;
  at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = firstRow; row < endRow; row++) {
      const start = (channel * imageSize + row) * imageSize;
      for (let i = start + firstColumn; i < start + endColumn; i++, at++) {
        const drawn = values[at]!;
        const value = drawn > 0 && drawn >= leastDrawn && drawn >= leastShare * canvas[i]! ? seen[i]! : 0;
        values[at] = value;
        if (value > brightest) brightest = value;
      }
    }
  }

  // In float32, in which a scene file computes it: pixels of 8 bits often have exactly this share.
  const least = Math.fround(Math.fround(image === undefined ? leastDrawnIntensity : leastIntensity) * brightest);
  let [left, top, right, bottom] = [imageSize, imageSize, -1, -1];
  at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = firstRow; row < endRow; row++) {
      for (let column = firstColumn; column < endColumn; column++) {
        const value = values[at++]!;
        if (value <= 0 || value < least) continue;
        mask[row * imageSize + column] = 1;
        if (column < left) left = column;
        if (column > right) right = column;
        if (row < top) top = row;
        if (row > bottom) bottom = row;
      }
    }
  }
  const tightBox =
    right < 0
      ? { xmin: clamp(window.xmin), ymin: clamp(window.ymin), xmax: clamp(window.xmax), ymax: clamp(window.ymax) }
      : { xmin: left, ymin: top, xmax: right + 1, ymax: bottom + 1 };
  return { tightBox, mask };
}
