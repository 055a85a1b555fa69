/**
 * What a traced function is called with: the inputs that the graph will be fed, and the weights that it will hold.
 */
import type { Shape } from "./graph/ir.js";

/** The one symbolic dimension a traced graph may have. */
export const BATCH = "batch";

/** An input of a traced function. */
export interface InputSpec {
  /** Sizes; `"batch"` marks the symbolic dimension, in at most one place of each input. */
  readonly shape: readonly (number | typeof BATCH)[];
  /** Default float32. */
  readonly dtype?: "float32" | "int32" | "bool";
}

/** A constant of a traced function that keeps its name in the model. */
export interface Weight {
  /** Sizes of its dimensions. */
  readonly shape: readonly number[];
  /** Values in row-major order. They set the type: float32, int32, or bool for a Uint8Array. */
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** The description of an input or weight is wrong. */
export class TraceInputError extends Error {
  override name = "TraceInputError";
  constructor(
    /** The name of the input or weight. */
    readonly input: string,
    reason: string,
  ) {
    super(reason);
  }
}

const DTYPES: readonly unknown[] = ["float32", "int32", "bool"];

/** @throws {TraceInputError} if a size, a type, a name or the number of a weight's values is wrong */
export function checkInputs(
  inputs: Readonly<Record<string, InputSpec>>,
  weights: Readonly<Record<string, Weight>>,
): void {
  for (const [name, { shape, dtype = "float32" }] of Object.entries(inputs)) {
    checkName(name, "input");
    checkShape(name, "input", shape, [BATCH]);
    if (shape.filter((dim) => dim === BATCH).length > 1) {
      throw new TraceInputError(name, `The shape of input ${name} has the dimension "${BATCH}" twice: fix one of them`);
    }
    if (!DTYPES.includes(dtype)) {
      throw new TraceInputError(name, `Input ${name} has type ${dtype}: a graph's inputs are float32, int32 or bool`);
    }
  }
  for (const [name, { shape, data }] of Object.entries(weights)) {
    checkName(name, "weight");
    if (name in inputs) throw new TraceInputError(name, `${name} is the name of both an input and a weight`);
    checkShape(name, "weight", shape, []);
    if (!(data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array)) {
      throw new TraceInputError(name, `The data of weight ${name} is no Float32Array, Int32Array or Uint8Array`);
    }
    const size = (shape as Shape).reduce((product, dim) => product * dim, 1);
    if (data.length !== size) {
      throw new TraceInputError(
        name,
        `Weight ${name} of shape [${shape}] needs ${size} values, its data has ${data.length}`,
      );
    }
  }
}

/** An empty name stands for an absent input in ONNX. */
function checkName(name: string, kind: string): void {
  if (name === "") throw new TraceInputError(name, `An ${kind} has the empty name: give it another`);
}

function checkShape(name: string, kind: string, shape: unknown, symbols: readonly unknown[]): void {
  if (!Array.isArray(shape)) {
    throw new TraceInputError(name, `The shape of ${kind} ${name} is no array of sizes, but ${String(shape)}`);
  }
  // Not forEach, which passes over the holes of a sparse array.
  for (let axis = 0; axis < shape.length; axis++) {
    const dim: unknown = shape[axis];
    if (symbols.includes(dim) || (Number.isSafeInteger(dim) && (dim as number) >= 0)) continue;
    const allowed = ["a whole number, 0 or more", ...symbols.map((symbol) => `"${symbol}" for any size`)].join(", or ");
    throw new TraceInputError(
      name,
      `Dimension ${axis} of ${kind} ${name} is ${typeof dim === "string" ? `"${dim}"` : String(dim)}: ` +
        `a dimension is ${allowed}`,
    );
  }
}
