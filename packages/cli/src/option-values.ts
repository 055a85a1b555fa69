/** Parsers of the values of flags. Their errors state the allowed range; commander adds the flag's name. */
import { InvalidArgumentError } from "commander";

/** Makes a parser of whole numbers from `least` to `most`. */
export function integerFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return (text) => {
    const value = Number(text.replaceAll("_", ""));
    if (/^[+-]?\d[\d_]*$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** Makes a parser of numbers above `bound`, and below `end` if it is given. */
export function numberAbove(bound: number, end = Number.POSITIVE_INFINITY): (text: string) => number {
  const range = end === Number.POSITIVE_INFINITY ? `above ${bound}` : `between ${bound} and ${end}, both excluded`;
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value > bound && value < end) return value;
    throw new InvalidArgumentError(`It must be a number ${range}.`);
  };
}

/** Makes a parser of numbers from `least` to `most`. */
export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

/** Parser of the scale of pictures, in the range `fitScaleRange` of @air-onnx/core. */
export const fitScale = numberFrom(1 / 64, 16);

/** Makes a parser of lists of numbers from `least` to `most`, with commas between them. */
export function numbersFrom(least: number, most: number): (text: string) => number[] {
  return (text) => {
    const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (values.every((value) => value >= least && value <= most)) return values;
    throw new InvalidArgumentError(`It must be numbers from ${least} to ${most} with commas between them.`);
  };
}

/** The flag for an option of the data sets, such as `--max-count` for `maxCount`; undefined if there is none. */
export function flagOfChoice(key: string): string | undefined {
  if (key === "imageSize") return undefined;
  const name = { seed: "dataSeed", streamSeed: "seed", path: "data" }[key] ?? key;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
