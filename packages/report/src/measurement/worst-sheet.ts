/** A picture of the images that a model explains worst, each with its true and found boxes. */
import type { Box } from "@air-onnx/core";
import type { MeasuredImage } from "@air-onnx/measure";
import { confidence, type WorstImages } from "@air-onnx/measure";
import {
  type Colour,
  countLabel,
  fillBatch,
  PixelSheet,
  pixelsPerImage,
  type SceneSet,
  sheetColours,
  stepColours,
  textSize,
  trueBoxes,
} from "@air-onnx/scenes";

const COLUMNS = 6;
/** Smallest side of an image in the picture, pixels. */
const SIDE = 150;
const TEXT_SCALE = 2;
const MARGIN = 24;
const SPACING = 18;
const GAP = 6;
const LINE = textSize("0", TEXT_SCALE).height + 8;
const trueColour: Colour = [255, 255, 255];

/**
 * Draws two groups of images in rows: those with the lowest ELBOs, and those with the surest wrong counts. Each image has its
 * true boxes in white and the found tight ones in colours. Below it are the reconstruction, the counts, and the ELBO or the
 * probability q(n|x) of the count that was found.
 *
 * @throws {RangeError} if there is no image
 */
export function worstSheet({ lowestElbo, mostConfidentlyWrong }: WorstImages, scenes: SceneSet): PixelSheet {
  if (lowestElbo.length === 0) throw new RangeError("A sheet needs at least one image");
  const groups: readonly Group[] = [
    { title: "lowest elbo", images: lowestElbo, label: ({ evidence }) => `elbo ${evidence.elbo.toFixed(1)}` },
    {
      title: wrongTitle(mostConfidentlyWrong.length, scenes.counts.length),
      images: mostConfidentlyWrong,
      label: (image) => `q ${confidence(image).toFixed(3)}`,
    },
  ];
  const scale = Math.max(1, Math.ceil(SIDE / scenes.imageSize));
  const side = scenes.imageSize * scale;
  const cellHeight = 2 * side + GAP + 2 * LINE + SPACING;
  const rowsOf = ({ images }: Group): number => Math.ceil(images.length / COLUMNS);
  const rows = groups.reduce((sum, group) => sum + rowsOf(group), 0);
  const picture = new PixelSheet(
    2 * MARGIN + COLUMNS * side + (COLUMNS - 1) * SPACING,
    2 * MARGIN + groups.length * 2 * LINE + rows * cellHeight,
    sheetColours.background,
  );
  let top = MARGIN;
  for (const group of groups) {
    picture.drawText(group.title, MARGIN, top, TEXT_SCALE, sheetColours.caption);
    top += 2 * LINE;
    group.images.forEach((measured, i) => {
      const x = MARGIN + (i % COLUMNS) * (side + SPACING);
      const y = top + Math.floor(i / COLUMNS) * cellHeight;
      drawCell(picture, measured, scenes, group.label(measured), { x, y, scale });
    });
    top += rowsOf(group) * cellHeight;
  }
  return picture;
}

/** The heading of the images with the surest wrong counts. */
function wrongTitle(wrong: number, known: number): string {
  if (known === 0) return "no true count is known";
  return wrong > 0 ? "most confident wrong counts" : "no count is wrong";
}

interface Group {
  readonly title: string;
  readonly images: readonly MeasuredImage[];
  readonly label: (image: MeasuredImage) => string;
}

function drawCell(
  picture: PixelSheet,
  { index, scene, trueCount = scene.count }: MeasuredImage,
  scenes: SceneSet,
  label: string,
  { x, y, scale }: { readonly x: number; readonly y: number; readonly scale: number },
): void {
  const { imageSize: size, channels } = scenes;
  const side = size * scale;
  const image = new Float32Array(pixelsPerImage(scenes));
  fillBatch(scenes, [index], image);
  const drawFound = (top: number): void => {
    scene.objects.forEach(({ tightBox }, step) => {
      outline(tightBox, top, 2, stepColours[step % stepColours.length]!);
    });
  };
  const outline = (box: Box, top: number, thickness: number, colour: Colour): void =>
    picture.outlineBox(box, { x, y: top, size, scale }, thickness, colour);
  const below = y + side + GAP;
  for (const [top, data] of [
    [y, image],
    [below, scene.reconstruction],
  ] as const) {
    picture.fillRectangle(x - 1, top - 1, side + 2, side + 2, sheetColours.border);
    picture.drawImage({ data, size, channels }, x, top, scale);
    drawFound(top);
  }
  for (const box of trueBoxes(scenes, index)) outline(box, y, 1, trueColour);
  const text = below + side + 8;
  const colour = scene.count === trueCount ? sheetColours.label : sheetColours.wrong;
  picture.drawText(countLabel(scene.count, trueCount), x, text, TEXT_SCALE, colour);
  picture.drawText(label, x, text + LINE, TEXT_SCALE, sheetColours.caption);
}
