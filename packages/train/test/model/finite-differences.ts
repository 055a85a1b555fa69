import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";

/**
 * Asserts that the gradient of `f` with respect to each input equals central differences. They are taken along the
 * gradient, along its even elements and along its odd elements: the directional derivative must equal the norm of that
 * part. Along such directions the differences exceed float32's rounding, which differences of single elements do not.
 * One of several step lengths must agree: long steps may cross a kink of the function, and short ones are lost in
 * rounding.
 *
 * @param f a scalar function of the inputs
 * @param moves lengths of the step to each side
 * @param tolerance relative to the norm of the whole gradient
 */
export function expectGradients(
  f: (...inputs: tf.Tensor[]) => tf.Scalar,
  inputs: Record<string, tf.Tensor>,
  { moves = [1e-2, 3e-3, 1e-3], tolerance = 1e-2 } = {},
): void {
  const tensors = Object.values(inputs);
  const gradients = tf.grads(f)(tensors);
  for (const [i, name] of Object.keys(inputs).entries()) {
    const gradient = gradients[i]!.dataSync();
    const values = tensors[i]!.dataSync();
    const total = Math.hypot(...gradient);
    expect(total, `gradient in ${name}`).toBeGreaterThan(0);
    const parts = {
      all: gradient,
      even: gradient.map((value, k) => (k % 2 === 0 ? value : 0)),
      odd: gradient.map((value, k) => (k % 2 === 1 ? value : 0)),
    };
    for (const [part, direction] of Object.entries(parts)) {
      const length = Math.hypot(...direction);
      if (length === 0) continue;
      const at = (shift: number): number => {
        const moved = values.map((value, k) => value + (shift * direction[k]!) / length);
        const args = tensors.map((tensor, j) => (j === i ? tf.tensor(moved, tensor.shape) : tensor));
        return tf.tidy(() => f(...args)).dataSync()[0]!;
      };
      const slopes: number[] = [];
      const agrees = moves.some((move) => {
        const slope = (at(move) - at(-move)) / (2 * move);
        slopes.push(slope);
        return Math.abs(slope - length) <= tolerance * total;
      });
      if (!agrees) expect.fail(`${name}, ${part} elements: gradient ${length}, slopes ${slopes} (all: ${total})`);
    }
  }
}
