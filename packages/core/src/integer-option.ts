/** Checks of the integers that callers pass as options. */

/** @throws {RangeError} naming the option, unless `value` is an integer of at least `least`. */
export function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`${name} must be an integer of at least ${least}, got ${value}`);
}
