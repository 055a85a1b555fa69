/**
 * Plates with colonies, as a camera above sees the middle of a Petri dish: large grey images with 50 to 300 colonies, for
 * counting in tiles. They are no data set to train on, as a model's images have at most 512 pixels a side. Plate i is a
 * function of (seed, i).
 *
 * The recipe: the number of colonies is uniform. Each is an ellipse with a length uniform in [10, 26) pixels, a width of 0.8 to
 * 1 of the length, a level uniform in [0.6, 1), and an edge that fades over 2 to 4 pixels. It lies at a uniform position wholly
 * inside the image; a position is drawn anew, up to 100 times, while the centre is nearer to that of an earlier colony than 0.7
 * of the sum of their mean radii. Levels add up to at most 1. Then the image is taken, see camera.ts. Random numbers are drawn in
 * this order: count and fade; for each colony length, width, angle, level, then y and x for each position. The exposure is drawn
 * from the stream (index, 1) and the noise from (index, 2).
 */
import type { Box, Picture } from "@air-onnx/core";
import { RandomStream } from "@air-onnx/core/random";
import { between, drawExposure, type ExposureRanges, takeImage } from "./camera.js";
import { Places } from "./places.js";
import { drawEllipse, sideOfEllipse } from "./soft-ellipse.js";

const LENGTH = [10, 26] as const;
const WIDTH = [0.8, 1] as const;
const LEVEL = [0.6, 1] as const;
const FADE = [2, 4] as const;
/** Least distance of two colonies, as a share of the sum of their mean radii. */
const APART = 0.7;
/** Side of the largest patch, pixels. */
const MAX_SIDE = LENGTH[1] + FADE[1];

const light: Omit<ExposureRanges, "dark"> = {
  ground: [0.2, 0.35],
  contrast: [0.35, 0.6],
  shade: [0.25, 0.5],
  photons: [200, 800],
};
const dark: Omit<ExposureRanges, "dark"> = { ...light, ground: [0.75, 0.95] };

/** The form of a plate. */
export interface PlateForm {
  /** Side of the image, pixels; default 1000. */
  readonly side?: number | undefined;
  /** Fewest and most colonies; default [50, 300]. */
  readonly counts?: readonly [least: number, most: number] | undefined;
  /** Whether the colonies are darker than the agar; false by default. */
  readonly dark?: boolean | undefined;
}

/** A plate with the truth about it. */
export interface Plate {
  /** Grey bytes, `[side, side, 1]`. */
  readonly picture: Picture & { readonly data: Uint8Array };
  /** Tight boxes of the colonies, one for each: the smallest rectangles of the pixels where the colony is. */
  readonly boxes: readonly Box[];
}

/**
 * Draws plate `index`, a function of (seed, index).
 *
 * @throws {RangeError} for an image smaller than the largest colony (30), or counts that are not two integers in order
 */
export function drawPlate(
  seed: number,
  index: number,
  { side = 1000, counts: [least, most] = [50, 300], dark: isDark = false }: PlateForm = {},
): Plate {
  if (!Number.isInteger(side) || side < MAX_SIDE) {
    throw new RangeError(`A plate must be at least ${MAX_SIDE} pixels wide, got ${side}`);
  }
  if (!Number.isInteger(least) || !Number.isInteger(most) || least < 0 || most < least) {
    throw new RangeError(`A plate has from 0 colonies on, the fewest first; got ${least} to ${most}`);
  }
  const random = new RandomStream(seed, index);
  const count = least + random.integer(most - least + 1);
  const fade = between(random, FADE);
  const places = new Places(side, APART);
  const levels = new Float32Array(side * side);
  const patch = new Uint8Array(MAX_SIDE ** 2);
  const boxes = Array.from({ length: count }, () => {
    const length = between(random, LENGTH);
    const width = length * between(random, WIDTH);
    const angle = Math.PI * random.uniform();
    const ellipse = { length, width, angle, level: 255 * between(random, LEVEL), fade };
    const patchSide = sideOfEllipse(ellipse);
    drawEllipse(ellipse, patchSide, patch);
    const { x, y } = places.next(random, patchSide, (length + width) / 4);
    const box = { xmin: side, ymin: side, xmax: 0, ymax: 0 };
    for (let row = 0; row < patchSide; row++) {
      for (let column = 0; column < patchSide; column++) {
        const level = patch[row * patchSide + column]!;
        if (level === 0) continue;
        const at = (y + row) * side + x + column;
        levels[at] = Math.min(255, levels[at]! + level);
        box.xmin = Math.min(box.xmin, x + column);
        box.ymin = Math.min(box.ymin, y + row);
        box.xmax = Math.max(box.xmax, x + column + 1);
        box.ymax = Math.max(box.ymax, y + row + 1);
      }
    }
    return box;
  });
  const data = new Uint8Array(side * side);
  const exposure = drawExposure(new RandomStream(seed, index, 1), { dark: isDark, ...(isDark ? dark : light) });
  takeImage(levels, side, exposure, new RandomStream(seed, index, 2), data);
  return { picture: { data, width: side, height: side, channels: 1 }, boxes };
}
