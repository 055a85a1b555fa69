/**
 * Inference on pictures of any size. A model takes images of one size, and knows objects of the sizes in pixels that it was trained on.
 * So a picture is scaled as those of training were (`picture-fit.ts`), or not at all: a larger one is cut into tiles (`tiles.ts`), a smaller
 * one lies in the middle of an image whose rest is ground. Boxes come back in the pixels of the picture.
 *
 * Letters: S side of the model's images, H and W height and width of a picture, C channels.
 */
import type { InferenceOptions, SummaryOptions } from "./attention-loop.js";
import { squareOf } from "./background.js";
import type { AirConfig } from "./config.js";
import { ImageError } from "./errors.js";
import { type Picture, type Planes, toPlanes } from "./images.js";
import type { Manifest } from "./manifest.js";
import {
  fitScaleRange,
  type PictureFit,
  pictureFits,
  pictureScale,
  scaledSize,
  type TrainedFit,
} from "./picture-fit.js";
import { preprocessPlanes } from "./preprocessing.js";
import { resamplePlanes } from "./resample.js";
import type { ObjectSummary, SceneSummary } from "./scene.js";
import { joinTiles, planTiles, type Tile, type TileObject, tileOverlap } from "./tiles.js";
import type { Typicality } from "./typicality.js";
import type { Box } from "./where.js";

/** Options of inference on pictures of any size; see {@link InferenceOptions} for those that it shares with `infer`. */
export interface PictureOptions
  extends Pick<
    InferenceOptions,
    "mode" | "seed" | "firstImage" | "steps" | "prune" | "threshold" | "zoom" | "batchSize" | "signal"
  > {
  /** How pictures are fitted to the model's images, `auto` by default: as those of its training were. */
  readonly fit?: PictureFit | undefined;
  /**
   * Pixels of the model's images for one pixel of a picture, with the fits `auto` and `tiles`: for pictures of another magnification than
   * those of training. By default that of training with `auto`, and 1 with `tiles`.
   */
  readonly fitScale?: number | undefined;
  /** Called with the number of pictures that are done, where a picture of which some tiles are done is a share of one, and that of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** An object in a picture. Its boxes are in the picture's pixels; `zWhere` is that of its tile. */
export interface PictureObject extends ObjectSummary, TileObject {}

/** What a model finds in a picture of any size. */
export interface PictureScene {
  /** Number of objects. */
  readonly count: number;
  /** The objects, tile by tile, in the order in which they were found. */
  readonly objects: readonly PictureObject[];
  /** Pixels in a row of the picture. */
  readonly width: number;
  /** Number of rows of the picture. */
  readonly height: number;
  /** The images that the model saw, in pixels of the scaled picture: one, unless the picture was larger than it. */
  readonly tiles: readonly Tile[];
  /** Pixels of the model's images for one pixel of the picture. */
  readonly scale: number;
  /**
   * Whether the picture is like the model's training data: more than half of its tiles are. If not, the count is a guess. Undefined
   * where a model cannot tell; see `Scene`.
   */
  readonly typical?: boolean;
  /** Number of tiles that are unlike the training data; undefined where `typical` is. */
  readonly unlikeTiles?: number;
  /** The measures behind `typical`, of a picture with one tile. */
  readonly typicality?: Typicality;
  /** q(n | x) for n = 0..T, of a picture with one tile. */
  readonly countProbabilities?: readonly number[];
  /** See `Scene`; of a picture with one tile. */
  readonly elbo?: number;
  /** Share of its size at which the picture was inferred, with the option `zoom`; of a picture with one tile. */
  readonly zoom?: number;
}

/** The parts of a model that {@link inferPictures} uses. */
export interface PictureModel {
  /** The model's sizes. */
  readonly config: AirConfig;
  /** How its images are scaled and prepared. */
  readonly manifest: Pick<Manifest, "normalisation" | "preprocessing" | "pictures">;
  /** Infers prepared images `[B, C, S, S]`: bright objects on 0. */
  infer(images: Float32Array<ArrayBuffer>, options: SummaryOptions): Promise<SceneSummary[]>;
}

/** Values of the tiles that are inferred together, at most, and the least number of such tiles. */
const TOGETHER = { values: 2 ** 21, least: 16 } as const;

/**
 * Infers the objects of each picture. Memory beside the pictures themselves is that of one of them as 32-bit numbers, and of
 * a bounded number of tiles.
 *
 * @throws {ImageError} for a picture that is no picture, has wrong channels or values, or another size with the fit `exact`
 * @throws {RangeError} for an invalid option
 */
export async function inferPictures(
  model: PictureModel,
  pictures: readonly Picture[],
  { fit = "auto", fitScale, firstImage = 0, onProgress, ...options }: PictureOptions = {},
): Promise<PictureScene[]> {
  if (!pictureFits.includes(fit)) throw new RangeError(`fit must be one of ${pictureFits.join(", ")}, got "${fit}"`);
  if (pictures.length === 0) throw new ImageError("The batch of images is empty");
  const { config, manifest } = model;
  const fitted = resolveFit(manifest.pictures, fit, fitScale);
  const plans = Array.from(pictures, (picture, index) => planPicture(picture, index, config, fitted));
  const total = plans.reduce((sum, { tiles }) => sum + tiles.length, 0);
  const length = config.channels * config.imageSize ** 2;
  const together = Math.max(TOGETHER.least, Math.floor(TOGETHER.values / length));
  const found: SceneSummary[] = [];
  let batch = new Float32Array(Math.min(together, total) * length);
  let filled = 0;
  const flush = async (): Promise<void> => {
    const images = batch.subarray(0, filled * length);
    const own = { ...options, firstImage: firstImage + found.length, pixels: false } as const;
    // One call's arguments are fewer than the tiles of a small model may be.
    for (const scene of await model.infer(images, own)) found.push(scene);
    onProgress?.(picturesDone(plans, found.length), pictures.length);
    // The batch may have been handed over to a worker or a GPU.
    batch = new Float32Array(Math.min(together, total - found.length) * length);
    filled = 0;
  };
  for (const [index, picture] of pictures.entries()) {
    const { tiles, scale } = plans[index]!;
    const planes = preparePicture(picture, model, { scale, index });
    for (const tile of tiles) {
      cutTile(planes, tile, config.imageSize, batch.subarray(filled * length, (filled + 1) * length));
      filled++;
      if (filled * length === batch.length) await flush();
    }
  }
  let at = 0;
  return plans.map((plan) => {
    at += plan.tiles.length;
    return joinScenes(plan, found.slice(at - plan.tiles.length, at), config);
  });
}

/** Pictures that are read and inferred together, at most, where they are files. */
const READ_TOGETHER = 16;

/**
 * Infers pictures that are still to be read, such as files, a few at a time, so that memory is bounded.
 *
 * @param read reads the picture of one source
 * @param infer infers pictures, as {@link inferPictures} does
 * @throws what both throw; the index of an {@link ImageError} is that among all sources
 */
export async function inferSources<Source>(
  sources: readonly Source[],
  read: (source: Source, index: number) => Promise<Picture>,
  infer: (pictures: readonly Picture[], options: PictureOptions) => Promise<PictureScene[]>,
  { firstImage = 0, onProgress, ...options }: PictureOptions,
): Promise<PictureScene[]> {
  if (sources.length === 0) throw new ImageError("The batch of images is empty");
  const scenes: PictureScene[] = [];
  let tiles = 0;
  for (let first = 0; first < sources.length; first += READ_TOGETHER) {
    options.signal?.throwIfAborted();
    const some = Array.from(sources.slice(first, first + READ_TOGETHER));
    const pictures = await Promise.all(some.map((source, i) => read(source, first + i)));
    const own: PictureOptions = {
      ...options,
      firstImage: firstImage + tiles,
      ...(onProgress && { onProgress: (done: number) => onProgress(first + done, sources.length) }),
    };
    const found = await infer(pictures, own).catch((cause: unknown) => {
      if (!(cause instanceof ImageError) || cause.index === undefined) throw cause;
      throw new ImageError(cause.problem, first + cause.index, { cause });
    });
    scenes.push(...found);
    tiles += found.reduce((sum, scene) => sum + scene.tiles.length, 0);
  }
  return scenes;
}

/** Number of pictures of which so many tiles are done, and the share of the one that is being done. */
function picturesDone(plans: readonly PicturePlan[], tiles: number): number {
  let left = tiles;
  for (const [index, plan] of plans.entries()) {
    if (left < plan.tiles.length) return index + left / plan.tiles.length;
    left -= plan.tiles.length;
  }
  return plans.length;
}

/** How a picture becomes images of the model. */
type PicturePlan = Pick<PictureScene, "width" | "height" | "tiles" | "scale">;

/**
 * How pictures are fitted, once it is known how those of training were.
 *
 * @throws {RangeError} for a scale that is out of range, or that is given with another fit than `auto` and `tiles`
 */
function resolveFit(
  trained: TrainedFit = { fit: "tiles" },
  fit: PictureFit,
  scale: number | undefined,
): TrainedFit | "exact" {
  const [least, most] = fitScaleRange;
  if (scale !== undefined && !(scale >= least && scale <= most)) {
    throw new RangeError(`fitScale must be a number from ${least} to ${most}, got ${scale}`);
  }
  const used = fit === "auto" ? trained : fit === "exact" ? fit : { fit };
  if (scale === undefined) return used;
  if (used === "exact" || used.fit !== "tiles") {
    const why = fit === "auto" ? "this model's pictures are fitted by `scale`" : `fit is ${fit}`;
    throw new RangeError(`fitScale is for the fit tiles, and ${why}`);
  }
  return { ...used, scale };
}

function planPicture(picture: Picture, index: number, config: AirConfig, fit: TrainedFit | "exact"): PicturePlan {
  const { width = 0, height = 0 } = (picture as Partial<Picture> | undefined) ?? {};
  const { imageSize: side } = config;
  if (fit === "exact" && (width !== side || height !== side)) {
    throw new ImageError(
      `is ${width}x${height}, this model takes ${side}x${side}: resize it first, or choose another \`fit\``,
      index,
    );
  }
  // A size that is none is reported when the picture is read.
  const isSize = width > 0 && height > 0;
  const scale = fit !== "exact" && isSize ? pictureScale({ width, height }, side, fit) : 1;
  return { width, height, scale, tiles: planTiles(scaledSize({ width, height }, scale), side, tileOverlap(config)) };
}

/**
 * Prepares a whole picture as a model needs it: bright objects on 0. Ground, noise and contrast are those of the whole picture: a tile
 * that is full of objects shows no ground, and an empty one no contrast.
 *
 * @throws {ImageError} for a picture without pixels, wrong channels, or a value outside [0, 1]
 */
export function preparePicture(
  picture: Picture,
  { config, manifest }: Pick<PictureModel, "config" | "manifest">,
  {
    scale = 1,
    index = 0,
  }: {
    /** Pixels of the result for one pixel of the picture, 1 by default. */
    readonly scale?: number;
    /** Index of the picture, for error messages. */
    readonly index?: number;
  } = {},
): Planes {
  const own = toPlanes(picture, config.channels, { scale: manifest.normalisation.scale, index });
  const planes = scale === 1 ? own : resamplePlanes(own, scaledSize(own, scale));
  const { preprocessing } = manifest;
  if (preprocessing) {
    preprocessPlanes(planes.data, planes, preprocessing, { target: planes.data, square: squareOf(config.imageSize) });
  }
  return planes;
}

/** Copies a tile of a prepared picture; what lies beyond the picture stays 0, as ground is. */
function cutTile({ data, width, height, channels }: Planes, { x, y }: Tile, side: number, target: Float32Array): void {
  const [left, right] = [Math.max(0, x), Math.min(width, x + side)];
  for (let c = 0; c < channels; c++) {
    for (let row = Math.max(0, y); row < Math.min(height, y + side); row++) {
      const from = (c * height + row) * width;
      target.set(data.subarray(from + left, from + right), (c * side + row - y) * side + left - x);
    }
  }
}

/** The scene of a picture from those of its tiles. */
function joinScenes(plan: PicturePlan, scenes: readonly SceneSummary[], config: AirConfig): PictureScene {
  const { width, height, tiles, scale } = plan;
  const found = scenes.flatMap(({ objects }, tile) =>
    objects.map((object) => {
      const { x, y } = tiles[tile]!;
      const moved = (box: Box): Box => ({
        xmin: (box.xmin + x) / scale,
        ymin: (box.ymin + y) / scale,
        xmax: (box.xmax + x) / scale,
        ymax: (box.ymax + y) / scale,
      });
      return { ...object, tile, box: moved(object.box), tightBox: within(moved(object.tightBox), plan) };
    }),
  );
  const objects = joinTiles(found, tiles, tileOverlap(config));
  const judged = scenes.every(({ typical }) => typical !== undefined);
  const unlikeTiles = scenes.filter(({ typical }) => typical === false).length;
  const [only] = scenes;
  const { countProbabilities, elbo, typicality, zoom } = only!;
  return {
    count: objects.length,
    objects,
    width,
    height,
    tiles,
    scale,
    ...(judged && { typical: 2 * unlikeTiles < scenes.length, unlikeTiles }),
    ...(scenes.length === 1 && { countProbabilities, elbo, ...(typicality && { typicality }) }),
    ...(scenes.length === 1 && zoom !== undefined && { zoom }),
  };
}

/** The part of a box that lies in the picture. */
function within(box: Box, { width, height }: PicturePlan): Box {
  const inside = (value: number, most: number): number => Math.min(most, Math.max(0, value));
  return {
    xmin: inside(box.xmin, width),
    ymin: inside(box.ymin, height),
    xmax: inside(box.xmax, width),
    ymax: inside(box.ymax, height),
  };
}
