/**
 * Converts users' pictures to planes of intensities: to the encoder's input, `[B, C, S, S]` float32 in [0, 1], or in their own size.
 *
 * Nothing is resized here: another size than the model's is an error, unless a call asks for a fit (`picture-fit.ts`).
 */
import type { AirConfig } from "./config.js";
import { ImageError } from "./errors.js";

/** A picture with its channels interleaved, row by row (`[height, width, channels]`); an `ImageData` is one. */
export interface Picture {
  /**
   * Pixel values. 8-bit values are divided by the model's normalisation scale; floating-point values must be in [0, 1]
   * already. The alpha of an RGBA picture is in 0..255 or [0, 1].
   */
  readonly data: Uint8Array | Uint8ClampedArray | Float32Array;
  /** Pixels in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
  /** Number of channels: 1 for grey, 3 for RGB, 4 for RGBA; 4 if absent, as in `ImageData`. */
  readonly channels?: number;
}

/** One picture, several, or a ready batch `[B, C, S, S]` with values in [0, 1]. */
export type ImageInput = Picture | readonly Picture[] | Float32Array;

/** Whether a value has pixels, as {@link ImageInput}, rather than being a file or an element that shows a picture. */
export function isImageInput(value: unknown): value is ImageInput {
  if (value instanceof Float32Array) return true;
  const isPicture = (each: unknown): each is Picture =>
    typeof each === "object" && each !== null && "data" in each && ArrayBuffer.isView(each.data);
  return Array.isArray(value) ? value.every(isPicture) : isPicture(value);
}

/** Why a value is nothing that `infer` takes a picture from, and what to give instead. */
export function notAPicture(value: unknown): Error {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const name = value.constructor.name;
    return new TypeError(
      `it is a ${name}: give a batch as one Float32Array [B, C, S, S], or each image as { data, width, height, channels }`,
    );
  }
  const kind =
    value === null || typeof value !== "object"
      ? String(value)
      : Array.isArray(value)
        ? "an array"
        : `a ${value.constructor?.name ?? "record"}`;
  return new TypeError(
    `it is ${kind.slice(0, 100)}: give a path or URL, a file's bytes, or { data, width, height, channels }`,
  );
}

/**
 * The value that is white in a picture of 16 bits: 255 if no value is larger; else the largest number of 10, 12, 14 or 16 bits,
 * whichever the largest value needs. Cameras fill only a part of 16 bits.
 *
 * @param most largest value of the picture, or of all pictures that belong together
 */
export function whiteOfDeep(most: number): number {
  const bits = [8, 10, 12, 14].find((each) => most < 2 ** each) ?? 16;
  return 2 ** bits - 1;
}

/** Side and channels of the square images that pictures are converted to. */
export type PlanesForm = Pick<AirConfig, "imageSize" | "channels">;

/**
 * Converts pictures to the encoder's input. RGBA is composited over black; a grey model takes the luma of RGB (Rec. 601);
 * an RGB model takes a grey picture in all three channels. A ready batch is checked and returned as it is.
 *
 * @param normalisation `normalisation` of the manifest; 8-bit values are divided by its `scale`
 * @returns `[B, C, S, S]`, values in [0, 1]
 * @throws {ImageError} for an empty batch, a wrong size, wrong channels, NaN, infinity, or a value outside [0, 1]
 */
export function toImageBatch(
  input: ImageInput,
  config: AirConfig,
  normalisation: { readonly scale: number },
): Float32Array<ArrayBuffer> {
  const { imageSize: side, channels } = config;
  const length = channels * side * side;
  if (input instanceof Float32Array) {
    if (input.length === 0) throw new ImageError("The batch of images is empty");
    if (input.length % length !== 0) {
      throw new ImageError(
        `A batch of images for this model has a multiple of ${channels}x${side}x${side} = ${length} values, got ${input.length}`,
      );
    }
    checkRange(input, config);
    // onnxruntime rejects shared memory.
    return isUnshared(input) ? input : Float32Array.from(input);
  }
  const pictures = Array.isArray(input) ? (input as readonly Picture[]) : [input as Picture];
  if (pictures.length === 0) throw new ImageError("The batch of images is empty");
  const batch = new Float32Array(pictures.length * length);
  // Not forEach, which skips the holes of a sparse array: they would become black images.
  for (const [index, picture] of pictures.entries()) {
    const target = batch.subarray(index * length, (index + 1) * length);
    writePlanes(picture, config, target, { scale: normalisation.scale, index });
  }
  return batch;
}

/** Weights of red, green and blue in Rec. 601 luma, by which Pillow, OpenCV and image codecs turn RGB to grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

/**
 * Writes one picture as planes `[C, S, S]` into `target`. A float target gets intensities as {@link toImageBatch}
 * describes. A byte target gets the bytes unchanged; the picture must then have bytes and the right number of channels.
 *
 * @param scale divisor of 8-bit values for a float target
 * @param index index of the picture, for error messages
 * @throws {ImageError} for a wrong size, wrong channels, or a value outside [0, 1]
 * @throws {RangeError} if `target` does not have `C · S · S` values
 */
export function writePlanes(
  picture: Picture | undefined,
  { imageSize: side, channels: wanted }: PlanesForm,
  target: Float32Array | Uint8Array,
  { scale = 255, index = 0 }: { readonly scale?: number; readonly index?: number } = {},
): void {
  if (target.length !== wanted * side * side) {
    throw new RangeError(`An image of ${wanted}x${side}x${side} does not fill ${target.length} values`);
  }
  const { data, width, height } = (picture ?? {}) as Partial<Picture>;
  if (ArrayBuffer.isView(data) && (width !== side || height !== side)) {
    throw new ImageError(
      `is ${width}x${height}, this model takes ${side}x${side}: resize it first, or ask for a \`fit\``,
      index,
    );
  }
  fillPlanes(picture, wanted, target, { scale, index });
}

/**
 * Converts one picture of any size to planes `[C, H, W]` of intensities in [0, 1], as {@link toImageBatch} describes.
 *
 * @param channels channels C of the planes
 * @throws {ImageError} for a picture without pixels, wrong channels, or a value outside [0, 1]
 */
export function toPlanes(
  picture: Picture | undefined,
  channels: number,
  {
    scale = 255,
    index = 0,
  }: {
    /** Divisor of 8-bit values. */
    readonly scale?: number;
    /** Index of the picture, for error messages. */
    readonly index?: number;
  } = {},
): Planes {
  const { width, height } = pixelsOf(picture, index);
  const data = new Float32Array(channels * width * height);
  fillPlanes(picture, channels, data, { scale, index });
  return { data, width, height, channels };
}

/** Planes of intensities in [0, 1]. */
export interface Planes {
  /** `[C, H, W]` */
  readonly data: Float32Array;
  /** Pixels in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
  /** Number C of planes. */
  readonly channels: number;
}

function pixelsOf(picture: Picture | undefined, index: number): Required<Picture> {
  const { data, width, height, channels = 4 } = (picture ?? {}) as Partial<Picture>;
  const wrong = (problem: string): ImageError => new ImageError(problem, index);
  if (!(data instanceof Float32Array) && !(data instanceof Uint8Array) && !(data instanceof Uint8ClampedArray)) {
    throw wrong("needs `data` as Uint8Array, Uint8ClampedArray or Float32Array, and width, height, channels");
  }
  const isSize = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
  if (!isSize(width) || !isSize(height)) throw wrong(`is ${width}x${height}: both must be whole numbers of pixels`);
  if (data.length !== width * height * channels) {
    throw wrong(
      `has ${data.length} values, but ${width}x${height} with ${channels} channels needs ${width * height * channels}: is \`channels\` right?`,
    );
  }
  return { data, width, height, channels };
}

/** Writes the pixels of a picture as planes of the picture's size. */
function fillPlanes(
  picture: Picture | undefined,
  wanted: number,
  target: Float32Array | Uint8Array,
  { scale, index }: { readonly scale: number; readonly index: number },
): void {
  const { data, width, height, channels } = pixelsOf(picture, index);
  const wrong = (problem: string): ImageError => new ImageError(problem, index);
  const isFloat = data instanceof Float32Array;
  const toBytes = target instanceof Uint8Array;
  const hasAlpha = channels === 4 && wanted !== 4;
  const colours = hasAlpha ? 3 : channels;
  const toGrey = wanted === 1 && colours === 3;
  if (toBytes && isFloat) throw wrong("has floating-point values, where bytes are wanted");
  if ((toBytes && channels !== wanted) || (colours !== wanted && !toGrey && !(wanted === 3 && colours === 1))) {
    throw wrong(`has ${channels} channels, this model takes ${wanted}: convert it first`);
  }
  const read = (at: number, full: number): number => {
    if (toBytes) return data[at]!;
    const value = isFloat ? data[at]! : data[at]! / full;
    if (value >= 0 && value <= 1) return value;
    throw outOfRange(value, index, Math.floor(at / channels), at % channels, width);
  };
  const plane = width * height;
  for (let pixel = 0; pixel < plane; pixel++) {
    const at = pixel * channels;
    const opacity = hasAlpha ? read(at + 3, 255) : 1;
    if (toGrey) {
      const luma = LUMA[0] * read(at, scale) + LUMA[1] * read(at + 1, scale) + LUMA[2] * read(at + 2, scale);
      target[pixel] = opacity * luma;
    } else {
      for (let c = 0; c < wanted; c++) {
        target[c * plane + pixel] = opacity * read(colours === 1 ? at : at + c, scale);
      }
    }
  }
}

/** Checks a `[B, C, S, S]` batch for values outside [0, 1]. */
function checkRange(batch: Float32Array, { channels, imageSize: side }: AirConfig): void {
  // A plain loop: `findIndex` took a tenth of the time of the batch's inference.
  let bad = 0;
  while (bad < batch.length && batch[bad]! >= 0 && batch[bad]! <= 1) bad++;
  if (bad === batch.length) return;
  const plane = side * side;
  throw outOfRange(
    batch[bad]!,
    Math.floor(bad / (channels * plane)),
    bad % plane,
    Math.floor(bad / plane) % channels,
    side,
  );
}

function outOfRange(value: number, image: number, pixel: number, channel: number, width: number): ImageError {
  return new ImageError(
    `has the intensity ${value} at row ${Math.floor(pixel / width)}, column ${pixel % width}, channel ${channel}: it must be in [0, 1] after normalisation`,
    image,
  );
}

function isUnshared(array: Float32Array): array is Float32Array<ArrayBuffer> {
  return array.buffer instanceof ArrayBuffer;
}
