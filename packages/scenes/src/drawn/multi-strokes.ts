/**
 * Digits written by a simulated pen, 0 to `maxCount` of them in a grey image, without a download. Their sizes and their
 * composition are those of multi-MNIST. Image i is a function of (seed, i), whatever the set's size.
 */
import { RandomStream } from "@air-onnx/core/random";
import type { Reporting } from "../reporting.js";
import type { SceneSet } from "../scene-set.js";
import { seededSet } from "./drawn-set.js";
import { generateScenes, type SceneGenerator } from "./generate.js";
import { type ControlPoint, type Glyph, glyphs, type Stroke } from "./glyphs.js";
import { checkMaxCount, maxCountSetting } from "./patch-form.js";

/** The form of the images of {@link multiStrokes}. */
export interface MultiStrokesForm {
  /** Side of the images, pixels; default 50. */
  readonly imageSize?: number | undefined;
  /** Most digits in an image, default 2. Every number from 0 to it is equally probable. */
  readonly maxCount?: number | undefined;
}

/** The options of {@link generateMultiStrokes}. */
export interface MultiStrokesOptions extends MultiStrokesForm, Reporting {
  /** Seed of all random numbers, a non-negative safe integer. */
  readonly seed: number;
  /** Number of images. */
  readonly size: number;
}

const defaultForm = { imageSize: 50, maxCount: 2 } as const;

/** Side of a digit's patch before it is shrunk, pixels, as in MNIST. Lengths below are in this frame. */
const FRAME = 28;
/** Longer side of the written digit within the frame. */
const INK_EXTENT = 20;
const MIN_SIDE = 14;
/** Side of the largest patch, pixels. */
const MAX_SIDE = 28;

/**
 * Draws the set.
 *
 * @throws {DataError} if `maxCount` digits do not fit into the image
 * @throws {RangeError} see {@link multiStrokes}
 * @throws the signal's reason when aborted
 */
export async function generateMultiStrokes({
  seed,
  size,
  imageSize,
  maxCount,
  ...reporting
}: MultiStrokesOptions): Promise<SceneSet> {
  return generateScenes(multiStrokes(seed, { imageSize, maxCount }), size, reporting);
}

/**
 * Makes the generator of the images. Image i is a function of (seed, i).
 *
 * @throws {RangeError} for a seed out of range, an image smaller than the largest patch (28), or a maxCount out of range
 */
export function multiStrokes(seed: number, form: MultiStrokesForm = {}): SceneGenerator {
  const { imageSize = defaultForm.imageSize, maxCount = defaultForm.maxCount } = form;
  if (imageSize < MAX_SIDE) {
    throw new RangeError(`The image must be at least ${MAX_SIDE} pixels wide, got ${imageSize}`);
  }
  checkMaxCount(maxCount);
  const pixels = new Uint8Array(MAX_SIDE ** 2);
  return {
    dataset: "multi-strokes",
    imageSize,
    channels: 1,
    maxObjects: maxCount,
    overlap: "redraw",
    recipe: (index) => {
      const random = new RandomStream(seed, index);
      const nextPatch = () => {
        const digit = random.integer(glyphs.length);
        const scale = 1.3 + 0.1 * random.normal();
        const side = clamp(Math.trunc(FRAME / scale), MIN_SIDE, MAX_SIDE);
        const y = random.integer(imageSize - side + 1);
        const x = random.integer(imageSize - side + 1);
        drawDigit(digit, random, pixels, side);
        return { pixels, side, x, y, kind: digit };
      };
      return { count: random.integer(maxCount + 1), nextPatch };
    },
  };
}

/** Writes one digit in a random handwriting into the first side² of `pixels`. */
export function drawDigit(digit: number, random: RandomStream, pixels: Uint8Array, side: number): void {
  const styles = glyphs[digit]!;
  const paths = writeGlyph(styles[random.integer(styles.length)]!, random);
  // The pen is as wide as in MNIST: about 2 to 4 pixels of the frame.
  const radius = 0.95 + 0.85 * random.uniform();
  const level = 255 * (0.88 + 0.12 * random.uniform());
  fitToFrame(paths, INK_EXTENT - 2 * radius);
  ink(paths, side / FRAME, radius, level, pixels, side);
}

/** A pen's path as connected points: x0, y0, x1, y1, … */
type Path = Float64Array;

/** A random version of a glyph: control points are jittered, stretched, slanted and turned, then joined smoothly. */
function writeGlyph(glyph: Glyph, random: RandomStream): Path[] {
  const jitter = 0.035;
  const stretch = Math.exp(0.16 * random.normal());
  const slant = 0.12 + 0.2 * random.normal();
  const turn = 0.09 * random.normal();
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return glyph.map((stroke) => {
    const points = stroke.points.map(([x, y, corner]): ControlPoint => {
      const u = (x + jitter * random.normal()) * stretch;
      const v = y + jitter * random.normal();
      const slanted = u - slant * v;
      const moved = [cos * slanted - sin * v, sin * slanted + cos * v] as const;
      return corner ? [...moved, corner] : moved;
    });
    return smoothPath({ ...stroke, points });
  });
}

const SEGMENTS_PER_SPAN = 5;

/** A Catmull-Rom spline through the stroke's points, interrupted at its corners and ends. */
function smoothPath({ points, closed }: Stroke): Path {
  const count = points.length;
  const spans = closed ? count : count - 1;
  const path = new Float64Array(2 * (spans * SEGMENTS_PER_SPAN + 1));
  const at = (i: number): ControlPoint => points[closed ? (i + count) % count : clamp(i, 0, count - 1)]!;
  let length = 0;
  for (let span = 0; span < spans; span++) {
    const [from, to] = [at(span), at(span + 1)];
    // At a corner, points beyond it do not bend the curve.
    const before = from[2] ? from : at(span - 1);
    const after = to[2] ? to : at(span + 2);
    for (let step = span === 0 ? 0 : 1; step <= SEGMENTS_PER_SPAN; step++) {
      const t = step / SEGMENTS_PER_SPAN;
      path[length++] = catmullRom(before[0], from[0], to[0], after[0], t);
      path[length++] = catmullRom(before[1], from[1], to[1], after[1], t);
    }
  }
  return path;
}

function catmullRom(p0: number, p1: number, p2: number, p3: number, t: number): number {
  return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

/** Scales and shifts the paths so that their longer extent is `extent`, in the middle of the frame. */
function fitToFrame(paths: readonly Path[], extent: number): void {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const path of paths) {
    for (let i = 0; i < path.length; i += 2) {
      left = Math.min(left, path[i]!);
      right = Math.max(right, path[i]!);
      top = Math.min(top, path[i + 1]!);
      bottom = Math.max(bottom, path[i + 1]!);
    }
  }
  const scale = extent / Math.max(right - left, bottom - top);
  for (const path of paths) {
    for (let i = 0; i < path.length; i += 2) {
      path[i] = FRAME / 2 + (path[i]! - (left + right) / 2) * scale;
      path[i + 1] = FRAME / 2 + (path[i + 1]! - (top + bottom) / 2) * scale;
    }
  }
}

/**
 * Inks every pixel by its distance from the paths: full within the pen's radius, fading over one pixel at its edge.
 *
 * @param scale pixels of the patch per unit of the frame
 */
function ink(
  paths: readonly Path[],
  scale: number,
  radius: number,
  level: number,
  pixels: Uint8Array,
  side: number,
): void {
  pixels.fill(0, 0, side * side);
  const pen = radius * scale;
  const reach = pen + 0.5;
  for (const path of paths) {
    for (let i = 0; i + 3 < path.length; i += 2) {
      const ax = path[i]! * scale;
      const ay = path[i + 1]! * scale;
      const dx = path[i + 2]! * scale - ax;
      const dy = path[i + 3]! * scale - ay;
      const squaredLength = dx * dx + dy * dy;
      // Pixel (column, row) has its centre at (column + ½, row + ½).
      const firstColumn = Math.max(0, Math.ceil(Math.min(ax, ax + dx) - reach - 0.5));
      const lastColumn = Math.min(side - 1, Math.floor(Math.max(ax, ax + dx) + reach - 0.5));
      const firstRow = Math.max(0, Math.ceil(Math.min(ay, ay + dy) - reach - 0.5));
      const lastRow = Math.min(side - 1, Math.floor(Math.max(ay, ay + dy) + reach - 0.5));
      for (let row = firstRow; row <= lastRow; row++) {
        for (let column = firstColumn; column <= lastColumn; column++) {
          const px = column + 0.5 - ax;
          const py = row + 0.5 - ay;
          const along = squaredLength === 0 ? 0 : clamp((px * dx + py * dy) / squaredLength, 0, 1);
          const distance = Math.sqrt((px - along * dx) ** 2 + (py - along * dy) ** 2);
          const value = Math.round(level * clamp(reach - distance, 0, 1));
          const pixel = row * side + column;
          if (value > pixels[pixel]!) pixels[pixel] = value;
        }
      }
    }
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The definition of the data set `multi-strokes`. */
export const multiStrokesSet = seededSet({
  name: "multi-strokes",
  description: "digits written by a simulated pen, grey",
  sizes: { train: 20_000, test: 2_000 },
  channels: 1,
  imageSize: defaultForm.imageSize,
  anySide: true,
  settings: { maxCount: maxCountSetting(defaultForm.maxCount) },
  preset: { steps: 3000 },
  version: 2,
  conflicts: ({ imageSize }) =>
    imageSize < MAX_SIDE
      ? [["imageSize", `must be at least ${MAX_SIDE}, the largest digit of dataset multi-strokes; got ${imageSize}`]]
      : [],
  generator: (seed, form) => multiStrokes(seed, form),
});
