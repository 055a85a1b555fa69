/**
 * The geometry of z_where = (s, x, y): a window of the image, by scale and shift alone.
 *
 * Coordinates u run over [-1, 1] between the outer edges of the image. The object is read at `s·u + (x, y)`, so a
 * larger `s` is a smaller window: it is S/s pixels wide, centred on S/2·(1 - x/s), S/2·(1 - y/s).
 */

import type { AirConfig } from "./config.js";

/** An axis-aligned box in pixels of the image; `max` edges are exclusive; it may reach over the image's border. */
export interface Box {
  /** Left edge. */
  readonly xmin: number;
  /** Upper edge. */
  readonly ymin: number;
  /** Right edge, exclusive. */
  readonly xmax: number;
  /** Lower edge, exclusive. */
  readonly ymax: number;
}

/** `[s, x, y]`, without units: multiples of half the image's side. */
export type ZWhere = readonly [s: number, x: number, y: number];

/** The pixels that the window `zWhere` covers in an image with side `imageSize`. */
export function boxFromZWhere([s, x, y]: ZWhere, imageSize: number): Box {
  const half = imageSize / 2;
  const centreX = half * (1 - x / s);
  const centreY = half * (1 - y / s);
  const reach = half / Math.abs(s);
  return { xmin: centreX - reach, ymin: centreY - reach, xmax: centreX + reach, ymax: centreY + reach };
}

/** The window that covers `box`: the inverse of {@link boxFromZWhere} for square boxes; others get their mean side. */
export function zWhereFromBox(box: Box, imageSize: number): ZWhere {
  const side = (box.xmax - box.xmin + box.ymax - box.ymin) / 2;
  const s = imageSize / side;
  const offset = (centre: number): number => s * (1 - (2 * centre) / imageSize);
  return [s, offset((box.xmin + box.xmax) / 2), offset((box.ymin + box.ymax) / 2)];
}

/**
 * Numbers under the standard normal become nearly uniform ones in (-1, 1) by x ↦ tanh(this · x): the logistic function
 * that comes closest to the normal distribution's.
 */
export const UNIFORM_FROM_NORMAL = 0.851;

/**
 * z_where of the three numbers that the model has a prior and a posterior of. They are z_where itself, but if the
 * configuration's `where` is bounded, the side and the centre of the window by {@link UNIFORM_FROM_NORMAL}: the side
 * between its bounds, the centre between the edges of the image.
 */
export function zWhereFromLatent({ where, imageSize }: AirConfig, latent: readonly [number, number, number]): ZWhere {
  if (where.type !== "bounded") return latent;
  const [size, x, y] = latent.map((value) => Math.tanh(UNIFORM_FROM_NORMAL * value)) as [number, number, number];
  const [least, most] = where.side;
  const s = imageSize / ((most + least) / 2 + (size * (most - least)) / 2);
  return [s, s * x, s * y];
}

/** The window that the prior expects: of its mean. */
export function priorWindow(config: AirConfig): ZWhere {
  return zWhereFromLatent(config, config.prior.whereMean);
}

/** Intersection over union of two boxes, in [0, 1]. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a.xmax, b.xmax) - Math.max(a.xmin, b.xmin);
  const height = Math.min(a.ymax, b.ymax) - Math.max(a.ymin, b.ymin);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / (area(a) + area(b) - intersection);
}

function area(box: Box): number {
  return (box.xmax - box.xmin) * (box.ymax - box.ymin);
}
