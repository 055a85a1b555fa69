import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";

/**
 * Asserts that the gradient of `f` in each input is its slope: along the gradient, and along the parts of it in even and
 * in odd elements, the central difference must be the length of that part. One direction through all elements stands
 * out of float32's rounding where a single element would not. One of several moves must agree: long ones may cross a
 * kink of the function, short ones drown in rounding.
 *
 * @param f a scalar function of the inputs
 * @param moves lengths of the move in either direction
 * @param tolerance relative to the length of the whole gradient
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
