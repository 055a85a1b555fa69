/** Refuses options that a call does not have, such as mistyped ones, which would be ignored in silence. */
import { closestNames } from "./closest-names.js";

/** The names of all options of a call, so that the compiler keeps the list complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Checks that all options of a call are known.
 *
 * @param call name of the call, for the message
 * @throws {RangeError} naming the first option that is not known, and those that may have been meant
 */
export function requireKnownOptions<Options extends object>(
  call: string,
  options: Options,
  names: OptionNames<Options>,
): void {
  const known = Object.keys(names);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const closest = closestNames(unknown, known);
  const advice =
    closest.length > 0 ? `Did you mean ${closest.join(" or ")}?` : `There are: ${known.toSorted().join(", ")}`;
  throw new RangeError(`${call} has no option ${unknown}. ${advice}`);
}
