/** Converts any picture to the form that a model takes: bright on black, centred, averaged down to the model's pixels. */
import type { AirConfig } from "@air-onnx/core";
import { blankRaster, type Raster } from "./raster.js";

/** RGBA, 8 bits each, row by row: an `ImageData` is one. */
export interface RgbaPicture {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Rec. 601 luma, as in the runtime's own conversion to grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

/**
 * Scales the picture to fit, complete and centred. Every pixel is the mean of the picture's pixels that it covers. A picture
 * with a bright border (dark ink on paper) is inverted, because models take bright objects on black.
 */
export function fitImage(picture: RgbaPicture, form: Pick<AirConfig, "imageSize" | "channels">): Raster {
  const upright = { ...picture, data: flatten(picture.data) };
  const bright = borderBrightness(upright) > 127.5;
  const fitted = blankRaster(form);
  const scale = form.imageSize / Math.max(picture.width, picture.height);
  const left = (form.imageSize - picture.width * scale) / 2;
  const top = (form.imageSize - picture.height * scale) / 2;
  const sum = new Float64Array(3);
  for (let row = 0; row < form.imageSize; row++) {
    for (let column = 0; column < form.imageSize; column++) {
      const covered = addArea(upright, (column - left) / scale, (row - top) / scale, 1 / scale, sum);
      if (covered === 0) continue;
      // The part of a pixel outside of the picture is background.
      const whole = 1 / (scale * scale);
      const background = bright ? 255 * (whole - covered) : 0;
      const mean = Array.from(sum, (value) => (value + background) / whole);
      const at = (row * form.imageSize + column) * form.channels;
      if (form.channels === 1) {
        fitted.data[at] = LUMA[0] * mean[0]! + LUMA[1] * mean[1]! + LUMA[2] * mean[2]!;
      } else {
        for (let c = 0; c < form.channels; c++) fitted.data[at + c] = mean[c]!;
      }
      if (bright) for (let c = 0; c < form.channels; c++) fitted.data[at + c] = 255 - fitted.data[at + c]!;
    }
  }
  return fitted;
}

/** Composites over white where the picture is transparent paper with dark ink, over black otherwise. */
function flatten(rgba: Uint8ClampedArray): Float32Array {
  let opacity = 0;
  let brightness = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    opacity += rgba[i + 3]!;
    brightness += (rgba[i + 3]! * (rgba[i]! + rgba[i + 1]! + rgba[i + 2]!)) / 3;
  }
  const darkInk = opacity > 0 && brightness / opacity < 127.5;
  const paper = darkInk ? 255 : 0;
  const flat = new Float32Array((rgba.length / 4) * 3);
  for (let pixel = 0; pixel < rgba.length / 4; pixel++) {
    const alpha = rgba[4 * pixel + 3]! / 255;
    for (let c = 0; c < 3; c++) flat[3 * pixel + c] = alpha * rgba[4 * pixel + c]! + (1 - alpha) * paper;
  }
  return flat;
}

interface RgbPicture {
  /** `[height, width, 3]` */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

function borderBrightness({ data, width, height }: RgbPicture): number {
  let sum = 0;
  let pixels = 0;
  const add = (row: number, column: number): void => {
    const at = 3 * (row * width + column);
    sum += (data[at]! + data[at + 1]! + data[at + 2]!) / 3;
    pixels++;
  };
  for (let column = 0; column < width; column++) {
    add(0, column);
    add(height - 1, column);
  }
  for (let row = 1; row < height - 1; row++) {
    add(row, 0);
    add(row, width - 1);
  }
  return sum / pixels;
}

/** Integrates the square at (x, y) with the given side into `sum`. Returns the area of the square inside the picture. */
function addArea(picture: RgbPicture, x: number, y: number, side: number, sum: Float64Array): number {
  sum.fill(0);
  let covered = 0;
  const lastRow = Math.min(picture.height, Math.ceil(y + side));
  const lastColumn = Math.min(picture.width, Math.ceil(x + side));
  for (let row = Math.max(0, Math.floor(y)); row < lastRow; row++) {
    const high = Math.min(row + 1, y + side) - Math.max(row, y);
    for (let column = Math.max(0, Math.floor(x)); column < lastColumn; column++) {
      const area = high * (Math.min(column + 1, x + side) - Math.max(column, x));
      if (area <= 0) continue;
      const at = 3 * (row * picture.width + column);
      for (let c = 0; c < 3; c++) sum[c]! += area * picture.data[at + c]!;
      covered += area;
    }
  }
  return covered;
}
