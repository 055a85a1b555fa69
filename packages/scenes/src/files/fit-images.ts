/**
 * Makes square images of one side from pictures of any sizes: each picture is scaled, by one factor for all or to fit whole,
 * and then cut into tiles where it is larger than the side, and put on its own ground where it is smaller.
 */
import {
  fitScaleRange,
  type PictureFit,
  type PictureSize,
  preprocessImage,
  resamplePlanes,
  scaledSize,
  type TrainedFit,
} from "@air-onnx/core";
import { classicalCount } from "../blobs/classical-count.js";
import { fitPreprocessing, quantile } from "../blobs/fit-preprocessing.js";
import { DataError } from "../errors.js";
import type { Raster } from "./png.js";

/** How pictures of a folder become images of one size. */
export interface FolderFit {
  /**
   * See `PictureFit` of @air-onnx/core. With `auto`, the default, square pictures of one size up to 128 pixels are taken as they are; others
   * are halved until their objects are at most 32 pixels long, and cut into tiles.
   */
  readonly fit?: PictureFit | undefined;
  /** Side of the images, pixels. Default: that of the pictures if they are squares of one size up to 128 pixels; else 96, or less where all are smaller. */
  readonly fitSize?: number | undefined;
  /** Pixels of the images for one pixel of a picture, with `tiles` and `auto`. Default: 1 with `tiles`; with `auto` as their objects need. */
  readonly fitScale?: number | undefined;
}

/** What is done to each picture. */
export interface FitPlan {
  /** Side of the images, pixels. */
  readonly side: number;
  /** How pictures are fitted to images of this side. */
  readonly fitted: TrainedFit;
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
 * @throws {DataError} for a side or scale that is out of range or does not go with the fit, and for other sizes with the fit `exact`
 */
export async function planFit(
  sizes: readonly PictureSize[],
  look: (index: number) => Promise<GreyPicture>,
  { fit = "auto", fitSize, fitScale }: FolderFit,
): Promise<FitPlan> {
  checkOptions({ fit, fitSize, fitScale });
  const widths = sizes.map(({ width }) => width);
  const heights = sizes.map(({ height }) => height);
  const [first] = sizes as [PictureSize];
  const most = Math.max(...rangeOf(widths), ...rangeOf(heights));
  const what = `${sizes.length} images of ${inWords(widths)}x${inWords(heights)} pixels`;
  const isOneSquare = sizes.every(({ width, height }) => width === first.width && height === first.width);
  const isWhole = isOneSquare && (fitSize ?? first.width) === first.width;
  if (isWhole && (fitScale ?? 1) === 1 && (fit === "exact" || most <= LARGEST_WHOLE || fitSize === most)) {
    return { side: first.width, fitted: { fit: fit === "scale" ? fit : "tiles" }, line: undefined };
  }
  if (fit === "exact") {
    const wanted = fitSize === undefined ? "squares of one size" : `of ${fitSize}x${fitSize}`;
    throw new DataError(`${what} are not ${wanted}, as the fit exact wants them`, { kind: "option", key: "fit" });
  }
  if (fit === "scale") {
    const side = fitSize ?? Math.min(most, LARGEST_WHOLE);
    return {
      side,
      fitted: { fit },
      line: `${what} are scaled to fit ${side}x${side} whole; the rest is filled with their ground`,
    };
  }
  const seen =
    fit === "auto" && fitScale === undefined && most > LARGEST_WHOLE ? await objectLength(sizes, look) : undefined;
  const scale = fitScale ?? 1 / 2 ** (seen?.halvings ?? 0);
  const largest = Math.round(scale * most);
  const side = fitSize ?? (largest <= LARGEST_WHOLE ? largest : TILE);
  const objects = seen ? ` (their objects are about ${Math.round(seen.length)} pixels long)` : "";
  const scaled = scale === 1 ? "" : `scaled by ${Number(scale.toPrecision(3))} and `;
  const isCut = sizes.some((size) => tilesOf(scaledSize(size, scale), side).length > 1);
  const cut = isCut ? `cut into tiles of ${side}x${side}` : `put on their own ground, ${side}x${side}`;
  return {
    side,
    fitted: { fit: "tiles", ...(scale !== 1 && { scale }) },
    line: `${what}${objects} are ${scaled}${cut}`,
  };
}

function checkOptions({ fit, fitSize, fitScale }: FolderFit): void {
  const fail = (key: keyof FolderFit, reason: string): never => {
    throw new DataError(`${key} ${reason}`, { kind: "option", key });
  };
  if (fitSize !== undefined && !(Number.isInteger(fitSize) && fitSize >= SMALLEST_SIDE && fitSize <= LARGEST_SIDE)) {
    fail("fitSize", `must be a whole number from ${SMALLEST_SIDE} to ${LARGEST_SIDE}, got ${fitSize}`);
  }
  if (fitScale === undefined) return;
  const [least, most] = fitScaleRange;
  if (!(fitScale >= least && fitScale <= most)) {
    fail("fitScale", `must be a number from ${least} to ${most}, got ${fitScale}`);
  }
  if (fit === "scale" || fit === "exact") fail("fitScale", `is for the fits auto and tiles, and fit is ${fit}`);
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

/** Scales a picture as inference does. One of the same size is returned as it is. */
export function resize(picture: Raster, size: PictureSize): Raster {
  const { width, height, channels } = picture;
  if (width === size.width && height === size.height) return picture;
  // One channel at a time, as planes of 32-bit numbers take four times the memory of bytes.
  const plane = new Float32Array(width * height);
  const data = new Uint8Array(size.width * size.height * channels);
  for (let c = 0; c < channels; c++) {
    for (let pixel = 0; pixel < plane.length; pixel++) plane[pixel] = picture.data[pixel * channels + c]!;
    const resized = resamplePlanes({ data: plane, width, height, channels: 1 }, size).data;
    for (let pixel = 0; pixel < resized.length; pixel++) data[pixel * channels + c] = Math.round(resized[pixel]!);
  }
  return { ...picture, ...size, data };
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
