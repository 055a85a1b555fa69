/** Draws boxes over a picture in its own size and colours. */
import type { Box } from "@air-onnx/core";
import type { Raster } from "../files/png.js";
import { PixelSheet } from "./pixel-sheet.js";
import { stepColours } from "./scene-picture.js";

/** Width of the lines: one pixel for each so many of the picture's longer side, at least 1. */
const LINE_SHARE = 600;

/**
 * Draws the boxes of a picture's objects over it. Transparent parts are black, as models see them.
 *
 * @param picture grey, RGB or RGBA
 * @param boxes in the picture's pixels
 * @param windows windows of the same objects, drawn in lines of one pixel below the boxes
 */
export function boxesOverPicture(picture: Raster, boxes: readonly Box[], windows: readonly Box[] = []): PixelSheet {
  const { width, height, channels, data } = picture;
  const sheet = new PixelSheet(width, height, [0, 0, 0]);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = pixel * channels;
    const opacity = channels === 4 ? data[at + 3]! / 255 : 1;
    for (let c = 0; c < 3; c++) sheet.data[3 * pixel + c] = Math.round(opacity * data[at + (channels === 1 ? 0 : c)]!);
  }
  const size = Math.max(width, height);
  const outline = (thickness: number) => (box: Box, i: number) =>
    sheet.outlineBox(box, { x: 0, y: 0, size, scale: 1 }, thickness, stepColours[i % stepColours.length]!);
  windows.forEach(outline(1));
  boxes.forEach(outline(Math.max(1, Math.round(size / LINE_SHARE))));
  return sheet;
}
