/**
 * The state of training and its gradients in one WebAssembly memory: onnxruntime reads the parameters from it and writes
 * the gradients into it, and the update changes the state where it lies.
 */

import { eachPart, type NamedTensorData, type TensorData, type TrainingState } from "@air-onnx/trainer";
import { KERNEL_ALIGNMENT, type UpdatePlaces } from "../optimizer/adam-kernel.js";
import { type WasmMemory, webAssembly } from "../optimizer/web-assembly.js";

/** Bytes of a page of WebAssembly memory. */
const PAGE = 65536;
/** Largest WebAssembly memory, in pages. */
const MOST_PAGES = 65536;
/** Multiple of bytes at which tensors begin: a line of the processor's cache. */
const LINE = 4 * KERNEL_ALIGNMENT;

/** The memory, and the tensors in it. */
export interface StateMemory {
  /** The memory itself; it does not grow. */
  readonly memory: WasmMemory;
  /** The state: views of the memory. */
  readonly state: TrainingState;
  /** Gradients by the names of the parameters: views of the memory, first zeros. */
  readonly gradients: NamedTensorData;
  /** Addresses of each parameter's tensors. */
  readonly places: ReadonlyMap<string, UpdatePlaces>;
}

/**
 * Allocates the memory and copies `start` into it.
 *
 * @throws {RangeError} if there are more parameters than such a memory can hold: 256 million
 */
export function allocateState(start: TrainingState): StateMemory {
  const sizes = Object.entries(start.parameters).map(([name, { data }]) => [name, padded(data.byteLength)] as const);
  const part = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  const pages = Math.ceil((4 * part) / PAGE);
  if (pages > MOST_PAGES) {
    const parameters = Object.values(start.parameters).reduce((sum, { data }) => sum + data.length, 0);
    throw new RangeError(
      `The model has ${parameters.toLocaleString("en")} parameters; training in place takes at most ` +
        `${((MOST_PAGES * PAGE) / 16).toLocaleString("en")}: make its layers smaller`,
    );
  }
  const memory = new webAssembly.Memory({ initial: pages, maximum: pages });
  const places = new Map<string, UpdatePlaces>();
  let offset = 0;
  for (const [name, bytes] of sizes) {
    const [parameter, first, second, gradient] = [0, 1, 2, 3].map((index) => index * part + offset) as [
      number,
      number,
      number,
      number,
    ];
    places.set(name, { parameter, first, second, gradient, bytes });
    offset += bytes;
  }
  const view = (name: string, { shape, data }: TensorData, tensor: keyof UpdatePlaces): TensorData => ({
    shape,
    data: new Float32Array(memory.buffer, places.get(name)![tensor], data.length),
  });
  const views = (tensor: keyof UpdatePlaces): NamedTensorData =>
    Object.fromEntries(Object.entries(start.parameters).map(([name, like]) => [name, view(name, like, tensor)]));
  const state: TrainingState = {
    parameters: views("parameter"),
    firstMoment: views("first"),
    secondMoment: views("second"),
  };
  eachPart((name) => {
    for (const [key, { data }] of Object.entries(start[name])) state[name][key]!.data.set(data);
  });
  return { memory, state, gradients: views("gradient"), places };
}

const padded = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;
