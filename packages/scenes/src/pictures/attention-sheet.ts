/**
 * Pictures of attend, infer, repeat: for each image the glimpse and the patch of every step, the canvas after it, and the
 * residual in the end.
 */
import type { Box } from "@air-onnx/core";
import type { AttentionStep } from "./attention-record.js";
import { type Colour, PixelSheet, textSize } from "./pixel-sheet.js";
import { countLabel, type SceneForm, sheetColours, stepColours } from "./scene-picture.js";

/** One image with the steps that a model took on it. */
export interface AttendedImage {
  /** The image `[C, S, S]`, intensities in [0, 1]. */
  readonly image: Float32Array;
  /** All steps that were run, including those after the last object. */
  readonly steps: readonly AttentionStep[];
  /** Number of objects found. The first `count` steps found them. */
  readonly count: number;
  /** True number of objects, where it is known. */
  readonly trueCount?: number | undefined;
}

/** The sizes of an attention sheet's images. */
export interface AttentionForm extends SceneForm {
  /** Side O of glimpses and patches, pixels. */
  readonly objectSize: number;
}

/** Colours of the residual: where the image is brighter than the canvas, and where the canvas is brighter. */
const missing: Colour = [255, 170, 60];
const surplus: Colour = [70, 150, 255];

/**
 * Draws a row for each image. It begins with the input and the windows of its objects, numbered in drawing order. Then each
 * step has the canvas after it with its window, and below it glimpse, patch and probability of presence; steps that do not
 * count as objects are grey. The residual, input minus final canvas, is orange where something was not drawn and blue where
 * too much was.
 *
 * @throws {RangeError} if there is no image, a count is larger than the number of steps, or an array is not of the given form
 */
export function attentionSheet(images: readonly AttendedImage[], form: AttentionForm): PixelSheet {
  if (images.length === 0) throw new RangeError("A sheet needs at least one image");
  for (const { count, steps } of images) {
    if (count > steps.length) throw new RangeError(`There are ${steps.length} steps, so ${count} cannot be objects`);
  }
  const layout = layOut(images, form);
  const { margin, textScale, line, side, gap, patchSide, rowHeight, rowSpacing, columnOf, width, height } = layout;
  const picture = new PixelSheet(width, height, sheetColours.background);
  const caption = (text: string, x: number, y: number): void =>
    picture.drawText(text, x, Math.round(y), textScale, sheetColours.caption);

  const steps = Math.max(...images.map((each) => each.steps.length));
  ["input", ...Array.from({ length: steps }, (_, t) => `step ${t + 1}`), "residual"].forEach((text, column) => {
    caption(text, columnOf(column), margin);
  });

  images.forEach((attended, row) => {
    const top = margin + layout.headerHeight + row * (rowHeight + rowSpacing);
    const patchTop = top + side + gap;
    const labelTop = top + layout.labelOffset;
    caption("canvas", margin, top + (side - line) / 2);
    caption("glimpse", margin, patchTop + patchSide / 2 - 1.5 * line);
    caption("patch", margin, patchTop + patchSide / 2 + 0.5 * line);
    drawInput(picture, attended, form, layout, top);
    attended.steps.forEach((step, t) => {
      const x = columnOf(t + 1);
      const isObject = t < attended.count;
      const colour = isObject ? stepColours[t % stepColours.length]! : sheetColours.caption;
      drawFramed(picture, step.canvas, form, form.scale, x, top);
      outline(picture, step.box, form, x, top, colour);
      const patches = { ...form, imageSize: form.objectSize };
      drawFramed(picture, step.glimpse, patches, layout.patchScale, x, patchTop);
      drawFramed(picture, step.patch, patches, layout.patchScale, x + patchSide + gap, patchTop);
      picture.drawText(`p ${step.presence.toFixed(2)}`, x, labelTop, textScale, colour);
    });
    const canvas = attended.count > 0 ? attended.steps[attended.count - 1]!.canvas : undefined;
    const residual = { ...form, channels: 3 };
    const left = residualImage(attended.image, canvas, form.channels);
    drawFramed(picture, left, residual, form.scale, columnOf(steps + 1), top);
  });
  return picture;
}

type Layout = ReturnType<typeof layOut>;

function layOut(images: readonly AttendedImage[], { imageSize, objectSize, scale }: AttentionForm) {
  const side = imageSize * scale;
  const gap = 2 * scale;
  // Glimpse and patch side by side below their canvas, about as wide as it.
  const patchScale = Math.max(1, Math.round((side - gap) / 2 / objectSize));
  const patchSide = objectSize * patchScale;
  const cellWidth = Math.max(side, 2 * patchSide + gap);
  const longest = textSize(countLabel(0, 1), 1).width;
  const textScale = Math.max(1, Math.min(Math.round(scale / 2), Math.floor(cellWidth / longest)));
  const line = textSize("0", textScale).height;
  const margin = 8 * scale;
  const spacing = 6 * scale;
  const gutter = textSize("glimpse", textScale).width + 4 * scale;
  const headerHeight = line + 4 * scale;
  /** Distance from a row's top to its labels. */
  const labelOffset = side + gap + patchSide + 3 * scale;
  const rowHeight = labelOffset + line;
  const rowSpacing = 9 * scale;
  const columns = Math.max(...images.map(({ steps }) => steps.length)) + 2;
  return {
    side,
    gap,
    patchScale,
    patchSide,
    textScale,
    line,
    margin,
    labelOffset,
    headerHeight,
    rowHeight,
    rowSpacing,
    columnOf: (column: number): number => margin + gutter + column * (cellWidth + spacing),
    width: 2 * margin + gutter + columns * cellWidth + (columns - 1) * spacing,
    height: 2 * margin + headerHeight + images.length * rowHeight + (images.length - 1) * rowSpacing,
  };
}

/** Draws the image with the numbered windows of its objects, and the count below it. */
function drawInput(
  picture: PixelSheet,
  { image, steps, count, trueCount = count }: AttendedImage,
  form: AttentionForm,
  { side, textScale, line, labelOffset, columnOf }: Layout,
  top: number,
): void {
  const x = columnOf(0);
  drawFramed(picture, image, form, form.scale, x, top);
  const objects = steps.slice(0, count);
  objects.forEach(({ box }, t) => {
    outline(picture, box, form, x, top, stepColours[t % stepColours.length]!);
  });
  const tagHeight = line + 2 * textScale;
  objects.forEach(({ box }, t) => {
    const number = String(t + 1);
    const tagWidth = textSize(number, textScale).width + 2 * textScale;
    // The number is above the window, where it hides nothing of the object, but never outside the image.
    const left = x + Math.round(clamp(box.xmin * form.scale, 0, side - tagWidth));
    const upper = top + Math.round(clamp(box.ymin * form.scale - tagHeight, 0, side - tagHeight));
    picture.fillRectangle(left, upper, tagWidth, tagHeight, stepColours[t % stepColours.length]!);
    picture.drawText(number, left + textScale, upper + textScale, textScale, sheetColours.background);
  });
  const colour = count === trueCount ? sheetColours.label : sheetColours.wrong;
  picture.drawText(countLabel(count, trueCount), x, top + labelOffset, textScale, colour);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

function drawFramed(
  picture: PixelSheet,
  data: Float32Array,
  { imageSize, channels }: Pick<SceneForm, "imageSize" | "channels">,
  scale: number,
  x: number,
  y: number,
): void {
  const side = imageSize * scale;
  picture.fillRectangle(x - 1, y - 1, side + 2, side + 2, sheetColours.border);
  picture.drawImage({ data, size: imageSize, channels }, x, y, scale);
}

function outline(
  picture: PixelSheet,
  box: Box,
  { imageSize, scale }: SceneForm,
  x: number,
  y: number,
  colour: Colour,
): void {
  picture.outlineBox(box, { x, y, size: imageSize, scale }, Math.max(1, Math.round(scale / 2)), colour);
}

/**
 * Draws input minus canvas (black if there is none) in colours, `[3, S, S]`. A pixel of an RGB image shows the channel with
 * the largest difference: a mean would cancel channels that differ in opposite directions.
 */
function residualImage(image: Float32Array, canvas: Float32Array | undefined, channels: number): Float32Array {
  const plane = image.length / channels;
  const coloured = new Float32Array(3 * plane);
  for (let at = 0; at < plane; at++) {
    let worst = 0;
    for (let c = 0; c < channels; c++) {
      const difference = image[c * plane + at]! - (canvas?.[c * plane + at] ?? 0);
      if (Math.abs(difference) > Math.abs(worst)) worst = difference;
    }
    const colour = worst > 0 ? missing : surplus;
    for (let c = 0; c < 3; c++) coloured[c * plane + at] = (Math.abs(worst) * colour[c]!) / 255;
  }
  return coloured;
}
