/** Sheets of scenes with boxes and counts, as the command line writes them. */
import type { AirConfig, Box, DecodedScene } from "@air-onnx/core";
import { fillBatch, type ImageSource, pixelsPerImage, type SceneSet } from "../scene-set.js";
import { PixelSheet } from "./pixel-sheet.js";
import { type PicturedScene, reconstructionSheet, stepColours } from "./scene-picture.js";

/** Side of an image pixel in the pictures. */
const SCALE = 3;
const MARGIN = 12;
const LABEL_HEIGHT = 24;
const background = [24, 26, 31] as const;
const label = [222, 226, 233] as const;

/** The number of images in a sheet, and how many of them are side by side. */
export const SHEET = { images: 24, columns: 8 } as const;

/** One image of a contact sheet. */
export interface Exhibit {
  /** Intensities `[C, S, S]` in [0, 1]. */
  readonly image: Float32Array;
  /** Boxes of its objects, in image pixels. */
  readonly boxes: readonly Box[];
  /** Text below the image. */
  readonly label: string;
}

/** Draws images with their boxes, and a label below each. */
export function contactSheet(
  exhibits: readonly Exhibit[],
  { imageSize, channels }: Pick<AirConfig, "imageSize" | "channels">,
): PixelSheet {
  const side = imageSize * SCALE;
  const columns = Math.min(SHEET.columns, exhibits.length);
  const rows = Math.ceil(exhibits.length / columns);
  const sheet = new PixelSheet(
    MARGIN + columns * (side + MARGIN),
    MARGIN + rows * (side + LABEL_HEIGHT + MARGIN),
    background,
  );
  for (const [i, exhibit] of exhibits.entries()) {
    const x = MARGIN + (i % columns) * (side + MARGIN);
    const y = MARGIN + Math.floor(i / columns) * (side + LABEL_HEIGHT + MARGIN);
    drawWithBoxes(sheet, { data: exhibit.image, size: imageSize, channels }, exhibit.boxes, x, y);
    sheet.drawText(exhibit.label, x, y + side + 6, 2, label);
  }
  return sheet;
}

/** Draws the first images of `scenes` as a model explains them. Wrong counts are marked. */
export function explanationSheet(
  scenes: SceneSet,
  explanations: readonly Pick<PicturedScene, "boxes" | "count" | "reconstruction">[],
): PixelSheet {
  const images = firstImages(scenes, explanations.length);
  const shown = explanations.map((explanation, i) => ({
    ...explanation,
    image: images[i]!,
    trueCount: scenes.counts[i],
  }));
  return reconstructionSheet(shown, {
    imageSize: scenes.imageSize,
    channels: scenes.channels,
    scale: 2,
    columns: SHEET.columns,
  });
}

/** The parts of an inferred or imagined scene that a sheet shows, with tight boxes. */
export function explanationOf(scene: DecodedScene): Pick<PicturedScene, "boxes" | "count" | "reconstruction"> {
  return {
    boxes: scene.objects.map(({ tightBox }) => tightBox),
    count: scene.count,
    reconstruction: scene.reconstruction,
  };
}

/** Returns the first `wanted` images of a set, or all if there are fewer, each `[C, S, S]` in [0, 1]. */
export function firstImages(scenes: ImageSource, wanted: number): Float32Array[] {
  return Array.from({ length: Math.min(wanted, scenes.size) }, (_, i) => {
    const image = new Float32Array(pixelsPerImage(scenes));
    fillBatch(scenes, [i], image);
    return image;
  });
}

function drawWithBoxes(
  picture: PixelSheet,
  image: { readonly data: Float32Array; readonly size: number; readonly channels: number },
  boxes: readonly Box[],
  x: number,
  y: number,
): void {
  picture.drawImage(image, x, y, SCALE);
  boxes.forEach((box, i) => {
    const colour = stepColours[i % stepColours.length]!;
    picture.outlineBox(box, { x, y, size: image.size, scale: SCALE }, 2, colour);
  });
}
