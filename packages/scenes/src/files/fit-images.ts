/**
 * Makes square images of one side from pictures of any sizes: each picture is scaled down, by one factor for all or to fit whole,
 * and then cut into tiles where it is larger than the side, and put on its own ground where it is smaller.
 */
import { preprocessImage } from "@air-onnx/core";
import { classicalCount } from "../blobs/classical-count.js";
import { fitPreprocessing, quantile } from "../blobs/fit-preprocessing.js";
import { DataError } from "../errors.js";
import type { Raster } from "./png.js";

/** How pictures of a folder become images of one size. */
export type FitRule = "auto" | "tiles" | "scale";

/** How pictures of a folder become images of one size. */
export interface FolderFit {
  /**
   * `auto`, the default: square pictures of one size up to 128 pixels are taken as they are; others are halved until their objects
   * are at most 32 pixels long, and cut into tiles. `tiles` cuts without halving. `scale` scales each picture to fit whole.
   */
  readonly fit?: FitRule | undefined;
  /** Side of the images, pixels. Default: that of the pictures if they are squares of one size up to 128 pixels; else 96, or less where all are smaller. */
  readonly fitSize?: number | undefined;
}

/** Width and height of a picture, pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** What is done to each picture. */
export interface FitPlan {
  /** Side of the images, pixels. */
  readonly side: number;
  /** The size to which a picture is scaled down; its own if it is not. */
  scaled(size: PictureSize): PictureSize;
  /** What is done and why, in one line; undefined if pictures are taken as they are. */
  readonly line: string | undefined;
}

/** The place of a tile in a scaled picture: its first column and row. Outside of the picture is ground. */
export interface Tile {
  readonly x: number;
  readonly y: number;
}

/** Largest side of a picture that is taken whole. */
const LARGEST_WHOLE = 128;
/** Side of tiles, pixels. */
const TILE = 96;
/** Greatest length of objects that need no smaller pictures, pixels: as large as the largest patch of a guessed model. */
const OBJECT = 32;
/** Most pictures that are looked at for the length of their objects, and the side of what is seen of each. */
const [LOOKED_AT, SEEN] = [12, 256];
/** Least side at which objects are looked for, and least number of whole ones that must be seen. */
const [LEAST_SEEN, LEAST_OBJECTS] = [48, 5];
/** Area of a blob below which it is dirt, as a share of the median area. */
const DIRT = 0.1;
const [SMALLEST_SIDE, LARGEST_SIDE] = [8, 512];

/**
 * Decides how pictures become images of one size.
 *
 * @param sizes sizes of all pictures
 * @param look gives the grey picture `index`, intensities in [0, 1], rows from the top
 * @throws {DataError} for a side out of range
 */
export async function planFit(
  sizes: readonly PictureSize[],
  look: (index: number) => Promise<GreyPicture>,
  { fit = "auto", fitSize }: FolderFit,
): Promise<FitPlan> {
  if (fitSize !== undefined && !(Number.isInteger(fitSize) && fitSize >= SMALLEST_SIDE && fitSize <= LARGEST_SIDE)) {
    throw new DataError(`fitSize must be a whole number from ${SMALLEST_SIDE} to ${LARGEST_SIDE}, got ${fitSize}`, {
      kind: "option",
      key: "fitSize",
    });
  }
  const widths = sizes.map(({ width }) => width);
  const heights = sizes.map(({ height }) => height);
  const [first] = sizes as [PictureSize];
  const most = Math.max(...rangeOf(widths), ...rangeOf(heights));
  const isOneSquare = sizes.every(({ width, height }) => width === first.width && height === first.width);
  const own = isOneSquare && (most <= LARGEST_WHOLE || fitSize === most) ? first.width : undefined;
  const asItIs = (size: PictureSize): PictureSize => size;
  if (own !== undefined && (fitSize ?? own) === own) return { side: own, scaled: asItIs, line: undefined };

  const what = `${sizes.length} images of ${inWords(widths)}x${inWords(heights)} pixels`;
  if (fit === "scale") {
    const side = fitSize ?? Math.min(most, LARGEST_WHOLE);
    const scaled = ({ width, height }: PictureSize): PictureSize => {
      const share = Math.min(1, side / Math.max(width, height));
      return { width: Math.max(1, Math.round(share * width)), height: Math.max(1, Math.round(share * height)) };
    };
    return {
      side,
      scaled,
      line: `${what} are scaled down to fit ${side}x${side} whole; the rest is filled with their ground`,
    };
  }
  const side = fitSize ?? (most <= LARGEST_WHOLE ? most : TILE);
  const seen = fit === "auto" && most > LARGEST_WHOLE ? await objectLength(sizes, look) : undefined;
  const factor = 2 ** (seen?.halvings ?? 0);
  const scaled = ({ width, height }: PictureSize): PictureSize => ({
    width: Math.max(1, Math.floor(width / factor)),
    height: Math.max(1, Math.floor(height / factor)),
  });
  const objects = seen ? ` (their objects are about ${Math.round(seen.length)} pixels long)` : "";
  const shrunk = factor === 1 ? "" : `scaled to 1/${factor} of their size and `;
  const isCut = sizes.some((size) => tilesOf(scaled(size), side).length > 1);
  const cut = isCut ? `cut into tiles of ${side}x${side}` : `put on their own ground, ${side}x${side}`;
  const warning = factor === 1 ? "" : `; scale images alike before the model sees them`;
  return { side, scaled, line: `${what}${objects} are ${shrunk}${cut}${warning}` };
}

/** The places of the tiles that cover a picture, spread evenly so that neighbours overlap where they must. */
export function tilesOf({ width, height }: PictureSize, side: number): Tile[] {
  const starts = (length: number): number[] => {
    const count = Math.max(1, Math.ceil(length / side));
    if (count === 1) return [0 - Math.floor((side - length) / 2)];
    return Array.from({ length: count }, (_, i) => Math.round((i * (length - side)) / (count - 1)));
  };
  return starts(height).flatMap((y) => starts(width).map((x) => ({ x, y })));
}

/** Scales a picture down by means over areas. One of the same size is returned as it is. */
export function shrink(picture: Raster, { width, height }: PictureSize): Raster {
  if (width === picture.width && height === picture.height) return picture;
  const { channels } = picture;
  const across = weights(picture.width, width);
  const down = weights(picture.height, height);
  const data = new Uint8Array(width * height * channels);
  const row = new Float64Array(width * channels);
  for (let y = 0; y < height; y++) {
    row.fill(0);
    for (const [fromY, shareY] of down[y]!) {
      for (let x = 0; x < width; x++) {
        for (const [fromX, shareX] of across[x]!) {
          const at = (fromY * picture.width + fromX) * channels;
          for (let c = 0; c < channels; c++) row[x * channels + c]! += shareY * shareX * picture.data[at + c]!;
        }
      }
    }
    for (let i = 0; i < row.length; i++) data[y * row.length + i] = Math.round(row[i]!);
  }
  return { ...picture, width, height, data };
}

/** For each place of a shorter line: the places of the longer one that it covers, with their shares of it. */
function weights(from: number, to: number): (readonly [place: number, share: number])[][] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [begin, end] = [i * step, (i + 1) * step];
    const places: [number, number][] = [];
    for (let place = Math.floor(begin); place < Math.min(from, Math.ceil(end)); place++) {
      places.push([place, (Math.min(end, place + 1) - Math.max(begin, place)) / step]);
    }
    return places;
  });
}

/** A picture in grey. */
export interface GreyPicture extends PictureSize {
  /** Intensities in [0, 1], rows from the top, `[height, width]`. */
  readonly data: Float32Array;
}

/**
 * How long most objects of some pictures are, found classically in the middle of each; undefined if too few are seen. Pictures are
 * halved until objects are at most {@link OBJECT} pixels long.
 */
async function objectLength(
  sizes: readonly PictureSize[],
  look: (index: number) => Promise<GreyPicture>,
): Promise<{ readonly length: number; readonly halvings: number } | undefined> {
  const length = Math.min(LOOKED_AT, sizes.length);
  const chosen = Array.from({ length }, (_, i) => Math.floor((i * sizes.length) / length));
  let pictures: GreyPicture[] = [];
  for (const index of chosen) pictures.push(await look(index));
  for (let halvings = 0; ; halvings++) {
    const side = Math.min(SEEN, ...pictures.flatMap(({ width, height }) => [width, height]));
    if (side < LEAST_SEEN) return undefined;
    const lengths = blobLengths(
      pictures.map((picture) => middleOf(picture, side)),
      side,
    );
    if (lengths.length >= LEAST_OBJECTS && quantile(lengths, 0.9) <= OBJECT) {
      return { length: quantile(lengths, 0.5) * 2 ** halvings, halvings };
    }
    pictures = pictures.map(halved);
  }
}

/** Lengths of the whole objects in square grey images, pixels. */
function blobLengths(images: readonly Float32Array[], side: number): number[] {
  const form = { imageSize: side, channels: 1 };
  const bytes = new Uint8Array(images.length * side * side);
  images.forEach((image, i) => {
    bytes.set(
      Uint8Array.from(image, (value) => Math.round(255 * value)),
      i * side * side,
    );
  });
  const { preprocessing } = fitPreprocessing({ ...form, images: bytes, size: images.length });
  const blobs = images.flatMap((image) => {
    if (preprocessing) preprocessImage(image, form, preprocessing, image);
    return classicalCount(image, form);
  });
  const least =
    DIRT *
    quantile(
      blobs.map(({ area }) => area),
      0.5,
    );
  return blobs
    .filter(({ area, cut }) => area >= least && !cut)
    .map(({ box }) => Math.max(box.xmax - box.xmin, box.ymax - box.ymin));
}

function middleOf({ width, height, data }: GreyPicture, side: number): Float32Array {
  const [left, top] = [Math.floor((width - side) / 2), Math.floor((height - side) / 2)];
  const middle = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    const start = (top + y) * width + left;
    middle.set(data.subarray(start, start + side), y * side);
  }
  return middle;
}

function halved({ width, height, data }: GreyPicture): GreyPicture {
  const [w, h] = [Math.floor(width / 2), Math.floor(height / 2)];
  const half = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const at = 2 * y * width + 2 * x;
      half[y * w + x] = (data[at]! + data[at + 1]! + data[at + width]! + data[at + width + 1]!) / 4;
    }
  }
  return { width: w, height: h, data: half };
}

function rangeOf(values: readonly number[]): [least: number, most: number] {
  return values.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Number.POSITIVE_INFINITY, 0],
  );
}

function inWords(values: readonly number[]): string {
  const [least, most] = rangeOf(values);
  return least === most ? String(least) : `${least}–${most}`;
}
