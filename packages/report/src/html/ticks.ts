/** Where an axis has its marks, and how they are written. */

/** Marks of a linear axis from `least` to `most`. */
export interface Ticks {
  readonly values: readonly number[];
  readonly labels: readonly string[];
}

/**
 * Marks at multiples of 1, 2 or 5 times a power of ten that lie from `least` to `most`, about `wanted` of them (at least one
 * where the range is not a single number).
 */
export function niceTicks(least: number, most: number, wanted: number): Ticks {
  const step = niceStep((most - least) / Math.max(1, wanted));
  const decimals = decimalsOf(step);
  const values: number[] = [];
  // Multiples by whole numbers: adding the step up would gather rounding errors.
  for (let k = Math.ceil(least / step - 1e-9); k * step <= most + 1e-9 * step; k++) {
    values.push(Number((k * step).toFixed(decimals)) + 0);
  }
  return { values, labels: values.map((value) => label(value, decimals)) };
}

/** Marks at powers of ten, and at 2 and 5 times those where there are few, from `least` to `most`, both positive. */
export function logTicks(least: number, most: number): Ticks {
  const exponents = { first: Math.floor(Math.log10(least)), last: Math.ceil(Math.log10(most)) };
  const powers = Array.from({ length: exponents.last - exponents.first + 1 }, (_, i) => exponents.first + i);
  const within = (factors: readonly number[]): number[] =>
    powers
      .flatMap((exponent) => factors.map((factor) => Number(`${factor}e${exponent}`)))
      .filter((value) => value >= least * (1 - 1e-9) && value <= most * (1 + 1e-9));
  const decades = within([1]);
  const values = decades.length >= 3 ? decades : within([1, 2, 5]);
  return { values, labels: values.map((value) => label(value, decimalsOf(value))) };
}

/** The 1, 2 or 5 times a power of ten that is nearest to `step`, by ratio; 1 for a range that is a single number. */
function niceStep(step: number): number {
  if (!(step > 0)) return 1;
  const exponent = Math.floor(Math.log10(step));
  const ratio = (factor: number): number => Math.abs(Math.log((factor * 10 ** exponent) / step));
  const factor = [1, 2, 5, 10].reduce((best, each) => (ratio(each) < ratio(best) ? each : best));
  // Parsed, as powers of ten with a negative exponent are not exact.
  return Number(`${factor}e${exponent}`);
}

/** Digits behind the point that tell multiples of `step` apart. */
export function decimalsOf(step: number): number {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
}

function label(value: number, decimals: number): string {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7)) return value.toExponential();
  return value
    .toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    .replace("-", "−");
}
