/**
 * Half-precision numbers (IEEE 754 binary16), in which a model can store its weights: Node 20 has no Float16Array.
 */

const bits = new Uint32Array(1);
const single = new Float32Array(bits.buffer);

/** Largest finite half. */
const LARGEST = 65504;
/** Halves below 2^-14 are multiples of this. */
const SUBNORMAL_STEP = 2 ** -24;

/**
 * The nearest halves, ties to even, as their bits.
 *
 * @throws {RangeError} naming the first value that is not finite, or so large that its nearest half is infinite
 */
export function toFloat16(data: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(data, nearestHalf);
}

/** The nearest halves, as numbers. */
export function roundToFloat16(data: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return Float32Array.from(data, (value) => halfValue(nearestHalf(value)));
}

function nearestHalf(value: number): number {
  single[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const magnitude = Math.abs(single[0]);
  // From halfway between 65,504 and 65,536 upwards, a number rounds to infinity.
  if (!(magnitude < LARGEST + 16)) throw new RangeError(`${value} cannot be stored as a 16-bit float`);
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude / SUBNORMAL_STEP);
  single[0] = magnitude;
  // The exponent's bias changes from 127 to 15; 13 of the 23 bits of the fraction go.
  // A carry of the rounding into the exponent gives the right result.
  const rebiased = bits[0]! - ((127 - 15) << 23);
  return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
}

/** The number whose half-precision bits are `half`. */
export function halfValue(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const magnitude = exponent === 0 ? fraction * SUBNORMAL_STEP : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half & 0x8000 ? -magnitude : magnitude;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
