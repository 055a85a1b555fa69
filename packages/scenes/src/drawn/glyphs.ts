/**
 * The digits 0-9 as a pen writes them: strokes through control points, with one or two ways of writing each digit.
 *
 * Only the shapes are here. Slant, size and pen width are drawn at random by the generator (multi-strokes.ts).
 */

/** A point that the pen passes, smoothly or with a sharp turn ("corner"). x points right, y down; the digit is 1 high. */
export type ControlPoint = readonly [x: number, y: number, turn?: "corner"];

/** One stroke of the pen. */
export interface Stroke {
  /** The points in the order in which the pen passes them. */
  readonly points: readonly ControlPoint[];
  /** Whether the pen returns smoothly to the first point. */
  readonly closed: boolean;
}

/** One way of writing a digit. */
export type Glyph = readonly Stroke[];

/** The ways of writing each digit, as lists of strokes: points "x,y" in hundredths, "!" at a corner, "z" if closed. */
const drawings: readonly (readonly (readonly string[])[])[] = [
  // 0
  [["36,0 10,22 3,55 14,88 36,100 58,86 68,52 60,16 z"], ["45,0 16,14 2,50 12,87 40,100 68,84 78,46 64,12 38,3"]],
  // 1
  [["20,0 20,50 20,100"], ["2,26 28,0! 27,50 26,100"]],
  // 2
  [["4,20 28,1 56,9 60,32 40,62 2,97! 36,95 70,97"], ["6,18 30,0 58,10 58,38 36,74 12,94 3,82 18,74 42,90 74,96"]],
  // 3
  [["6,10 34,0 58,14 50,36 22,46! 54,52 66,74 48,96 20,100 2,90"], ["4,2 56,3! 26,40! 58,50 64,76 42,98 4,94"]],
  // 4
  [
    ["12,0 6,30 8,50 34,54 62,48", "60,2 57,50 54,100"],
    ["46,0 2,62! 70,62", "47,30 46,66 44,100"],
  ],
  // 5
  [["66,1 18,3! 10,44! 36,38 62,54 62,82 36,100 3,92"]],
  // 6
  [["50,0 20,28 5,64 16,94 42,99 62,80 52,58 28,56 8,76"]],
  // 7
  [["2,8 32,4 66,2! 42,46 26,100"], ["2,6 34,5 66,2! 42,46 28,100", "20,52 62,48"]],
  // 8
  [["36,48 10,26 34,0 60,20 36,48 6,78 34,100 64,78 z"]],
  // 9
  [["58,26 38,1 10,14 8,40 32,50 56,34 62,14! 58,56 46,100"], ["60,14 34,0 6,18 14,44 40,44 60,14! 58,54 56,100"]],
];

/** The ways of writing each digit, `glyphs[digit]`. All ways are equally probable. */
export const glyphs: readonly (readonly Glyph[])[] = drawings.map((styles) =>
  styles.map((glyph) => glyph.map(parseStroke)),
);

function parseStroke(text: string): Stroke {
  const closed = text.endsWith(" z");
  const points = text
    .replace(/ z$/, "")
    .split(" ")
    .map((point): ControlPoint => {
      const [x, y] = point
        .replace("!", "")
        .split(",")
        .map((hundredths) => Number(hundredths) / 100) as [number, number];
      return point.endsWith("!") ? [x, y, "corner"] : [x, y];
    });
  return { points, closed };
}
