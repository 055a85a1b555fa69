/** The pen: a soft round tip that leaves strokes like those of handwritten digits, full inside and fading over a pixel. */
import type { Colour, Raster } from "./raster.js";

/** A point of the picture, in pixels. (0, 0) is the upper left corner; pixel centres are at halves. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The tip of a pen or an eraser. */
export interface Brush {
  /** Radius of the tip, pixels. */
  readonly radius: number;
  /** "erase" takes away what it covers. */
  readonly ink: Colour | "erase";
}

/** Width of a stroke as a share of the side of a typical object: about that of the MNIST digits. */
const STROKE_SHARE = 0.15;

/** Radius of the tip for objects of the given side, pixels. */
export function brushRadius(objectSide: number): number {
  return Math.max(0.9, (objectSide * STROKE_SHARE) / 2);
}

/**
 * Inks the picture along the segment from `from` to `to`, which may be a single point and may leave the picture. Ink does
 * not add up: each pixel keeps the strongest ink of any part of a stroke.
 */
export function inkSegment(raster: Raster, from: Point, to: Point, { radius, ink }: Brush): void {
  const { data, width, height, channels } = raster;
  const reach = radius + 0.5;
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const squaredLength = dx * dx + dy * dy;
  const firstColumn = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
  const lastColumn = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + reach));
  const firstRow = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
  const lastRow = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + reach));
  for (let row = firstRow; row <= lastRow; row++) {
    for (let column = firstColumn; column <= lastColumn; column++) {
      const px = column + 0.5 - from.x;
      const py = row + 0.5 - from.y;
      const along = squaredLength === 0 ? 0 : Math.min(Math.max((px * dx + py * dy) / squaredLength, 0), 1);
      const coverage = Math.min(Math.max(reach - Math.hypot(px - along * dx, py - along * dy), 0), 1);
      if (coverage === 0) continue;
      const at = (row * width + column) * channels;
      for (let c = 0; c < channels; c++) {
        const old = data[at + c]!;
        data[at + c] = ink === "erase" ? Math.min(old, 255 * (1 - coverage)) : Math.max(old, coverage * ink[c]!);
      }
    }
  }
}
