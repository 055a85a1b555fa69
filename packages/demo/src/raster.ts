/**
 * The picture that is drawn on and given to the model: 8-bit pixels in the model's form, channels interleaved. It is a
 * `Picture` of the runtime whose pixels may be changed.
 */
import type { AirConfig } from "@air-onnx/core";

export interface Raster {
  /** `[height, width, channels]`, 0..255. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB. */
  readonly channels: number;
}

/** One number per channel, 0..255. */
export type Colour = readonly number[];

/** Black, in the form that the model takes. */
export function blankRaster({ imageSize, channels }: Pick<AirConfig, "imageSize" | "channels">): Raster {
  const data = new Uint8ClampedArray(imageSize * imageSize * channels);
  return { data, width: imageSize, height: imageSize, channels };
}

export function copyRaster(raster: Raster): Raster {
  return { ...raster, data: raster.data.slice() };
}

/** Swaps bright and dark. */
export function invertRaster(raster: Raster): Raster {
  return { ...raster, data: raster.data.map((value) => 255 - value) };
}

export function isBlank(raster: Raster): boolean {
  return raster.data.every((value) => value === 0);
}

/** A canvas of a model, `[C, S, S]` with 1 for white, as a picture; what exceeds 1 is clipped. */
export function rasterFromCanvas(
  canvas: ArrayLike<number>,
  { imageSize, channels }: Pick<AirConfig, "imageSize" | "channels">,
): Raster {
  const raster = blankRaster({ imageSize, channels });
  const plane = imageSize * imageSize;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < channels; c++) raster.data[pixel * channels + c] = 255 * canvas[c * plane + pixel]!;
  }
  return raster;
}

/** A picture as the model sees it, `[C, S, S]` with 1 for white. */
export function canvasFromRaster({ data, width, height, channels }: Raster): Float32Array {
  const plane = width * height;
  const canvas = new Float32Array(data.length);
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < channels; c++) canvas[c * plane + pixel] = data[pixel * channels + c]! / 255;
  }
  return canvas;
}
