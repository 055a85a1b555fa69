import type * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";

/** Asserts equal shapes, and |actual - expected| ≤ tolerance · (the largest |expected|) everywhere. */
export function expectClose(actual: tf.Tensor, expected: tf.Tensor, tolerance: number, what: string): void {
  expect(actual.shape, `shape of ${what}`).toEqual(expected.shape);
  const a = actual.dataSync<"float32">();
  const e = expected.dataSync<"float32">();
  const scale = e.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  a.forEach((value, i) => {
    const error = Math.abs(value - e[i]!);
    // NaN compares as false, so it fails.
    if (!(error <= tolerance * scale)) {
      expect.fail(`${what}[${i}]: expected ${e[i]}, got ${value}; allowed is ${tolerance * scale}`);
    }
  });
}
