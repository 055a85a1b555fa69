/** A picture of the confusion matrix. */
import { type Colour, PixelSheet, sheetColours, textSize } from "@air-onnx/scenes";

const CELL = 72;
const TEXT_SCALE = 2;
const MARGIN = 24;
const GUTTER = textSize("true 0", TEXT_SCALE).width + 16;
const HEADER = textSize("0", TEXT_SCALE).height + 14;
/** Colours of a cell with all the images of its row: on the diagonal, and off it. */
const right: Colour = [0, 114, 178];
const wrong: Colour = [213, 94, 0];

/**
 * Draws a row for each true count that an image has, and a column for each count that can be found. A cell is brighter the
 * larger its share of the row is.
 *
 * @param confusion number of images by `[true count][found count]`
 */
export function confusionPicture(confusion: readonly (readonly number[])[]): PixelSheet {
  const rows = confusion.flatMap((found, truth) => (found.some((images) => images > 0) ? [{ truth, found }] : []));
  const columns = confusion[0]!.length;
  const picture = new PixelSheet(
    2 * MARGIN + GUTTER + columns * Math.max(CELL, textSize("found 0", TEXT_SCALE).width + 12),
    2 * MARGIN + HEADER + rows.length * CELL,
    sheetColours.background,
  );
  const width = (picture.width - 2 * MARGIN - GUTTER) / columns;
  const centred = (text: string, x: number, y: number, colour: Colour): void => {
    const size = textSize(text, TEXT_SCALE);
    picture.drawText(text, Math.round(x - size.width / 2), Math.round(y - size.height / 2), TEXT_SCALE, colour);
  };
  for (let n = 0; n < columns; n++) {
    centred(`found ${n}`, MARGIN + GUTTER + (n + 0.5) * width, MARGIN + HEADER / 2 - 4, sheetColours.caption);
  }
  rows.forEach(({ truth, found }, row) => {
    const top = MARGIN + HEADER + row * CELL;
    const total = found.reduce((sum, images) => sum + images, 0);
    centred(`true ${truth}`, MARGIN + GUTTER / 2 - 8, top + CELL / 2, sheetColours.caption);
    found.forEach((images, n) => {
      const left = MARGIN + GUTTER + n * width;
      const share = images / total;
      picture.fillRectangle(left + 1, top + 1, width - 2, CELL - 2, mix(truth === n ? right : wrong, share));
      centred(String(images), left + width / 2, top + CELL / 2, images > 0 ? [255, 255, 255] : sheetColours.caption);
    });
  });
  return picture;
}

/** Mixes the border's colour with `full` by `share`, so that even a small share is visible. */
function mix(full: Colour, share: number): Colour {
  const weight = Math.sqrt(share);
  const [red, green, blue] = full.map((level, c) =>
    Math.round(level * weight + sheetColours.border[c]! * (1 - weight)),
  ) as [number, number, number];
  return [red, green, blue];
}
