/**
 * The geometry of z_where = (s, x, y): a window of the image, given by its scale and shift.
 *
 * Coordinates u run over [-1, 1] between the outer edges of the image. The pixel at u shows the object at
 * `s·u + (x, y)`, so a larger `s` is a smaller window: it is S/s pixels wide, and its centre is at S/2·(1 - x/s),
 * S/2·(1 - y/s).
 */

import type { AirConfig } from "./config.js";

type BoundedWhere = Extract<AirConfig["where"], { readonly type: "bounded" }>;

/** An axis-aligned box in pixels of the image. It may extend beyond the image's border. */
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

/**
 * Scale and shift of a window, `[s, x, y]`, without units. The window's side is 1/s of the image's side, and its centre is
 * at (-x/s, -y/s) in coordinates from -1 to 1 between the image's edges.
 */
export type ZWhere = readonly [s: number, x: number, y: number];

/** Box of the pixels that the window `zWhere` covers in an image with side `imageSize`. */
export function boxFromZWhere([s, x, y]: ZWhere, imageSize: number): Box {
  const half = imageSize / 2;
  const centreX = half * (1 - x / s);
  const centreY = half * (1 - y / s);
  const reach = half / Math.abs(s);
  return { xmin: centreX - reach, ymin: centreY - reach, xmax: centreX + reach, ymax: centreY + reach };
}

/** Window that covers `box`: the inverse of {@link boxFromZWhere} for square boxes. Other boxes get their mean side. */
export function zWhereFromBox(box: Box, imageSize: number): ZWhere {
  const side = (box.xmax - box.xmin + box.ymax - box.ymin) / 2;
  const s = imageSize / side;
  const offset = (centre: number): number => s * (1 - (2 * centre) / imageSize);
  return [s, offset((box.xmin + box.xmax) / 2), offset((box.ymin + box.ymax) / 2)];
}

/**
 * Factor by which tanh(factor · x) maps standard normal numbers x to nearly uniform ones in (-1, 1): this logistic curve
 * is closest to the cumulative distribution of the standard normal.
 */
export const UNIFORM_FROM_NORMAL = 0.851;

/**
 * Computes z_where from the three latent numbers that the prior and the posterior describe. Usually they are z_where
 * itself. If the configuration's `where` is bounded, the first is mapped by tanh, see {@link UNIFORM_FROM_NORMAL}, to the side
 * of the window, within `where.side`. The others are its centre, which is mapped likewise to within the edges of the image
 * unless it is free.
 */
export function zWhereFromLatent({ where, imageSize }: AirConfig, latent: readonly [number, number, number]): ZWhere {
  if (where.type !== "bounded") return latent;
  const squash = (value: number): number => Math.tanh(UNIFORM_FROM_NORMAL * value);
  const [size, ...centre] = latent;
  const [x, y] = where.centre === "free" ? centre : centre.map(squash);
  const s = imageSize / windowSide(where, squash(size));
  return [s, s * x!, s * y!];
}

/** Side of a bounded window in pixels, for a number between -1, the least side, and 1, the greatest. */
function windowSide({ side: [least, most], spacing }: BoundedWhere, size: number): number {
  if (spacing === "logarithmic") return Math.sqrt(least * most) * (most / least) ** (size / 2);
  return (most + least) / 2 + (size * (most - least)) / 2;
}

/** Window at the mean of the prior. */
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
