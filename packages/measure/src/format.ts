/** Formats numbers and tables for people. This module imports nothing slow to load, because `air-onnx --help` uses it. */
export { type MarkdownTable, markdownTable } from "./markdown-table.js";

/** The unit of a number. Nats are means per image, a share is from 0 to 1, an IoU is an intersection over union. */
export type Unit = "nats" | "share" | "count" | "IoU" | "number";

interface UnitForm {
  /** Text after the number; empty where there is none. */
  readonly symbol: string;
  /** Factor between the number and what is written: 100 for a share, written in %. */
  readonly scale: number;
  /** Default number of digits after the decimal point. */
  readonly digits: number;
}

const units: Readonly<Record<Unit, UnitForm>> = {
  nats: { symbol: "nats", scale: 1, digits: 2 },
  share: { symbol: "%", scale: 100, digits: 2 },
  count: { symbol: "", scale: 1, digits: 0 },
  IoU: { symbol: "", scale: 1, digits: 3 },
  number: { symbol: "", scale: 1, digits: 3 },
};

/** The symbol of a unit: `%`, `nats` or nothing. */
export function unitSymbol(unit: Unit): string {
  return units[unit].symbol;
}

/** Formats a number without its unit, as in a column whose head names the unit: a share of 0.974 is `97.40`. */
export function withoutUnit(value: number, unit: Unit, digits = units[unit].digits): string {
  return unit === "count" ? count(value) : (units[unit].scale * value).toFixed(digits);
}

/** Formats a number with its unit: `615.20 nats`, `97.40 %`, `10,000`, `0.657`. */
export function inUnit(value: number, unit: Unit, digits?: number): string {
  return `${withoutUnit(value, unit, digits)} ${unitSymbol(unit)}`.trimEnd();
}

/** Formats a whole number: `10,000`. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** Formats a share as a percentage: 0.974 is `97.4 %`. */
export function percent(share: number, digits = 1): string {
  return inUnit(share, "share", digits);
}

/** Formats a number whose unit is not known, to a number of significant digits. */
export function plain(value: number, significantDigits = 6): string {
  return value.toLocaleString("en", { maximumSignificantDigits: significantDigits });
}

/** Formats a time: `4.2 s`, `42 s`, `3:07 min`, `1:03:07 h`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  const part = (value: number): string => String(value).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${part(whole % 60)} min`;
  return `${Math.floor(minutes / 60)}:${part(minutes % 60)}:${part(whole % 60)} h`;
}
