/**
 * Makes the ground of a picture black: of paper in uneven light, a board that is not quite black, or a grainy photograph. The
 * ground is fitted as a quadratic surface to the pixels that are not much brighter than it.
 */

/** A square picture; the parts of it that the original does not cover are outside. */
export interface SquarePicture {
  /** `[side, side, 3]`, 0..255 */
  readonly rgb: Float64Array;
  readonly side: number;
  /** Pixels that are completely inside, `[side, side]`. */
  readonly inside: readonly boolean[];
}

/** Brightness up to which a pixel is black. A picture of which at least half is black has an even ground. */
const BLACK = 8;
/** Fewest pixels to which a surface is fitted. */
const FEWEST = 16;
const ROUNDS = 8;
/** Pixels that are this many spreads above the surface are objects, and not ground. */
const SPREADS = 3;
/** Smallest spread, so that an even ground does not lose pixels to rounding. */
const LEAST_SPREAD = 1;
/** Contrast of the strongest object below which there is nothing but ground. */
const LEAST_CONTRAST = 24;

/**
 * Takes the ground away, in place, and stretches what is left to full brightness, where the ground is neither black nor even.
 *
 * @returns whether the picture was changed
 */
export function evenGround({ rgb, side, inside }: SquarePicture): boolean {
  const pixels = Array.from({ length: side * side }, (_, i) => i).filter((i) => inside[i]);
  const brightness = Float64Array.from({ length: side * side }, (_, i) =>
    Math.max(rgb[3 * i]!, rgb[3 * i + 1]!, rgb[3 * i + 2]!),
  );
  if (pixels.length < FEWEST || pixels.filter((i) => brightness[i]! <= BLACK).length >= pixels.length / 2) return false;
  const terms = (i: number): number[] => {
    const x = (2 * (i % side)) / side - 1;
    const y = (2 * Math.floor(i / side)) / side - 1;
    return [1, x, y, x * x, x * y, y * y];
  };
  let ground = pixels;
  let surface: readonly number[] = [];
  let spread = LEAST_SPREAD;
  const height = (i: number): number => terms(i).reduce((sum, term, k) => sum + term * surface[k]!, 0);
  for (let round = 0; round < ROUNDS; round++) {
    surface =
      leastSquares(
        ground.map(terms),
        ground.map((i) => brightness[i]!),
      ) ?? [];
    if (surface.length === 0) return false;
    const deviations = ground.map((i) => Math.abs(brightness[i]! - height(i))).sort((a, b) => a - b);
    // The median of the absolute deviations of normal noise is 0.67 standard deviations.
    spread = Math.max(LEAST_SPREAD, 1.48 * deviations[deviations.length >> 1]!);
    ground = pixels.filter((i) => brightness[i]! < height(i) + SPREADS * spread);
    // What covers nearly everything is no object.
    if (ground.length < pixels.length / 4) return false;
  }
  const above = pixels.map((i) => brightness[i]! - height(i)).sort((a, b) => a - b);
  const strongest = above[Math.floor(0.995 * (above.length - 1))]!;
  const floor = SPREADS * spread;
  const isObject = strongest >= floor + LEAST_CONTRAST;
  const stretch = isObject ? 255 / (strongest - floor) : 0;
  for (let i = 0; i < side * side; i++) {
    const wanted = inside[i] ? Math.min(255, Math.max(0, brightness[i]! - height(i) - floor) * stretch) : 0;
    const gain = brightness[i]! > 0 ? wanted / brightness[i]! : 0;
    for (let c = 0; c < 3; c++) rgb[3 * i + c]! *= gain;
  }
  return true;
}

/** Solves the normal equations; undefined where they are singular. */
function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] | undefined {
  const size = rows[0]!.length;
  const system = Array.from({ length: size }, () => new Float64Array(size + 1));
  rows.forEach((row, n) => {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) system[i]![j]! += row[i]! * row[j]!;
      system[i]![size]! += row[i]! * values[n]!;
    }
  });
  for (let i = 0; i < size; i++) {
    const pivot = system.slice(i).reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best));
    if (Math.abs(pivot[i]!) < 1e-9 * rows.length) return undefined;
    const at = system.indexOf(pivot);
    [system[i], system[at]] = [pivot, system[i]!];
    for (const row of system) {
      if (row === pivot) continue;
      const factor = row[i]! / pivot[i]!;
      for (let j = i; j <= size; j++) row[j]! -= factor * pivot[j]!;
    }
  }
  return system.map((row, i) => row[size]! / row[i]!);
}
