/**
 * Adam as one loop of WebAssembly over parameters, moments and gradients that lie in one memory. A graph of onnxruntime
 * goes over them eleven times, once for each operation, and writes every result to new memory; the loop reads and writes
 * each number once. It computes what `adamUpdate` computes, to the last bit.
 */
import { adamKernelCode } from "./adam-kernel-code.js";
import { type WasmMemory, webAssembly } from "./web-assembly.js";

/** Multiple of bytes that the tensors of an update take. */
export const KERNEL_ALIGNMENT = 16;

/** Where the tensors of one parameter lie: addresses in bytes, multiples of {@link KERNEL_ALIGNMENT}. */
export interface UpdatePlaces {
  /** The parameter, replaced by its next value. */
  readonly parameter: number;
  /** Its first moment, replaced. */
  readonly first: number;
  /** Its second moment, replaced. */
  readonly second: number;
  /** Its gradient, read. */
  readonly gradient: number;
  /** Length of each of them, a multiple of {@link KERNEL_ALIGNMENT}. */
  readonly bytes: number;
}

/** The numbers of one update. */
export interface UpdateNumbers {
  /** Factor of the gradient. */
  readonly clip: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Factor of the direction, see `kernelScalars`. */
  readonly step: number;
  /** Added to the root of the second moment, see `kernelScalars`. */
  readonly epsilon: number;
}

/** Loops over tensors that lie in one memory. Addresses and lengths are multiples of {@link KERNEL_ALIGNMENT}. */
export interface StateKernels {
  /** Updates one parameter in place. */
  update(places: UpdatePlaces, numbers: UpdateNumbers): void;
  /** Adds the `bytes` bytes of numbers at `part` to those at `sum`. */
  add(sum: number, part: number, bytes: number): void;
  /** The sum of the squares of the `bytes` bytes of numbers at `numbers`, whose squares are within float32. */
  squares(numbers: number, bytes: number): number;
}

interface KernelExports extends Pick<StateKernels, "add" | "squares"> {
  update(
    ...args: [parameter: number, first: number, second: number, gradient: number, bytes: number, ...numbers: number[]]
  ): void;
}

/** The loops over tensors in `memory`. */
export function stateKernels(memory: WasmMemory): StateKernels {
  const module = new webAssembly.Module(Buffer.from(adamKernelCode, "base64"));
  const { update, add, squares } = new webAssembly.Instance(module, { air: { memory } })
    .exports as unknown as KernelExports;
  return {
    update: ({ parameter, first, second, gradient, bytes }, { clip, beta1, beta2, step, epsilon }) =>
      update(parameter, first, second, gradient, bytes, clip, beta1, beta2, step, epsilon),
    add,
    squares,
  };
}
