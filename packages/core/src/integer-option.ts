/** Checks of the integers that callers pass as options. */

/**
 * Checks that an option is an integer of at least `least`.
 *
 * @throws {RangeError} otherwise; the message names the option
 */
export function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`${name} must be an integer of at least ${least}, got ${value}`);
}
