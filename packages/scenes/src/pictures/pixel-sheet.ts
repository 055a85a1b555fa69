/** An RGB raster to draw on: rectangles, enlarged images, outlines of boxes, text. No pixel is blended. */
import type { Box } from "@air-onnx/core";
import type { Raster } from "../files/png.js";
import { GLYPH_ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH, glyph } from "./font.js";

/** A colour: red, green, blue, 0..255. */
export type Colour = readonly [number, number, number];

/** A square image in the layout of models. */
export interface ModelImage {
  /** Intensities `[C, S, S]` in [0, 1], plane by plane. */
  readonly data: Float32Array;
  /** Side S, pixels. */
  readonly size: number;
  /** Channels C: 1 (grey) or 3 (RGB). */
  readonly channels: number;
}

/** An RGB picture to draw on. */
export class PixelSheet implements Raster {
  /** Channels of the picture: red, green, blue. */
  readonly channels = 3;
  /** Values `[height, width, 3]`, 0..255, rows from the top. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Width, pixels. */
  readonly width: number;
  /** Height, pixels. */
  readonly height: number;

  /** Makes a picture that is filled with `background`. */
  constructor(width: number, height: number, background: Colour) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3);
    this.fillRectangle(0, 0, width, height, background);
  }

  /** Returns the colour of the pixel in column `x` and row `y`. */
  pixel(x: number, y: number): Colour {
    const at = 3 * (y * this.width + x);
    return [this.data[at]!, this.data[at + 1]!, this.data[at + 2]!];
  }

  /** Fills a rectangle. The part of it outside the picture is cut off. */
  fillRectangle(x: number, y: number, width: number, height: number, [red, green, blue]: Colour): void {
    const right = Math.min(this.width, x + width);
    const bottom = Math.min(this.height, y + height);
    for (let row = Math.max(0, y); row < bottom; row++) {
      for (let column = Math.max(0, x); column < right; column++) {
        const at = 3 * (row * this.width + column);
        this.data[at] = red;
        this.data[at + 1] = green;
        this.data[at + 2] = blue;
      }
    }
  }

  /**
   * Draws `image` with its top left corner at (x, y), each of its pixels as a square of `scale` pixels.
   *
   * @throws {RangeError} if the data do not fill `[channels, size, size]`, or there are neither 1 nor 3 channels.
   */
  drawImage({ data, size, channels }: ModelImage, x: number, y: number, scale: number): void {
    if (channels !== 1 && channels !== 3) throw new RangeError(`An image has 1 or 3 channels, got ${channels}`);
    const plane = size * size;
    if (data.length !== channels * plane) {
      throw new RangeError(
        `An image [${channels}, ${size}, ${size}] has ${channels * plane} values, got ${data.length}`,
      );
    }
    const level = (channel: number, at: number): number =>
      Math.round(255 * Math.min(1, Math.max(0, data[(channel % channels) * plane + at]!)));
    for (let at = 0; at < plane; at++) {
      const left = x + (at % size) * scale;
      const top = y + Math.floor(at / size) * scale;
      this.fillRectangle(left, top, scale, scale, [level(0, at), level(1, at), level(2, at)]);
    }
  }

  /**
   * Outlines `box` inside its edges. The box is in the coordinates of an image of `size` pixels that was drawn at (x, y),
   * enlarged by `scale`. Parts outside that image are cut off; a side that lies outside leaves the outline open.
   */
  outlineBox(
    box: Box,
    { x, y, size, scale }: { x: number; y: number; size: number; scale: number },
    thickness: number,
    colour: Colour,
  ): void {
    const side = size * scale;
    const left = Math.round(box.xmin * scale);
    const top = Math.round(box.ymin * scale);
    const right = Math.round(box.xmax * scale);
    const bottom = Math.round(box.ymax * scale);
    const fill = (fromX: number, fromY: number, toX: number, toY: number): void => {
      const startX = Math.max(0, fromX);
      const startY = Math.max(0, fromY);
      this.fillRectangle(x + startX, y + startY, Math.min(side, toX) - startX, Math.min(side, toY) - startY, colour);
    };
    fill(left, top, right, top + thickness);
    fill(left, bottom - thickness, right, bottom);
    fill(left, top, left + thickness, bottom);
    fill(right - thickness, top, right, bottom);
  }

  /** Writes `text` with the top left corner of its first letter at (x, y), each pixel of the font as `scale` pixels. */
  drawText(text: string, x: number, y: number, scale: number, colour: Colour): void {
    [...text].forEach((character, position) => {
      glyph(character).forEach((row, line) => {
        for (let column = 0; column < row.length; column++) {
          if (row[column] !== "#") continue;
          this.fillRectangle(x + (position * GLYPH_ADVANCE + column) * scale, y + line * scale, scale, scale, colour);
        }
      });
    });
  }
}

/** The size of `text` when drawn at `scale`, without descenders, pixels. */
export function textSize(text: string, scale: number): { width: number; height: number } {
  const length = [...text].length;
  const width = length === 0 ? 0 : (length - 1) * GLYPH_ADVANCE + GLYPH_WIDTH;
  return { width: width * scale, height: GLYPH_HEIGHT * scale };
}
