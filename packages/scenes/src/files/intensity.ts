/**
 * The range of the intensities of a set of images whose pixels are numbers of any kind. Files do not say what is white, so it is
 * decided for the whole set by where the mass of its values lies:
 *
 * - floats: 0 to 1, or 0 to 255 if most values above 0 are above 1. A small excess, such as rounding, ringing of a resize, or
 *   objects that overlap in a sum, is clipped;
 * - integers: 0 to 1 if no value is larger, else 0 to 255. Larger ones of 16 bits are a camera's: white is the largest number of
 *   10, 12, 14 or 16 bits, whichever the largest value needs.
 *
 * Anything else is refused, with the range that was found.
 */
import { DataError } from "../errors.js";
import type { NpyArray } from "./npy.js";

/** Bits of a camera's values. */
const CAMERA_BITS = [10, 12, 14, 16] as const;
/** Share of the values above 0 that may be beyond white, and how far, as a multiple of it. */
const EXCESS = { share: 0.05, reach: 3 } as const;
/** Share of the sum of all values that those below 0 may have, and how far they may lie below, as a share of white. */
const BELOW = { share: 0.01, reach: 0.1 } as const;
/** Values above 1 whose largest is below this are no intensities in 0 to 255: all images would be nearly black. */
const LEAST_OF_255 = 16;

/** What is known of the values of a set. */
interface Values {
  readonly least: number;
  readonly most: number;
  /** Numbers of values above 0, above 1 and above 255. */
  readonly above0: number;
  readonly above1: number;
  readonly above255: number;
  /** Sums of the values above 0, and of those below, as positive numbers. */
  readonly sumAbove: number;
  readonly sumBelow: number;
}

/**
 * Decides which value is white, 0 being black.
 *
 * @param what name of the values in messages
 * @param say called with a line about values that are clipped, or about a camera's range
 * @throws {DataError} for values that are not finite, or in no range that is known
 */
export function whiteOf({ data, isFloat }: Omit<NpyArray, "shape">, what: string, say: (line: string) => void): number {
  const values = survey(data, what);
  const { least, most, above0, above1, above255, sumAbove, sumBelow } = values;
  const refuse = (advice: string): never => {
    throw new DataError(
      `${what} has values from ${least} to ${most}: intensities must be in 0..1 or in 0..255. ${advice}`,
    );
  };
  const clipped = (white: number, beyond: number): number => {
    const parts = [
      ...(beyond > 0 ? [`${beyond} of its ${above0} values above 0 are beyond ${white}, up to ${most}`] : []),
      ...(least < 0 ? [`some are below 0, down to ${least}`] : []),
    ];
    if (parts.length > 0) say(`${what} is read as intensities from 0 to ${white}; ${parts.join(", and ")}: clipped`);
    return white;
  };
  const isSmallExcess = (beyond: number, white: number): boolean =>
    beyond <= EXCESS.share * above0 && most <= EXCESS.reach * white;
  const isSmallBelow = (white: number): boolean => sumBelow <= BELOW.share * sumAbove && -least <= BELOW.reach * white;
  if (!isFloat) {
    if (least < 0) refuse("Add an offset, or clip them.");
    if (most <= 1) return 1;
    if (most <= 255) return 255;
    if (!(data instanceof Uint16Array) && isSmallExcess(above255, 255)) return clipped(255, above255);
    const bits = cameraBits(most);
    if (bits === undefined) return refuse("Scale them to 0..255.");
    return cameraWhite(bits, most, what, say);
  }
  if (isSmallExcess(above1, 1) && isSmallBelow(1)) return clipped(1, above1);
  const isIn255 = 2 * above1 >= above0 && most >= LEAST_OF_255;
  if (isIn255 && isSmallExcess(above255, 255) && isSmallBelow(255)) return clipped(255, above255);
  return refuse(
    least >= -1 && least < -0.5 && most <= 1
      ? "From -1 to 1: save (x + 1) / 2."
      : "Save (x - x.min()) / (x.max() - x.min()), or clip them.",
  );
}

/** The white of values of a camera with so many bits. */
export function cameraWhite(bits: number, most: number, what: string, say: (line: string) => void): number {
  const white = 2 ** bits - 1;
  say(`${what} has values up to ${most}: read as ${bits} bits, so that ${white} is white`);
  return white;
}

/** The bits of a camera that values up to `most` need; undefined if there is no such camera. */
export function cameraBits(most: number): number | undefined {
  return CAMERA_BITS.find((each) => most < 2 ** each);
}

function survey(data: NpyArray["data"], what: string): Values {
  let [least, most, above0, above1, above255, sumAbove, sumBelow] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!Number.isFinite(value)) throw new DataError(`${what} has the value ${value}: intensities are finite numbers`);
    if (value > 0) {
      above0++;
      sumAbove += value;
      if (value > 1) above1++;
      if (value > 255) above255++;
      if (value > most) most = value;
    } else if (value < 0) {
      sumBelow -= value;
      if (value < least) least = value;
    }
  }
  return { least, most, above0, above1, above255, sumAbove, sumBelow };
}

/** The level 0..255 of a value; values beyond black and white are clipped. */
export function levelOf(value: number, white: number): number {
  return Math.min(255, Math.max(0, Math.round((value * 255) / white)));
}
