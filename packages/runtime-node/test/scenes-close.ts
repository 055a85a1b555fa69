import { expect } from "vitest";

/** Expects the same data with numbers that differ by at most `tolerance`, and by that share of those above 1. */
export function expectClose(actual: unknown, expected: unknown, tolerance = 1e-5, path = ""): void {
  if (typeof expected === "number" && typeof actual === "number") {
    if (Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected))) return;
    expect.fail(`${path} is ${actual}, expected ${expected}`);
  }
  if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null) {
    expect(actual, path).toEqual(expected);
    return;
  }
  expect(Object.keys(actual), path).toEqual(Object.keys(expected));
  const values = Object.entries(expected);
  for (const [key, value] of values) {
    expectClose((actual as Record<string, unknown>)[key], value, tolerance, `${path}.${key}`);
  }
}
