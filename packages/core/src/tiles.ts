/**
 * Tiles of a picture that is larger than a model's images. Tiles have the model's size and overlap by at least the largest window,
 * so that every object lies whole in some tile. Each place of the picture belongs to the core of exactly one tile, which answers
 * for the objects whose middle is there. Near a border of two cores both may find an object, or each may place its middle on the
 * other's side: therefore a tile's objects count a little beyond its core, too, unless another tile has the same object.
 */
import type { AirConfig } from "./config.js";
import { type Box, zWhereFromLatent } from "./where.js";

/** A part of a picture that the model sees as one image. */
export interface Tile {
  /** Column of its left edge in the picture, pixels. */
  readonly x: number;
  /** Row of its upper edge in the picture, pixels. */
  readonly y: number;
  /** The part of the picture whose objects this tile answers for; at the picture's edges it has no end. */
  readonly core: Box;
}

/** Greatest overlap of two tiles, as a share of their side: more would multiply the work. */
const MOST_OVERLAP = 0.75;
/** Standard deviations of the prior within which the largest window of a model without bounds is looked for. */
const WINDOW_SPREAD = 2;
/** Distance from its core up to which a tile's objects count, as a share of the overlap. */
const BEYOND_CORE = 0.1;
/** Share of the smaller of two boxes that must lie in the other for both to be one object, seen by two tiles. */
const SAME_OBJECT = 0.6;
/** The same if one of them lies beyond its tile's core, where objects are likely to be found by the other tile. */
const SAME_OBJECT_BEYOND = 0.3;

/**
 * Pixels by which the tiles of a model overlap: the side of its largest window, at most three quarters of the image. A model without
 * bounds on its windows has those of its prior up to two standard deviations.
 */
export function tileOverlap(config: AirConfig): number {
  const { imageSize, where } = config;
  const largest = where.type === "bounded" ? where.side[1] : largestOfPrior(config);
  return Math.min(Math.ceil(largest), Math.floor(MOST_OVERLAP * imageSize));
}

function largestOfPrior(config: AirConfig): number {
  const { whereMean, whereStd } = config.prior;
  const [s] = zWhereFromLatent(config, [whereMean[0] - WINDOW_SPREAD * whereStd[0], whereMean[1], whereMean[2]]);
  return s > 0 ? config.imageSize / s : config.imageSize;
}

/**
 * Plans the tiles of a picture, row by row. A picture of the tiles' size has one. Along a side that is not longer than a tile there is
 * one tile, with the picture in its middle; along a longer one the tiles are spread evenly.
 *
 * @param size size of the picture, pixels
 * @param side side of the tiles, pixels
 * @param overlap least number of pixels that neighbouring tiles share
 */
export function planTiles(
  { width, height }: { readonly width: number; readonly height: number },
  side: number,
  overlap: number,
): Tile[] {
  const columns = spansOf(width, side, overlap);
  return spansOf(height, side, overlap).flatMap((row) =>
    columns.map((column) => ({
      x: column.from,
      y: row.from,
      core: { xmin: column.core[0], ymin: row.core[0], xmax: column.core[1], ymax: row.core[1] },
    })),
  );
}

/** Places of tiles along one side of a picture. */
function spansOf(length: number, side: number, overlap: number): { from: number; core: [number, number] }[] {
  const { NEGATIVE_INFINITY: start, POSITIVE_INFINITY: end } = Number;
  if (length <= side) return [{ from: 0 - Math.floor((side - length) / 2), core: [start, end] }];
  const count = Math.ceil((length - overlap) / (side - overlap));
  const places = Array.from({ length: count }, (_, i) => Math.round((i * (length - side)) / (count - 1)));
  // The border of two cores is the middle of what their tiles share.
  const border = (i: number): number => (places[i]! + side + places[i + 1]!) / 2;
  return places.map((from, i) => ({
    from,
    core: [i === 0 ? start : border(i - 1), i === count - 1 ? end : border(i)],
  }));
}

/** An object that a tile has found. */
export interface TileObject {
  /** Smallest rectangle of its pixels, in pixels of the picture. */
  readonly tightBox: Box;
  /** Index of its tile. */
  readonly tile: number;
}

/**
 * Joins what the tiles of a picture have found, each object once: those in the cores of their tiles, and those just beyond that no other
 * tile has. Of two tiles that found the same object, the one whose core holds it more deeply answers.
 *
 * @param overlap as given to {@link planTiles}
 * @returns the objects that are kept, in the order in which they were given
 */
export function joinTiles<O extends TileObject>(objects: readonly O[], tiles: readonly Tile[], overlap: number): O[] {
  if (tiles.length === 1) return [...objects];
  const beyond = BEYOND_CORE * overlap;
  const candidates = objects
    .map((object, order) => ({ object, order, depth: depthOf(object.tightBox, tiles[object.tile]!.core) }))
    .filter(({ depth }) => depth >= -beyond)
    .sort((a, b) => b.depth - a.depth || a.order - b.order);
  const kept = new Map<string, typeof candidates>();
  // Boxes that share pixels have their middles within this distance.
  const cell = candidates.reduce((most, { object }) => Math.max(most, ...sidesOf(object.tightBox)), 1);
  for (const candidate of candidates) {
    const { tightBox, tile } = candidate.object;
    const [column, row] = middleOf(tightBox).map((at) => Math.floor(at / cell)) as [number, number];
    const near = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].flatMap((dx) => kept.get(`${column + dx},${row + dy}`) ?? []));
    const least = candidate.depth < 0 ? SAME_OBJECT_BEYOND : SAME_OBJECT;
    const isSame = near.some(
      ({ object }) => object.tile !== tile && sharedOfSmaller(object.tightBox, tightBox) >= least,
    );
    if (isSame) continue;
    const key = `${column},${row}`;
    const others = kept.get(key);
    if (others) others.push(candidate);
    else kept.set(key, [candidate]);
  }
  return [...kept.values()]
    .flat()
    .sort((a, b) => a.order - b.order)
    .map(({ object }) => object);
}

const middleOf = ({ xmin, ymin, xmax, ymax }: Box): [number, number] => [(xmin + xmax) / 2, (ymin + ymax) / 2];
const sidesOf = ({ xmin, ymin, xmax, ymax }: Box): [number, number] => [xmax - xmin, ymax - ymin];

/** Distance of the middle of `box` from the nearest border of `core`, negative outside. */
function depthOf(box: Box, core: Box): number {
  const [x, y] = middleOf(box);
  return Math.min(x - core.xmin, core.xmax - x, y - core.ymin, core.ymax - y);
}

/** Share of the smaller box that the other covers. */
function sharedOfSmaller(a: Box, b: Box): number {
  const width = Math.min(a.xmax, b.xmax) - Math.max(a.xmin, b.xmin);
  const height = Math.min(a.ymax, b.ymax) - Math.max(a.ymin, b.ymin);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box): number => sidesOf(box)[0] * sidesOf(box)[1];
  return (width * height) / Math.min(area(a), area(b));
}
