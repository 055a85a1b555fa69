/** Pictures of scenes as a model explains them: the image, the boxes of the objects it found, and its reconstruction. */
import type { Box } from "@air-onnx/core";
import { type Colour, type ModelImage, PixelSheet, textSize } from "./pixel-sheet.js";

/** One image with its explanation. */
export interface PicturedScene {
  /** The image `[C, S, S]`, intensities in [0, 1]. */
  readonly image: Float32Array;
  /** The final canvas `[C, S, S]`. */
  readonly reconstruction: Float32Array;
  /** Boxes of the objects found, in the order of the steps, in image pixels. */
  readonly boxes: readonly Box[];
  /** Number of objects found. */
  readonly count: number;
  /** True number of objects, where it is known. */
  readonly trueCount?: number | undefined;
}

/** The sizes of a picture's images. */
export interface SceneForm {
  /** Side S of the images, pixels. */
  readonly imageSize: number;
  /** Channels C of the images: 1 for grey, 3 for RGB. */
  readonly channels: number;
  /** Side of an image pixel in the picture, a whole number. */
  readonly scale: number;
}

/**
 * The colours of the objects by step: Okabe and Ito's palette, which stays distinct under colour blindness. It is without
 * blue, which is too dark on black, and without vermilion, which marks a wrong count.
 */
export const stepColours: readonly Colour[] = [
  [86, 180, 233],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [240, 228, 66],
];

/** The colours of everything on a sheet except the images. */
export const sheetColours = {
  background: [24, 26, 31],
  border: [52, 56, 65],
  caption: [139, 146, 158],
  label: [222, 226, 233],
  wrong: [255, 92, 64],
} as const satisfies Record<string, Colour>;

/**
 * Draws a sheet of scenes, `columns` side by side. Each has the image with its boxes, below it the reconstruction with the
 * same boxes, and below that the count: `2`, or in red `2 (true 1)` where it is wrong.
 *
 * @throws {RangeError} if there is no scene, or an image is not of the given form.
 */
export function reconstructionSheet(
  scenes: readonly PicturedScene[],
  form: SceneForm & { readonly columns: number },
): PixelSheet {
  if (scenes.length === 0) throw new RangeError("A sheet needs at least one scene");
  const { imageSize, scale } = form;
  const side = imageSize * scale;
  // A pixel of the text is half an image pixel wide, or as wide as the longest label below an image allows.
  const longest = textSize(countLabel(0, 1), 1).width;
  const textScale = Math.max(1, Math.min(Math.round(scale / 2), Math.floor(side / longest)));
  const margin = 8 * scale;
  const gap = 2 * scale;
  const spacing = 6 * scale;
  const rowSpacing = 9 * scale;
  const labelHeight = textSize("0", textScale).height;
  const captions = { image: "input", reconstruction: "output" };
  const gutter = textSize(captions.reconstruction, textScale).width + 4 * scale;
  const cellHeight = 2 * side + gap + 3 * scale + labelHeight;
  const columns = Math.min(form.columns, scenes.length);
  const rows = Math.ceil(scenes.length / columns);
  const picture = new PixelSheet(
    2 * margin + gutter + columns * side + (columns - 1) * spacing,
    2 * margin + rows * cellHeight + (rows - 1) * rowSpacing,
    sheetColours.background,
  );
  for (let row = 0; row < rows; row++) {
    const top = margin + row * (cellHeight + rowSpacing);
    const middle = (side - labelHeight) / 2;
    picture.drawText(captions.image, margin, Math.round(top + middle), textScale, sheetColours.caption);
    picture.drawText(
      captions.reconstruction,
      margin,
      Math.round(top + side + gap + middle),
      textScale,
      sheetColours.caption,
    );
  }
  scenes.forEach((scene, index) => {
    const x = margin + gutter + (index % columns) * (side + spacing);
    const y = margin + Math.floor(index / columns) * (cellHeight + rowSpacing);
    drawAnnotated(picture, scene.image, scene.boxes, form, x, y);
    drawAnnotated(picture, scene.reconstruction, scene.boxes, form, x, y + side + gap);
    const { count, trueCount = count } = scene;
    const colour = count === trueCount ? sheetColours.label : sheetColours.wrong;
    picture.drawText(countLabel(count, trueCount), x, y + 2 * side + gap + 3 * scale, textScale, colour);
  });
  return picture;
}

/**
 * Draws one image with the boxes of its objects, without a margin.
 *
 * @throws {RangeError} if the image is not of the given form.
 */
export function annotatedPicture(image: Float32Array, boxes: readonly Box[], form: SceneForm): PixelSheet {
  const side = form.imageSize * form.scale;
  const picture = new PixelSheet(side, side, sheetColours.background);
  drawAnnotated(picture, image, boxes, form, 0, 0);
  return picture;
}

/** The label of a count: `2`, or `2 (true 1)` where it is wrong. */
export function countLabel(count: number, trueCount: number): string {
  return count === trueCount ? `${count}` : `${count} (true ${trueCount})`;
}

function drawAnnotated(
  picture: PixelSheet,
  data: Float32Array,
  boxes: readonly Box[],
  { imageSize, channels, scale }: SceneForm,
  x: number,
  y: number,
): void {
  const image: ModelImage = { data, size: imageSize, channels };
  const side = imageSize * scale;
  picture.fillRectangle(x - 1, y - 1, side + 2, side + 2, sheetColours.border);
  picture.drawImage(image, x, y, scale);
  boxes.forEach((box, step) => {
    const colour = stepColours[step % stepColours.length]!;
    picture.outlineBox(box, { x, y, size: imageSize, scale }, Math.max(1, Math.round(scale / 2)), colour);
  });
}
