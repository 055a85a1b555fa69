/**
 * The form of a lowering: how one tfjs kernel is written in ONNX operators.
 */
import type { GraphBuilder } from "../graph/builder.js";
import type { Operand } from "../graph/operand.js";
import type { Operator } from "../onnx/operators.js";

/** The tensors with which a kernel is called. */
export class KernelInputs {
  readonly #kernel: string;
  readonly #operands: Readonly<Record<string, Operand | undefined>>;

  constructor(kernel: string, operands: Readonly<Record<string, Operand | undefined>>) {
    this.#kernel = kernel;
    this.#operands = operands;
  }

  /**
   * The input that tfjs calls `name`.
   *
   * @throws {Error} if it was not given
   */
  get(name: string): Operand {
    const found = this.#operands[name];
    if (!found) throw new Error(`Kernel ${this.#kernel} was called without its input ${name}`);
    return found;
  }

  /** The input that tfjs calls `name`, or undefined if it was not given. */
  optional(name: string): Operand | undefined {
    return this.#operands[name];
  }

  /** All inputs in order, for kernels that take a list. */
  list(): Operand[] {
    return Object.values(this.#operands).filter((x) => x !== undefined);
  }
}

/** One call of a kernel: its tensors, its attributes as tfjs gives them, and the graph to write to. */
export interface KernelCall<Attributes> {
  readonly inputs: KernelInputs;
  readonly attributes: Attributes;
  readonly graph: GraphBuilder;
}

/** The translation of one tfjs kernel to ONNX operators. */
export interface Lowering {
  /** The tfjs kernel's registered name. */
  readonly kernel: string;
  /**
   * The ONNX operators that it may write. Any lowering may also write those that convert an operand:
   * {@link conversionOperators}.
   */
  readonly operators: readonly Operator[];
  lower(call: KernelCall<unknown>): Operand | readonly Operand[];
}

/** The operators that change an operand's type or shape to what another operator needs. */
export const conversionOperators = ["Cast", "Expand", "Reshape"] as const satisfies readonly Operator[];

/** A lowering whose kernel has the attributes `Attributes`, an interface that tfjs exports. */
export function lowering<Attributes = object>(
  kernel: string,
  operators: readonly Operator[],
  lower: (call: KernelCall<Attributes>) => Operand | readonly Operand[],
): Lowering {
  return { kernel, operators, lower: (call) => lower(call as KernelCall<Attributes>) };
}
