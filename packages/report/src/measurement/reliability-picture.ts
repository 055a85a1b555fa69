/** A reliability plot: how often objects are really there, against their scores. */
import type { ReliabilityGroup } from "@air-onnx/measure";
import { type Colour, PixelSheet, sheetColours, textSize } from "@air-onnx/scenes";

const SIDE = 420;
const TEXT_SCALE = 2;
const MARGIN = 24;
const TICKS = [0.01, 0.1, 0.5, 0.9, 0.99, 0.999] as const;
const GUTTER = textSize("0.999", TEXT_SCALE).width + 12;
const LINE = textSize("0", TEXT_SCALE).height + 12;
/** Smallest and largest probability of the axes. */
const RANGE = [0.005, 0.9999] as const;
const DOT = 9;
/** Standard errors on either side that an interval spans: 95 %. */
const WIDTH = 1.96;
const ideal: Colour = [120, 120, 120];
const groupColour: Colour = [0, 114, 178];

/**
 * Draws a dot for each group of objects: to the right its mean score, upwards the share that is really there, with the 95 %
 * interval of that share (Wilson, 1927). A calibrated model's dots lie on the dotted diagonal. Both axes are log-odds,
 * because nearly all scores are close to 1; what lies beyond an axis is drawn at its end.
 */
export function reliabilityPicture(groups: readonly ReliabilityGroup[]): PixelSheet {
  const picture = new PixelSheet(2 * MARGIN + GUTTER + SIDE, 2 * MARGIN + 3 * LINE + SIDE, sheetColours.background);
  const [left, top] = [MARGIN + GUTTER, MARGIN + LINE];
  const across = (p: number): number => left + Math.round(placeOf(p) * SIDE);
  const up = (p: number): number => top + SIDE - Math.round(placeOf(p) * SIDE);

  picture.drawText("really there", MARGIN, MARGIN, TEXT_SCALE, sheetColours.caption);
  const below = textSize("score", TEXT_SCALE).width;
  picture.drawText("score", left + SIDE - below, top + SIDE + LINE + 8, TEXT_SCALE, sheetColours.caption);
  for (const tick of TICKS) {
    const name = String(tick);
    const { width, height } = textSize(name, TEXT_SCALE);
    picture.fillRectangle(across(tick), top, 1, SIDE, sheetColours.border);
    picture.fillRectangle(left, up(tick), SIDE, 1, sheetColours.border);
    picture.drawText(name, across(tick) - Math.round(width / 2), top + SIDE + 8, TEXT_SCALE, sheetColours.caption);
    picture.drawText(name, left - 8 - width, up(tick) - Math.round(height / 2), TEXT_SCALE, sheetColours.caption);
  }
  for (let at = 0; at < SIDE; at += 6) picture.fillRectangle(left + at, top + SIDE - at - 2, 2, 2, ideal);
  for (const { objects, meanScore, right } of groups) {
    const [low, high] = wilson(right, objects);
    const x = across(meanScore);
    picture.fillRectangle(x - 1, up(high), 2, Math.max(1, up(low) - up(high)), groupColour);
    const corner = Math.floor(DOT / 2);
    picture.fillRectangle(x - corner, up(right) - corner, DOT, DOT, groupColour);
  }
  return picture;
}

/** Place on an axis, from 0 to 1. */
function placeOf(p: number): number {
  const logOdds = (value: number): number => Math.log(value / (1 - value));
  const [least, most] = RANGE;
  const kept = Math.min(most, Math.max(least, p));
  return (logOdds(kept) - logOdds(least)) / (logOdds(most) - logOdds(least));
}

/** The interval of the share of which `share` was seen in `size` draws. */
function wilson(share: number, size: number): readonly [number, number] {
  const square = WIDTH ** 2 / size;
  const middle = (share + square / 2) / (1 + square);
  const reach = (WIDTH / (1 + square)) * Math.sqrt((share * (1 - share)) / size + square / (4 * size));
  return [middle - reach, middle + reach];
}
