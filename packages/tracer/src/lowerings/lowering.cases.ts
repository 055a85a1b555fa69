/**
 * The form of a lowering's test case: a tfjs function, the tensors to call it with, and what is expected of its graph.
 * Cases are data, kept beside the lowerings; one test replays them all against the tfjs cpu backend.
 */
import type * as tf from "@tensorflow/tfjs";
import { BATCH } from "../inputs.js";

export { BATCH };

/** An input of a case; `"batch"` in its shape makes the case symbolic: it is replayed at several batch sizes. */
export interface CaseInput {
  readonly shape: readonly (number | typeof BATCH)[];
  readonly dtype: "float32" | "int32" | "bool";
  /** Smallest and largest of the pseudo-random values, for numbers. */
  readonly range: readonly [number, number];
  /** The values themselves, instead of random ones. */
  readonly values?: readonly number[];
}

export interface LoweringCase {
  /** The kernel that the case is about, and must reach. */
  readonly kernel: string;
  /** What is special about this case. */
  readonly about: string;
  readonly inputs: readonly CaseInput[];
  readonly run: (...tensors: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
  /** Whether the gradient by every float input is compared too. */
  readonly gradient?: boolean;
  /** The forward graph's ONNX operators in order, where its structure is a promise; none where it costs nothing. */
  readonly expect?: readonly string[];
  /** Largest difference from tfjs, absolute or relative to the largest element. Default 1e-5. */
  readonly tolerance?: number;
}

type Dims = CaseInput["shape"];

/** Floats between `low` and `high`. */
export const floats = (shape: Dims, low = -2, high = 2): CaseInput => ({ shape, dtype: "float32", range: [low, high] });
/** Integers from `low` to `high`, both included. */
export const integers = (shape: Dims, low = -5, high = 5): CaseInput => ({ shape, dtype: "int32", range: [low, high] });
/** Truth values. */
export const truths = (shape: Dims): CaseInput => ({ shape, dtype: "bool", range: [0, 1] });
/** These very values. */
export const given = (shape: Dims, values: readonly number[], dtype: CaseInput["dtype"] = "float32"): CaseInput => ({
  shape,
  dtype,
  range: [0, 0],
  values,
});
