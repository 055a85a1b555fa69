/** The pictures of a run: its training images before the first step, and held-out images with what the model found in them. */
import { boxFromZWhere } from "@air-onnx/core";
import {
  fillBatch,
  firstImages,
  type ImageSource,
  type LabelledImages,
  PixelSheet,
  pixelsPerImage,
  reconstructionSheet,
  someImages,
  textSize,
} from "@air-onnx/scenes";
import type { Explanation } from "@air-onnx/trainer";
import type { TrainConfig } from "./config.js";

/** Number and layout of the images in a picture. */
export const PICTURE = { images: 24, columns: 8, scale: 2 } as const;

const MARGIN = 8;
const background = [24, 26, 31] as const;
const ink = [222, 226, 233] as const;
const sizes = [
  [250, 200, 60],
  [90, 200, 250],
] as const;

/** Draws a sheet of held-out images with the model's reconstructions, boxes and counts. */
export function explanationPicture(explanations: readonly Explanation[], scenes: LabelledImages): PixelSheet {
  const sheet = explanations.map(({ count, zWhere, reconstruction }, index) => {
    const image = new Float32Array(pixelsPerImage(scenes));
    fillBatch(scenes, [index], image);
    return {
      image,
      reconstruction,
      boxes: zWhere.map((each) => boxFromZWhere(each, scenes.imageSize)),
      count,
      trueCount: scenes.counts[index],
    };
  });
  const { imageSize, channels } = scenes;
  return reconstructionSheet(sheet, { imageSize, channels, scale: PICTURE.scale, columns: PICTURE.columns });
}

/**
 * Draws a sheet of training images as the model sees them, after preprocessing and before augmentation. Below them are the
 * smallest and the largest window of the model, to scale, if its windows are bounded.
 */
export function trainingImagesPicture({ model }: Pick<TrainConfig, "model">, images: ImageSource): PixelSheet {
  const { imageSize: size, channels } = images;
  const { columns, scale } = PICTURE;
  const shown = Number.isFinite(images.size) ? someImages(images, PICTURE.images) : firstImages(images, PICTURE.images);
  const side = size * scale;
  const rows = Math.ceil(shown.length / columns);
  const windows = model.where.type === "bounded" ? model.where.side : undefined;
  const lines = windows
    ? [`${size}x${size} pixels as the model sees them`, `objects fit windows of ${windows[0]} to ${windows[1]} pixels`]
    : [`${size}x${size} pixels as the model sees them`];
  const text = Math.max(...lines.map((line) => textSize(line, 2).width));
  const legend = Math.max(MARGIN + 20 * lines.length, MARGIN + scale * (windows?.[1] ?? 0));
  const squares = (windows ?? []).reduce((width, window) => width + MARGIN + Math.round(scale * window), 0);
  const width = Math.max(Math.min(columns, shown.length) * (side + MARGIN) + MARGIN, text + squares + 3 * MARGIN);
  const height = MARGIN + rows * (side + MARGIN);
  const sheet = new PixelSheet(width, height + Math.ceil(legend) + MARGIN, background);
  for (const [i, data] of shown.entries()) {
    const [x, y] = [MARGIN + (i % columns) * (side + MARGIN), MARGIN + Math.floor(i / columns) * (side + MARGIN)];
    sheet.drawImage({ data, size, channels }, x, y, scale);
  }
  let x = MARGIN;
  windows?.forEach((window, i) => {
    const box = { xmin: 0, ymin: 0, xmax: window, ymax: window };
    sheet.outlineBox(box, { x, y: height, size: Math.ceil(window) + 1, scale }, 2, sizes[i]!);
    x += Math.round(scale * window) + MARGIN;
  });
  lines.forEach((line, i) => {
    sheet.drawText(line, x, height + 20 * i, 2, ink);
  });
  return sheet;
}
