/**
 * Names the values of a traced graph, writes its nodes, and computes inside the graph what depends on the batch.
 */
import type { ConstantValue, Node, Value } from "../graph/ir.js";
import type { BatchFunction, BatchNumber } from "../graph/symbolic-batch.js";
import { BATCH } from "../inputs.js";
import type { Operator } from "../onnx/operators.js";
import { type GraphProto, type NodeProto, type OnnxDType, type TensorProto, tensorDataType } from "../onnx/schema.js";
import type { TracedGraph } from "../trace.js";
import {
  bareNode,
  bytesOf,
  constantTensor,
  dimensionName,
  encodeAttribute,
  float16Tensor,
  int64Tensor,
  tensorInfo,
} from "./protos.js";

/** The type in which named weights are stored. */
export type WeightType = "float32" | "float16";

export interface GraphEncoderOptions {
  /** Names that the graph around this one uses. */
  readonly reserved?: readonly string[];
  readonly weights?: WeightType | undefined;
}

/** Names the values of one graph and collects its initializers. */
export class GraphEncoder {
  readonly #traced: TracedGraph;
  readonly #weights: WeightType;
  readonly #names = new Map<Value, string>();
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #batchNumbers = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();

  constructor(traced: TracedGraph, { reserved = [], weights = "float32" }: GraphEncoderOptions = {}) {
    this.#traced = traced;
    this.#weights = weights;
    for (const name of Object.keys(traced.inputs)) this.#taken.add(name);
    for (const name of Object.keys(traced.graph.outputs)) this.#taken.add(name);
    for (const name of reserved) this.#taken.add(name);
  }

  graph(name: string): GraphProto {
    const { graph, inputs, batch } = this.#traced;
    for (const input of graph.inputs) this.#names.set(input, input.name);
    const aliases: [output: string, value: Value][] = [];
    for (const [output, value] of Object.entries(graph.outputs)) {
      if (value.kind === "result" && !this.#names.has(value)) this.#names.set(value, output);
      else aliases.push([output, value]);
    }
    for (const node of graph.nodes) this.#encodeNode(node);
    for (const [output, value] of aliases) {
      this.#nodes.push(bareNode("Identity", [this.nameOf(value)], [output]));
    }
    return {
      name,
      node: this.#nodes,
      initializer: this.#initializers,
      input: Object.entries(inputs).map(([input, { shape, dtype = "float32" }]) => tensorInfo(input, dtype, shape)),
      output: Object.entries(graph.outputs).map(([output, value]) =>
        tensorInfo(output, value.dtype, batch.outputShapes[output]!.map(dimensionName)),
      ),
    };
  }

  #encodeNode(node: Node): void {
    const inputs = node.inputs.map((input, i) => {
      if (input === undefined) return "";
      return node.op === "Reshape" && i === 1 ? this.#reshapeTarget(input) : this.nameOf(input);
    });
    while (inputs.at(-1) === "") inputs.pop();
    const outputs = node.outputs.map((output) => this.nameOf(output));
    this.#nodes.push({
      opType: node.op,
      name: this.fresh(`${node.kernel}/${node.op}`),
      input: inputs,
      output: outputs,
      attribute: Object.entries(node.attributes).map(([name, attribute]) => encodeAttribute(name, attribute)),
    });
  }

  /** The name of a value; call {@link graph} first. */
  nameOf(value: Value): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const name =
      value.kind === "constant"
        ? this.#constant(value)
        : this.fresh(value.kind === "input" ? value.name : value.node.op);
    this.#names.set(value, name);
    return name;
  }

  #constant(value: ConstantValue): string {
    const symbolic = this.#traced.batch.constants.get(value);
    if (symbolic) return this.#symbolicConstant(value, symbolic);
    const name = this.fresh(value.name ?? "constant");
    const isWeight = value.name !== undefined && value.dtype === "float32";
    if (isWeight && this.#weights === "float16") this.#storeAsHalf(name, value);
    else this.#initializers.push(constantTensor(name, value));
    return name;
  }

  /** Stores a weight as float16, and converts it to a float32 value called `name`. */
  #storeAsHalf(name: string, value: ConstantValue): void {
    const half = this.fresh(`${name}_float16`);
    this.#initializers.push(float16Tensor(half, value));
    this.#nodes.push({
      ...bareNode("Cast", [half], [name]),
      attribute: [encodeAttribute("to", { type: "int", value: tensorDataType.float32 })],
    });
  }

  /** A Reshape's target needs no arithmetic if one dimension alone depends on the batch: -1 means "the rest". */
  #reshapeTarget(value: Value): string {
    const symbolic = value.kind === "constant" ? this.#traced.batch.constants.get(value) : undefined;
    if (!symbolic) return this.nameOf(value);
    const dims = symbolic.map((dim) => (typeof dim === "number" ? dim : -1));
    if (dims.includes(0) || dims.filter((dim) => dim === -1).length > 1) return this.nameOf(value);
    const key = `reshape ${dims}`;
    let name = this.#batchNumbers.get(key);
    if (name === undefined) {
      name = this.fresh("shape");
      this.#batchNumbers.set(key, name);
      this.#initializers.push(int64Tensor(name, [dims.length], dims));
    }
    return name;
  }

  #symbolicConstant(value: ConstantValue, numbers: readonly BatchNumber[]): string {
    const { dtype, shape } = value;
    if (dtype === "int64") return this.#joined(numbers.map((number) => this.#batchDimension(number)));
    const scalars = numbers.map((number) =>
      typeof number === "number" ? this.#number(number, dtype) : this.#batchScalar(number, dtype),
    );
    if (shape.length === 0) return scalars[0]!;
    const joined = this.#joined(scalars.map((scalar) => this.#reshaped(scalar, [1])));
    return shape.length === 1 ? joined : this.#reshaped(joined, shape);
  }

  /** The name of the vector of all elements of `parts`. */
  #joined(parts: readonly string[]): string {
    if (parts.length === 1) return parts[0]!;
    const name = this.fresh("batch_vector");
    this.#nodes.push({
      ...bareNode("Concat", [...parts], [name]),
      attribute: [encodeAttribute("axis", { type: "int", value: 0 })],
    });
    return name;
  }

  #reshaped(value: string, shape: readonly number[]): string {
    return this.#once(`${value} as [${shape}]`, (name) => {
      this.#nodes.push(bareNode("Reshape", [value, this.#int64(shape)], [name]));
    });
  }

  /** The name of an int64 tensor `[1]` that holds `number`. */
  #batchDimension(number: BatchNumber): string {
    if (typeof number === "number") return this.#int64([number]);
    if (number.form === "reciprocal" || !Number.isInteger(number.slope) || !Number.isInteger(number.offset)) {
      throw new Error("A shape depends on the batch by a fraction, which ONNX shapes cannot");
    }
    const { slope, offset } = number;
    return this.#onceNamed(`${slope}B+${offset}`, () => {
      let current = this.#batchSize();
      if (slope !== 1) current = this.#arithmetic("Mul", current, this.#int64([slope]));
      if (offset !== 0) current = this.#arithmetic("Add", current, this.#int64([offset]));
      return current;
    });
  }

  /** The name of a scalar of `dtype` that holds the function of the batch. */
  #batchScalar(number: BatchFunction, dtype: OnnxDType): string {
    return this.#onceNamed(`${dtype} ${JSON.stringify(number)}`, () => {
      const size = this.fresh("batch_size_scalar");
      this.#nodes.push(bareNode("Reshape", [this.#batchSize(), this.#int64([])], [size]));
      let current = this.fresh("batch_size_cast");
      this.#nodes.push({
        ...bareNode("Cast", [size], [current]),
        attribute: [encodeAttribute("to", { type: "int", value: tensorDataType[dtype] })],
      });
      if (number.form === "reciprocal") current = this.#arithmetic("Div", this.#number(number.slope, dtype), current);
      else {
        if (number.slope !== 1) current = this.#arithmetic("Mul", current, this.#number(number.slope, dtype));
        if (number.offset !== 0) current = this.#arithmetic("Add", current, this.#number(number.offset, dtype));
      }
      return current;
    });
  }

  #arithmetic(op: Operator, a: string, b: string): string {
    const name = this.fresh(op);
    this.#nodes.push(bareNode(op, [a, b], [name]));
    return name;
  }

  /** The name of an int64 tensor `[1]` that holds the size of the batch that was fed. */
  #batchSize(): string {
    return this.#once("B", (name) => {
      const source = Object.entries(this.#traced.inputs).find(([, { shape }]) => shape.includes(BATCH));
      if (!source) throw new Error("No input has a batch dimension");
      const axis = source[1].shape.indexOf(BATCH);
      // Not `start` and `end` of Shape: onnxruntime's symbolic shape inference takes no notice of them.
      const shape = this.fresh("batch_shape");
      this.#nodes.push(
        bareNode("Shape", [source[0]], [shape]),
        bareNode("Gather", [shape, this.#int64([axis])], [name]),
      );
    });
  }

  #int64(values: readonly number[]): string {
    return this.#once(`int64 [${values}]`, (name) => {
      this.#initializers.push(int64Tensor(name, [values.length], values));
    });
  }

  #number(value: number, dtype: OnnxDType): string {
    return this.#once(`${dtype} number ${value}`, (name) => {
      const data = dtype === "float32" ? Float32Array.of(value) : Int32Array.of(value);
      this.#initializers.push({ name, dims: [], dataType: tensorDataType[dtype], rawData: bytesOf(data) });
    });
  }

  #once(key: string, make: (name: string) => void): string {
    return this.#onceNamed(key, () => {
      const name = this.fresh("batch");
      make(name);
      return name;
    });
  }

  /** The name that `make` returns, which is called for the first `key` of its kind. */
  #onceNamed(key: string, make: () => string): string {
    const known = this.#batchNumbers.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#batchNumbers.set(key, name);
    return name;
  }

  /** `base`, or `base` with a number if something has that name. */
  fresh(base: string): string {
    let name = base;
    while (this.#taken.has(name)) {
      const n = (this.#counts.get(base) ?? 0) + 1;
      this.#counts.set(base, n);
      name = `${base}_${n}`;
    }
    this.#taken.add(name);
    return name;
  }
}
