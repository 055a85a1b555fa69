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

/** One call of a tfjs kernel, to be written in ONNX operators. */
export interface KernelCall<Attributes> {
  /** Tensors that the kernel gets. */
  readonly inputs: KernelInputs;
  /** Attributes as tfjs gives them. */
  readonly attributes: Attributes;
  /** Graph to write the nodes to. */
  readonly graph: GraphBuilder;
}

/** The translation of one tfjs kernel to ONNX operators. */
export interface Lowering {
  /** The tfjs kernel's registered name. */
  readonly kernel: string;
  /**
   * ONNX operators that the lowering may write. Every lowering may also write the operators that convert an operand:
   * `Cast`, `Expand` and `Reshape`.
   */
  readonly operators: readonly Operator[];
  /** Writes the nodes of one call and returns the kernel's result or results. */
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
