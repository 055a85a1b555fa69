/**
 * The ground on which the objects of an image lie, and the noise of the image. The ground is a polynomial of low degree in x
 * and y, fitted to the pixels that belong to no object: even for degree 0, sloping for 1, falling off to the corners for 2.
 *
 * The fit is robust against objects on one side of the ground, however bright they are, while they cover less than about half of
 * the image. It begins with asymmetric least squares (Newey and Powell, Econometrica 55, 1987), where pixels on the objects'
 * side have a small weight. Then it is repeated without the pixels that exceed it by more than the noise.
 */

/** Most squares along a side into which an image is divided; the fit sees the mean of each. */
const SQUARES = 32;
/** Weight of squares on the objects' side at first. */
const FIRST_WEIGHT = 0.05;
const FIRST_ROUNDS = 6;
const ROUNDS = 8;
/** Multiple of the noise by which a square of the ground may exceed the fit. */
const CLOSE = 2.5;
/** Least share of the squares that must be ground; with fewer, the first fit is kept. */
const LEAST_GROUND = 0.05;
/** Least noise that is assumed: the rounding of 8-bit images. */
const LEAST_NOISE = 0.5 / 255;
/** Differences of neighbours from which the noise is estimated, at most. */
const MAX_DIFFERENCES = 4096;
/** Standard deviation of a normal variable as a multiple of the median of its absolute value. */
const DEVIATION_OF_MEDIAN = 1.4826;

/** The ground of one channel of an image. */
export interface Background {
  /** Intensity of the ground, `[S, S]`. */
  readonly ground: Float32Array;
  /** Standard deviation of a pixel's noise, an intensity. */
  readonly noise: number;
}

/**
 * Estimates the ground and the noise of one channel.
 *
 * @param plane intensities in [0, 1], `[S, S]`
 * @param objects whether the objects are lighter or darker than the ground
 * @param degree degree of the polynomial, 0 to 4
 */
export function estimateBackground(
  plane: Float32Array,
  side: number,
  objects: "light" | "dark",
  degree: number,
): Background {
  const noise = noiseOf(plane, side);
  const block = Math.ceil(side / SQUARES);
  const grid = Math.ceil(side / block);
  const means = blockMeans(plane, side, block, grid);
  const terms = termsOf(grid, (i) => (Math.min(side, (i + 1) * block) + i * block) / side - 1, degree);
  const sign = objects === "light" ? 1 : -1;
  // Neighbouring squares differ by their noise, and by texture if there is any: both are no object.
  const close = CLOSE * Math.max(noiseOf(means, grid), noise / block);
  const weights = new Float64Array(means.length).fill(1);
  let fit = fitTerms(means, weights, terms);
  /** Weights each square by whether it exceeds the fit by more than `limit`; returns the sum of the weights. */
  const reweight = (limit: number, weight: number): number => {
    let sum = 0;
    for (let i = 0; i < means.length; i++) {
      const excess = sign * (means[i]! - valueAt(fit, terms, i));
      weights[i] = excess > limit ? weight : 1;
      sum += weights[i]!;
    }
    return sum;
  };
  for (let round = 0; round < FIRST_ROUNDS; round++) {
    reweight(0, FIRST_WEIGHT);
    fit = fitTerms(means, weights, terms);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const ground = reweight(close, 0);
    if (ground < Math.max(LEAST_GROUND * means.length, 2 * fit.length)) break;
    fit = fitTerms(means, weights, terms);
  }
  return { ground: evaluate(fit, side, degree), noise };
}

/** Estimates the noise of a pixel from the differences of neighbours, most of which lie on one side of every edge. */
export function noiseOf(plane: Float32Array, side: number): number {
  const stride = Math.max(1, Math.ceil((2 * plane.length) / MAX_DIFFERENCES));
  const differences = new Float32Array(2 * Math.ceil(plane.length / stride));
  let size = 0;
  for (let i = 0; i < plane.length; i += stride) {
    if (i % side < side - 1) differences[size++] = Math.abs(plane[i]! - plane[i + 1]!);
    if (i + side < plane.length) differences[size++] = Math.abs(plane[i]! - plane[i + side]!);
  }
  const ascending = differences.subarray(0, size).sort();
  return Math.max(LEAST_NOISE, (DEVIATION_OF_MEDIAN * (ascending[size >> 1] ?? 0)) / Math.SQRT2);
}

/** The means of the squares of `block` pixels, `[grid, grid]`; those at the right and lower edge may be smaller. */
function blockMeans(plane: Float32Array, side: number, block: number, grid: number): Float32Array {
  const means = new Float32Array(grid * grid);
  for (let row = 0, i = 0; row < grid; row++) {
    const bottom = Math.min(side, (row + 1) * block);
    for (let column = 0; column < grid; column++, i++) {
      const right = Math.min(side, (column + 1) * block);
      let sum = 0;
      for (let y = row * block; y < bottom; y++)
        for (let x = column * block; x < right; x++) sum += plane[y * side + x]!;
      means[i] = sum / ((bottom - row * block) * (right - column * block));
    }
  }
  return means;
}

/** The products x^a · y^b with a + b up to a degree, at each point of a grid. */
interface Terms {
  /** Number of terms. */
  readonly count: number;
  /** Values, `[points, count]`. */
  readonly values: Float64Array;
}

/** The exponents of x and y in each term. */
function exponents(degree: number): [x: number, y: number][] {
  const pairs: [number, number][] = [];
  for (let sum = 0; sum <= degree; sum++) for (let y = 0; y <= sum; y++) pairs.push([sum - y, y]);
  return pairs;
}

/** Powers 0 to `degree` of the coordinates of `size` columns or rows, `[size, degree + 1]`. */
function powersOf(size: number, place: (i: number) => number, degree: number): Float64Array {
  const powers = new Float64Array(size * (degree + 1));
  for (let i = 0, at = 0; i < size; i++) {
    for (let k = 0, power = 1; k <= degree; k++, power *= place(i)) powers[at++] = power;
  }
  return powers;
}

/** @param place coordinate of column or row i, in [-1, 1] */
function termsOf(grid: number, place: (i: number) => number, degree: number): Terms {
  const pairs = exponents(degree);
  const powers = powersOf(grid, place, degree);
  const values = new Float64Array(grid * grid * pairs.length);
  for (let row = 0, at = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      for (const [a, b] of pairs) values[at++] = powers[column * (degree + 1) + a]! * powers[row * (degree + 1) + b]!;
    }
  }
  return { count: pairs.length, values };
}

/** The polynomial at the middle of each pixel, `[side, side]`. */
function evaluate(fit: Float64Array, side: number, degree: number): Float32Array {
  const pairs = exponents(degree);
  const powers = powersOf(side, (i) => (2 * i + 1) / side - 1, degree);
  const ground = new Float32Array(side * side);
  const ofRow = new Float64Array(degree + 1);
  for (let row = 0, at = 0; row < side; row++) {
    ofRow.fill(0);
    pairs.forEach(([a, b], k) => {
      ofRow[a]! += fit[k]! * powers[row * (degree + 1) + b]!;
    });
    for (let column = 0; column < side; column++) {
      let sum = 0;
      for (let a = 0; a <= degree; a++) sum += ofRow[a]! * powers[column * (degree + 1) + a]!;
      ground[at++] = sum;
    }
  }
  return ground;
}

function valueAt(fit: Float64Array, { count, values }: Terms, point: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += fit[k]! * values[point * count + k]!;
  return sum;
}

/** Share of the mean square by which terms are kept small that the points do not decide. */
const RIDGE = 1e-9;

/** Weighted least squares by the normal equations. */
function fitTerms(targets: Float32Array, weights: Float64Array, { count, values }: Terms): Float64Array {
  const matrix = new Float64Array(count * count);
  const right = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < targets.length; i++) {
    const weight = weights[i]!;
    if (weight === 0) continue;
    total += weight;
    for (let a = 0; a < count; a++) {
      const scaled = weight * values[i * count + a]!;
      right[a]! += scaled * targets[i]!;
      for (let b = 0; b <= a; b++) matrix[a * count + b]! += scaled * values[i * count + b]!;
    }
  }
  for (let a = 0; a < count; a++) matrix[a * count + a]! += RIDGE * total;
  return solveCholesky(matrix, right, count);
}

/** Solves A·x = b for a positive definite A, of which the lower triangle is given; both arguments are overwritten. */
function solveCholesky(matrix: Float64Array, right: Float64Array, count: number): Float64Array {
  for (let a = 0; a < count; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a * count + b]!;
      for (let k = 0; k < b; k++) sum -= matrix[a * count + k]! * matrix[b * count + k]!;
      matrix[a * count + b] = a === b ? Math.sqrt(sum) : sum / matrix[b * count + b]!;
    }
  }
  for (let a = 0; a < count; a++) {
    let sum = right[a]!;
    for (let k = 0; k < a; k++) sum -= matrix[a * count + k]! * right[k]!;
    right[a] = sum / matrix[a * count + a]!;
  }
  for (let a = count - 1; a >= 0; a--) {
    let sum = right[a]!;
    for (let k = a + 1; k < count; k++) sum -= matrix[k * count + a]! * right[k]!;
    right[a] = sum / matrix[a * count + a]!;
  }
  return right;
}
