/**
 * How a model stores its weights. Everything is computed in float32 in either case: nodes of constants alone make float32
 * numbers of the stored ones, which engines do once, when they open the graph.
 */
import {
  halfValue,
  type ModelProto,
  type NodeProto,
  roundToFloat16,
  storedDataType,
  type TensorProto,
  tensorDataType,
  toFloat16,
} from "@air-onnx/tracer";
import type { NamedTensorData, TensorData } from "@air-onnx/train";
import { attributeOf, attributeProto, bytesOf, constantTensor } from "./onnx-parts.js";

/**
 * Types in which weights can be stored. `float16`: the nearest half of each, half as large. `int8`: matrices and
 * convolutions as integers of 8 bits times one scale for each output, a quarter as large; vectors stay float32.
 */
export const weightTypes = ["float32", "float16", "int8"] as const;
/** Type in which weights are stored; see {@link weightTypes}. */
export type WeightType = (typeof weightTypes)[number];

/** Largest magnitude of a stored integer. */
const LARGEST_INTEGER = 127;
/** Weights with fewer dimensions are no matrices. */
const MATRIX_RANK = 2;

/**
 * The parameters as an export with `weights` stores them. Measure and compare an export with these.
 *
 * @returns for `float32` the parameters themselves, otherwise new ones that are rounded
 * @throws {RangeError} if a parameter is not finite, or too large for `weights`
 */
export function roundWeights(parameters: NamedTensorData, weights: WeightType): NamedTensorData {
  if (weights === "float32") return parameters;
  const rounded = ({ shape, data }: TensorData): TensorData => {
    if (weights === "float16") return { shape, data: roundToFloat16(data) };
    return shape.length < MATRIX_RANK ? { shape, data } : { shape, data: valuesOf(quantized(shape, data)) };
  };
  return Object.fromEntries(Object.entries(parameters).map(([name, each]) => [name, rounded(each)]));
}

/** A weight as integers times the scale of their column, the last dimension. */
interface Quantized {
  readonly integers: Int8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * Quantizes a weight. Rounding what was rounded before changes nothing, because scales have 16 significant bits: their
 * products with integers of 7 bits are exact in float32.
 *
 * @throws {RangeError} if a value is not finite
 */
function quantized(shape: readonly number[], data: Float32Array): Quantized {
  const columns = shape.at(-1)!;
  const scales = new Float32Array(columns);
  for (let i = 0; i < data.length; i++) {
    const magnitude = Math.abs(data[i]!);
    if (!Number.isFinite(magnitude)) throw new RangeError(`${data[i]} cannot be stored as an 8-bit integer`);
    if (magnitude > scales[i % columns]!) scales[i % columns] = magnitude;
  }
  for (let column = 0; column < columns; column++) scales[column] = shortened(scales[column]! / LARGEST_INTEGER);
  const integers = Int8Array.from(data, (value, i) => {
    const scale = scales[i % columns]!;
    return scale === 0 ? 0 : Math.max(-LARGEST_INTEGER, Math.min(LARGEST_INTEGER, Math.round(value / scale)));
  });
  return { integers, scales };
}

/** The least number of 16 significant bits that is not below `value`, but for what float32 rounds off. */
function shortened(value: number): number {
  const single = Math.fround(value);
  const bits = new Uint32Array(Float32Array.of(single).buffer);
  bits[0] = (bits[0]! + 0x7f) & ~0xff;
  const below = new Float32Array(bits.buffer)[0]!;
  if (below >= single) return below;
  bits[0]! += 0x100;
  return new Float32Array(bits.buffer)[0]!;
}

function valuesOf({ integers, scales }: Quantized): Float32Array<ArrayBuffer> {
  return Float32Array.from(integers, (value, i) => value * scales[i % scales.length]!);
}

/**
 * The same model with its weights as float32 constants, and the names of those that were stored as another type. */
export function withPlainWeights(model: ModelProto): { readonly model: ModelProto; readonly weights: string[] } {
  const { graph } = model;
  const constants = new Map((graph.initializer ?? []).map((tensor) => [tensor.name, tensor]));
  const converted: string[] = [];
  const node: NodeProto[] = [];
  for (const each of graph.node ?? []) {
    const [output = ""] = each.output;
    const inputs = (each.input ?? []).map((name) => constants.get(name));
    const plain = plainWeight(each, inputs);
    if (plain === undefined) {
      node.push(each);
      continue;
    }
    for (const name of each.input) constants.delete(name);
    constants.set(output, constantTensor(output, "float32", plain.shape, bytesOf(plain.data)));
    converted.push(output);
  }
  const weights = converted.filter((name) => constants.has(name));
  return { model: { ...model, graph: { ...graph, node, initializer: [...constants.values()] } }, weights };
}

/** What a node makes of a stored weight; undefined for any other node. */
function plainWeight(node: NodeProto, inputs: readonly (TensorProto | undefined)[]): TensorData | undefined {
  const [first, second] = inputs;
  if (first === undefined) return undefined;
  const toFloat = node.opType === "Cast" && attributeOf(node, "to")?.i === tensorDataType.float32;
  if (toFloat && first.dataType === storedDataType.float16) {
    return { shape: first.dims, data: Float32Array.from(arrayOf(first, Uint16Array), halfValue) };
  }
  if (toFloat && first.dataType === storedDataType.int8) {
    return { shape: first.dims, data: Float32Array.from(arrayOf(first, Int8Array)) };
  }
  // The scales of integers, which were converted just before.
  const isScaled = node.opType === "Mul" && second !== undefined && node.name.endsWith(SCALED);
  if (!isScaled) return undefined;
  const [integers, scales] = [arrayOf(first, Float32Array), arrayOf(second, Float32Array)];
  return { shape: first.dims, data: integers.map((value, i) => value * scales[i % scales.length]!) };
}

/** The values of a constant, copied: a view must begin at a multiple of the size of a number. */
function arrayOf<Values>({ rawData }: TensorProto, view: new (buffer: ArrayBuffer) => Values): Values {
  return new view(Uint8Array.from(rawData).buffer);
}

/** End of the names of nodes that multiply stored integers by their scales. */
const SCALED = "/scaled";

/**
 * The same model with its weights stored as `weights`.
 *
 * @param model a model whose weights are float32 constants
 * @param isWeight tells the names of weights from those of other constants
 * @throws {RangeError} naming the weight, if a value is not finite, or too large for `weights`
 */
export function withStoredWeights(
  model: ModelProto,
  weights: WeightType,
  isWeight: (name: string) => boolean,
): ModelProto {
  if (weights === "float32") return model;
  const node: NodeProto[] = [];
  const initializer: TensorProto[] = [];
  for (const tensor of model.graph.initializer ?? []) {
    const stored = isWeight(tensor.name) && tensor.dataType === tensorDataType.float32 && storedWeight(tensor, weights);
    if (!stored) {
      initializer.push(tensor);
      continue;
    }
    node.push(...stored.node);
    initializer.push(...stored.initializer);
  }
  const { graph } = model;
  return { ...model, graph: { ...graph, node: [...node, ...(graph.node ?? [])], initializer } };
}

type Stored = Record<"node", NodeProto[]> & Record<"initializer", TensorProto[]>;

/** The constants and nodes that make a weight; undefined if it is stored as it is. */
function storedWeight(tensor: TensorProto, weights: Exclude<WeightType, "float32">): Stored | undefined {
  const { name, dims = [] } = tensor;
  const data = arrayOf(tensor, Float32Array);
  const cast = (input: string, output: string): NodeProto => ({
    opType: "Cast",
    name: `${name}/Cast`,
    input: [input],
    output: [output],
    attribute: [attributeProto("to", tensorDataType.float32)],
  });
  try {
    if (weights === "float16") {
      const half = `${name}_float16`;
      const constant = { name: half, dims, dataType: storedDataType.float16, rawData: bytesOf(toFloat16(data)) };
      return { node: [cast(half, name)], initializer: [constant] };
    }
    if (dims.length < MATRIX_RANK) return undefined;
    const { integers, scales } = quantized(dims, data);
    const [stored, numbers, scale] = [`${name}_int8`, `${name}_integers`, `${name}_scale`];
    const scaled = { opType: "Mul", name: `${name}${SCALED}`, input: [numbers, scale], output: [name], attribute: [] };
    return {
      node: [cast(stored, numbers), scaled],
      initializer: [
        { name: stored, dims, dataType: storedDataType.int8, rawData: bytesOf(integers) },
        constantTensor(scale, "float32", [scales.length], bytesOf(scales)),
      ],
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`The weight ${name} cannot be stored as ${weights}: ${reason}`, { cause });
  }
}
