/** The positions and labels of the marks on an axis. */

/** The marks of an axis. */
export interface Ticks {
  /** Positions of the marks. */
  readonly values: readonly number[];
  /** Labels of the marks. */
  readonly labels: readonly string[];
}

/**
 * Places about `wanted` marks from `least` to `most`, at multiples of 1, 2 or 5 times a power of ten. There is at least one
 * unless the range is a single number.
 */
export function niceTicks(least: number, most: number, wanted: number): Ticks {
  const step = niceStep((most - least) / Math.max(1, wanted));
  const decimals = decimalsOf(step);
  const values: number[] = [];
  // Adding the step up would accumulate rounding errors.
  for (let k = Math.ceil(least / step - 1e-9); k * step <= most + 1e-9 * step; k++) {
    values.push(Number((k * step).toFixed(decimals)) + 0);
  }
  return { values, labels: values.map((value) => label(value, decimals)) };
}

/** Places marks at powers of ten from `least` to `most`, both positive; also at 2 and 5 times those if there are few. */
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

/** The number nearest to `step`, by ratio, that is 1, 2 or 5 times a power of ten; 1 unless `step` is positive. */
function niceStep(step: number): number {
  if (!(step > 0)) return 1;
  const exponent = Math.floor(Math.log10(step));
  const ratio = (factor: number): number => Math.abs(Math.log((factor * 10 ** exponent) / step));
  const factor = [1, 2, 5, 10].reduce((best, each) => (ratio(each) < ratio(best) ? each : best));
  // The text is parsed because powers of ten with a negative exponent are not exact.
  return Number(`${factor}e${exponent}`);
}

/** The number of digits after the decimal point that tell multiples of `step` apart. */
export function decimalsOf(step: number): number {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
}

function label(value: number, decimals: number): string {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7)) return value.toExponential();
  return value
    .toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    .replace("-", "−");
}
