/** Digits as outlines, which can be drawn in any size, with thinner or thicker strokes. */
import { distanceTransform } from "../blobs/distance-transform.js";
import { DIGIT_SIZE } from "./digits.js";

/** Samples of the outline for each pixel of the digit, along an axis. */
const FINENESS = 2;
/** Side of the sampled square: the digit with a border as wide as the thickest stroke grows. */
const BORDER = 4;
const SIDE = FINENESS * (DIGIT_SIZE + 2 * BORDER);
/** Intensity from which on a pixel belongs to the digit. */
const INK = 128;

/** One digit's outline. */
export class DigitOutline {
  /** Signed distance to the outline, pixels of the digit, positive inside, `[SIDE, SIDE]`. */
  readonly #distances: Float32Array;
  /** Edges of the ink, pixels of the digit. */
  readonly #ink: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };

  /** @param digit intensities, `[28, 28]`, 0..255 */
  constructor(digit: Uint8Array) {
    const inside = new Uint8Array(SIDE * SIDE);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++)
        inside[y * SIDE + x] = Number(sampled(digit, DIGIT_SIZE, toDigit(x), toDigit(y)) >= INK);
    }
    this.#distances = signedDistances(inside);
    this.#ink = edgesOf(inside);
  }

  /**
   * Returns `growth` or, if strokes so thin would fall apart, the first half, quarter and so on of it with which they do not.
   *
   * @param growth what each side of a stroke gains, pixels of the digit; negative to thin it
   */
  wholeGrowth(growth: number): number {
    if (growth >= 0) return growth;
    const parts = countParts(this.#distances, 0);
    for (let tried = growth; tried < -0.05; tried /= 2) {
      if (countParts(this.#distances, -tried) === parts) return tried;
    }
    return 0;
  }

  /**
   * Draws the digit into a square image. What lies beyond the image is cut off.
   *
   * @param target `[side, side]`, 0..255; overwritten
   * @param length length of the longer side of the ink, after it has grown, pixels of the image
   * @param x column of the middle of the ink
   * @param y row of the middle of the ink
   * @param growth what each side of a stroke gains, pixels of the digit
   */
  draw(
    target: Uint8Array,
    side: number,
    { length, x, y, growth }: { length: number; x: number; y: number; growth: number },
  ): void {
    const { left, top, right, bottom } = this.#ink;
    const scale = length / (Math.max(right - left, bottom - top) + 2 * growth);
    const reach = Math.ceil(length / 2) + 1;
    target.fill(0);
    const [firstRow, lastRow] = [Math.max(0, Math.floor(y) - reach), Math.min(side - 1, Math.floor(y) + reach)];
    const [firstColumn, lastColumn] = [Math.max(0, Math.floor(x) - reach), Math.min(side - 1, Math.floor(x) + reach)];
    for (let row = firstRow; row <= lastRow; row++) {
      const digitY = (row + 0.5 - y) / scale + (top + bottom) / 2;
      for (let column = firstColumn; column <= lastColumn; column++) {
        const digitX = (column + 0.5 - x) / scale + (left + right) / 2;
        const distance = sampled(this.#distances, SIDE, fromDigit(digitX), fromDigit(digitY), -BORDER);
        // An edge fades over one pixel of the image.
        const ink = Math.min(1, Math.max(0, 0.5 + (distance + growth) * scale));
        target[row * side + column] = Math.round(255 * ink);
      }
    }
  }
}

/** Coordinate in the digit of the middle of a sample. */
function toDigit(sample: number): number {
  return (sample + 0.5) / FINENESS - BORDER;
}

/** Coordinate among the samples of a place in the digit. */
function fromDigit(place: number): number {
  return (place + BORDER) * FINENESS;
}

/** The value at (x, y) between the middles of the pixels of a square `[side, side]`; `beyond` where there are none. */
function sampled(values: ArrayLike<number>, side: number, x: number, y: number, beyond = 0): number {
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [right, down] = [x - 0.5 - left, y - 0.5 - top];
  const at = (column: number, row: number): number =>
    column < 0 || row < 0 || column >= side || row >= side ? beyond : values[row * side + column]!;
  return (
    (1 - down) * ((1 - right) * at(left, top) + right * at(left + 1, top)) +
    down * ((1 - right) * at(left, top + 1) + right * at(left + 1, top + 1))
  );
}

function signedDistances(inside: Uint8Array): Float32Array {
  const outside = new Uint8Array(inside.length);
  for (let i = 0; i < inside.length; i++) outside[i] = 1 - inside[i]!;
  const within = distanceTransform(inside, SIDE, SIDE);
  const beyond = distanceTransform(outside, SIDE, SIDE);
  // Both are distances between middles; the outline runs half a sample nearer.
  for (let i = 0; i < inside.length; i++) within[i] = (inside[i] ? within[i]! - 0.5 : 0.5 - beyond[i]!) / FINENESS;
  return within;
}

function edgesOf(inside: Uint8Array): { left: number; top: number; right: number; bottom: number } {
  let [left, top, right, bottom] = [SIDE, SIDE, 0, 0];
  for (let i = 0; i < inside.length; i++) {
    if (!inside[i]) continue;
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  const toEdge = (sample: number): number => sample / FINENESS - BORDER;
  return { left: toEdge(left), top: toEdge(top), right: toEdge(right), bottom: toEdge(bottom) };
}

/** The number of connected parts of the samples whose distance is above `level`; diagonal neighbours are connected. */
function countParts(distances: Float32Array, level: number): number {
  const seen = new Uint8Array(SIDE * SIDE);
  const waiting: number[] = [];
  let parts = 0;
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] || distances[start]! <= level) continue;
    parts++;
    seen[start] = 1;
    waiting.push(start);
    for (let i = waiting.pop(); i !== undefined; i = waiting.pop()) {
      // The border is as wide as four pixels of the digit, so no neighbour lies beyond a row's end.
      for (const step of [-SIDE - 1, -SIDE, -SIDE + 1, -1, 1, SIDE - 1, SIDE, SIDE + 1]) {
        const next = i + step;
        if (seen[next] || !(distances[next]! > level)) continue;
        seen[next] = 1;
        waiting.push(next);
      }
    }
  }
  return parts;
}
