/**
 * `base` with the settings of `top` in their place, object by object; lists are replaced whole. Of a union, a member of
 * another `type` replaces the one below it whole, as settings of one type mean nothing to another.
 *
 * @param top undefined, or a setting in it that is undefined, leaves what is below
 */
export function overlay(base: unknown, top: unknown): unknown {
  if (top === undefined) return base;
  if (!isRecord(base) || !isRecord(top)) return top;
  if (base.type !== undefined && top.type !== undefined && base.type !== top.type) return top;
  const keys = new Set([...Object.keys(base), ...Object.keys(top)]);
  return Object.fromEntries([...keys].map((key) => [key, overlay(base[key], top[key])]));
}

/** Whether `value` is an object that is no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
