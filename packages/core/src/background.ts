/**
 * The ground on which the objects of an image lie, and the noise of the image. The ground is a polynomial of low degree in x
 * and y, fitted to the pixels that belong to no object: even for degree 0, sloping for 1, falling off to the corners for 2.
 *
 * The fit is robust against objects on one side of the ground, however bright they are, while they cover less than about half of
 * the image. It begins with asymmetric least squares (Newey and Powell, Econometrica 55, 1987), where pixels on the objects'
 * side have a small weight. Then it is repeated without the pixels that exceed it by more than the noise.
 */

/** Most squares along a side into which a model's image is divided; the fit sees the mean of each. */
const SQUARES = 32;
/** Most squares along a side of a whole picture, which bounds the time of the fit. */
const MOST_SQUARES = 256;
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
  /** Intensity of the ground, `[H, W]`. */
  readonly ground: Float32Array;
  /** Standard deviation of a pixel's noise, an intensity. */
  readonly noise: number;
}

/** The size of a plane, pixels. */
export interface PlaneSize {
  /** Pixels in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
}

/** Side of the squares into which a model's image is divided, pixels. */
export function squareOf(imageSize: number): number {
  return Math.ceil(imageSize / SQUARES);
}

/**
 * Estimates the ground and the noise of one channel of a square image.
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
  return estimatePlane(plane, { width: side, height: side }, objects, degree, squareOf(side));
}

/**
 * Estimates the ground and the noise of one channel of a picture of any size, as {@link estimateBackground} does.
 *
 * @param plane intensities in [0, 1], `[H, W]`
 * @param square side of the squares whose means the fit sees, pixels; larger ones are taken for very large pictures
 */
export function estimatePlane(
  plane: Float32Array,
  { width, height }: PlaneSize,
  objects: "light" | "dark",
  degree: number,
  square: number,
): Background {
  const noise = noiseOf(plane, width);
  const block = Math.max(square, Math.ceil(Math.max(width, height) / MOST_SQUARES));
  const [columns, rows] = [Math.ceil(width / block), Math.ceil(height / block)];
  const means = blockMeans(plane, { width, height }, block);
  const middle = (size: number) => (i: number) => (Math.min(size, (i + 1) * block) + i * block) / size - 1;
  const terms = termsOf({ width: columns, height: rows }, [middle(width), middle(height)], degree);
  const sign = objects === "light" ? 1 : -1;
  // Neighbouring squares differ by their noise, and by texture if there is any: both are no object.
  const close = CLOSE * Math.max(noiseOf(means, columns), noise / block);
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
  return { ground: evaluate(fit, { width, height }, degree), noise };
}

/**
 * Estimates the noise of a pixel from the differences of neighbours, most of which lie on one side of every edge.
 *
 * @param width pixels in a row
 */
export function noiseOf(plane: Float32Array, width: number): number {
  const stride = Math.max(1, Math.ceil((2 * plane.length) / MAX_DIFFERENCES));
  const differences = new Float32Array(2 * Math.ceil(plane.length / stride));
  let size = 0;
  for (let i = 0; i < plane.length; i += stride) {
    if (i % width < width - 1) differences[size++] = Math.abs(plane[i]! - plane[i + 1]!);
    if (i + width < plane.length) differences[size++] = Math.abs(plane[i]! - plane[i + width]!);
  }
  const ascending = differences.subarray(0, size).sort();
  return Math.max(LEAST_NOISE, (DEVIATION_OF_MEDIAN * (ascending[size >> 1] ?? 0)) / Math.SQRT2);
}

/** The means of the squares of `block` pixels, row by row; those at the right and lower edge may be smaller. */
function blockMeans(plane: Float32Array, { width, height }: PlaneSize, block: number): Float32Array {
  const means = new Float32Array(Math.ceil(width / block) * Math.ceil(height / block));
  for (let top = 0, i = 0; top < height; top += block) {
    const bottom = Math.min(height, top + block);
    for (let left = 0; left < width; left += block, i++) {
      const right = Math.min(width, left + block);
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += plane[y * width + x]!;
      means[i] = sum / ((bottom - top) * (right - left));
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

/** @param places coordinates of column i and of row i, in [-1, 1] */
function termsOf(
  { width, height }: PlaneSize,
  [placeX, placeY]: readonly [(i: number) => number, (i: number) => number],
  degree: number,
): Terms {
  const pairs = exponents(degree);
  const [powersX, powersY] = [powersOf(width, placeX, degree), powersOf(height, placeY, degree)];
  const values = new Float64Array(width * height * pairs.length);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (const [a, b] of pairs) values[at++] = powersX[column * (degree + 1) + a]! * powersY[row * (degree + 1) + b]!;
    }
  }
  return { count: pairs.length, values };
}

/** The polynomial at the middle of each pixel, `[H, W]`. */
function evaluate(fit: Float64Array, { width, height }: PlaneSize, degree: number): Float32Array {
  const pairs = exponents(degree);
  const middle = (size: number) => (i: number) => (2 * i + 1) / size - 1;
  const [powersX, powersY] = [powersOf(width, middle(width), degree), powersOf(height, middle(height), degree)];
  const ground = new Float32Array(width * height);
  const ofRow = new Float64Array(degree + 1);
  for (let row = 0, at = 0; row < height; row++) {
    ofRow.fill(0);
    pairs.forEach(([a, b], k) => {
      ofRow[a]! += fit[k]! * powersY[row * (degree + 1) + b]!;
    });
    for (let column = 0; column < width; column++) {
      let sum = 0;
      for (let a = 0; a <= degree; a++) sum += ofRow[a]! * powersX[column * (degree + 1) + a]!;
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
