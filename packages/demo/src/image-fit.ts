/** Converts any picture to the form that a model takes: bright on black, centred, averaged down to the model's pixels. */
import type { AirConfig } from "@air-onnx/core";
import { evenGround, type SquarePicture } from "./even-ground.js";
import { blankRaster, type Raster } from "./raster.js";

/** RGBA, 8 bits each, row by row: an `ImageData` is one. */
export interface RgbaPicture {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Rec. 601 luma, as in the runtime's own conversion to grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** A picture in the form that a model takes. */
export interface FittedImage {
  readonly raster: Raster;
  /** Whether the picture was dark on a bright ground, such as ink on paper: it was inverted. */
  readonly isInverted: boolean;
  /** Whether the ground was shaded or grey: it was made even and black. */
  readonly isEvened: boolean;
}

/**
 * Scales the picture to fit, complete and centred. Every pixel is the mean of the picture's pixels that it covers. Models take
 * bright objects on black: a picture with a bright border (dark ink on paper) is inverted, and its shaded ground becomes black, as
 * does that of any picture without colours.
 * Colours keep their hue.
 */
export function fitImage(picture: RgbaPicture, form: Pick<AirConfig, "imageSize" | "channels">): FittedImage {
  const { width, height } = picture;
  // An ImageData has getters, which a spread would leave out.
  const upright: RgbPicture = { data: flatten(picture.data), width, height };
  const isInverted = borderBrightness(upright) > 127.5;
  const shrunk = shrink(upright, form.imageSize);
  if (isInverted) invertLightness(shrunk.rgb);
  // A bright ground of a colour picture may be what it shows.
  const isEvened = (isInverted || form.channels === 1) && evenGround(shrunk);
  return { raster: toRaster(shrunk, form), isInverted, isEvened };
}

function shrink(picture: RgbPicture, side: number): SquarePicture {
  const scale = side / Math.max(picture.width, picture.height);
  const left = (side - picture.width * scale) / 2;
  const top = (side - picture.height * scale) / 2;
  const ground = borderBrightness(picture) > 127.5 ? 255 : 0;
  const whole = 1 / (scale * scale);
  const rgb = new Float64Array(3 * side * side);
  const inside = new Array<boolean>(side * side).fill(false);
  const sum = new Float64Array(3);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const at = row * side + column;
      const covered = addArea(picture, (column - left) / scale, (row - top) / scale, 1 / scale, sum);
      inside[at] = covered > 0.999 * whole;
      for (let c = 0; c < 3; c++) rgb[3 * at + c] = (sum[c]! + ground * (whole - covered)) / whole;
    }
  }
  return { rgb, side, inside };
}

/** Swaps bright and dark, in place; colours keep their hue. */
function invertLightness(rgb: Float64Array): void {
  for (let at = 0; at < rgb.length; at += 3) {
    const [r, g, b] = [rgb[at]!, rgb[at + 1]!, rgb[at + 2]!];
    const shift = 255 - Math.max(r, g, b) - Math.min(r, g, b);
    for (let c = 0; c < 3; c++) rgb[at + c]! += shift;
  }
}

function toRaster({ rgb, side }: SquarePicture, form: Pick<AirConfig, "imageSize" | "channels">): Raster {
  const raster = blankRaster(form);
  for (let pixel = 0; pixel < side * side; pixel++) {
    const colour = [rgb[3 * pixel]!, rgb[3 * pixel + 1]!, rgb[3 * pixel + 2]!] as const;
    if (form.channels === 1) {
      raster.data[pixel] = LUMA[0] * colour[0] + LUMA[1] * colour[1] + LUMA[2] * colour[2];
    } else {
      for (let c = 0; c < form.channels; c++) raster.data[pixel * form.channels + c] = colour[c]!;
    }
  }
  return raster;
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
