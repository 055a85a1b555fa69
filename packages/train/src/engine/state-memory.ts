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
  /** Addresses of each parameter's tensors. The parameters begin at 0, and each kind of tensor has the order of the parameters. */
  readonly places: ReadonlyMap<string, UpdatePlaces>;
  /** All parameters in one view, with what is between them; a parameter begins there where it does in the memory. */
  readonly allParameters: Float32Array<ArrayBuffer>;
  /** Address of the first gradient; the others follow. */
  readonly gradientsAddress: number;
  /** Bytes of all tensors of a kind. */
  readonly kindBytes: number;
  /** Room for gradients of another part of the batch, laid out alike: its address, and a view; undefined unless asked for. */
  readonly incoming: { readonly address: number; readonly data: Float32Array<ArrayBuffer> } | undefined;
}

/**
 * Allocates the memory and copies `start` into it.
 *
 * @param options `incoming`: whether to have room for the gradients of another part of the batch, too
 * @throws {RangeError} if there are more parameters than such a memory can hold: 256 million, or 204 with that room
 */
export function allocateState(
  start: TrainingState,
  { incoming = false }: { readonly incoming?: boolean } = {},
): StateMemory {
  const sizes = Object.entries(start.parameters).map(([name, { data }]) => [name, padded(data.byteLength)] as const);
  const kindBytes = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  const kinds = incoming ? 5 : 4;
  const pages = Math.ceil((kinds * kindBytes) / PAGE);
  if (pages > MOST_PAGES) {
    const parameters = Object.values(start.parameters).reduce((sum, { data }) => sum + data.length, 0);
    throw new RangeError(
      `The model has ${parameters.toLocaleString("en")} parameters; training in place takes at most ` +
        `${Math.floor((MOST_PAGES * PAGE) / (4 * kinds)).toLocaleString("en")}: make its layers smaller`,
    );
  }
  const memory = new webAssembly.Memory({ initial: pages, maximum: pages });
  const places = new Map<string, UpdatePlaces>();
  let offset = 0;
  for (const [name, bytes] of sizes) {
    const [parameter, first, second, gradient] = [0, 1, 2, 3].map((index) => index * kindBytes + offset) as [
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
  const whole = (kind: number) => new Float32Array(memory.buffer, kind * kindBytes, kindBytes / 4);
  return {
    memory,
    state,
    gradients: views("gradient"),
    places,
    gradientsAddress: 3 * kindBytes,
    kindBytes,
    allParameters: whole(0),
    incoming: incoming ? { address: 4 * kindBytes, data: whole(4) } : undefined,
  };
}

const padded = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;
