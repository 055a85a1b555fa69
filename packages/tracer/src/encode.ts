/**
 * Writes a traced graph as an ONNX model: as it is, or as the body of a Loop that runs it many times in one call.
 */

import type { Attribute, ConstantValue, Node, Value } from "./graph/ir.js";
import type { BatchFunction, BatchNumber } from "./graph/symbolic-batch.js";
import {
  type AttributeProto,
  attributeType,
  encodeModel,
  type GraphProto,
  type NodeProto,
  type OnnxDType,
  type TensorProto,
  tensorDataType,
  type ValueInfoProto,
} from "./onnx/schema.js";
import { BATCH, type InputSpec, type TracedGraph } from "./trace.js";

/** Old enough that today's tools read it: opset 21 came with IR 10 (ONNX 1.16). */
export const OPSET = 21;
const IR_VERSION = 10;

export interface EncodeOptions {
  /** The graph's name. Default `traced`. */
  readonly name?: string;
  /** A sentence for the model's doc_string. */
  readonly description?: string;
  /** Key-value pairs of the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The traced function as a serialised ModelProto. Its inputs and outputs keep their names. */
export function encodeGraph(traced: TracedGraph, options: EncodeOptions = {}): Uint8Array {
  return encode(new GraphEncoder(traced).graph(options.name ?? "traced"), options);
}

/** How the inputs and outputs of a traced step take part in a loop over it. Names are the step's. */
export interface LoopSpec {
  /** Which output replaces which input at the next step. The loop's output has the last value, under the output's name. */
  readonly state: Readonly<Record<string, string>>;
  /** Inputs with a value of their own for each step: the loop takes `[steps, …]`. */
  readonly perStep: readonly string[];
  /** Outputs wanted from each step: the loop gives `[steps, …]`. */
  readonly collect: readonly string[];
}

/** The symbolic name of a loop's leading dimension. */
export const STEPS = "steps";

/**
 * A model that runs the traced step as often as its per-step inputs are long, in one ONNX Loop (operator Loop-21).
 * Other inputs are the same at every step.
 *
 * @throws {Error} if `spec` names what the step does not have, or leaves an output unused
 */
export function encodeLoop(traced: TracedGraph, spec: LoopSpec, options: EncodeOptions = {}): Uint8Array {
  const { inputs } = traced;
  const outputs = traced.graph.outputs;
  for (const name of [...Object.keys(spec.state), ...spec.perStep]) {
    if (!(name in inputs)) throw new Error(`The loop names an input ${name} that the step does not have`);
  }
  const used = new Set([...Object.values(spec.state), ...spec.collect]);
  for (const name of used)
    if (!(name in outputs)) throw new Error(`The loop names an output ${name} that the step does not have`);
  for (const name of Object.keys(outputs)) {
    if (!used.has(name)) throw new Error(`The step's output ${name} is neither state nor collected`);
  }
  const stateOutputs = Object.values(spec.state);
  const twice = [...stateOutputs, ...spec.collect].find((name, i, all) => all.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`The loop uses the step's output ${twice} twice: return it under two names`);
  const both = spec.perStep.find((name) => name in spec.state);
  if (both !== undefined) throw new Error(`The loop's input ${both} is both state and per-step`);
  for (const [input, output] of Object.entries(spec.state)) {
    const { shape, dtype = "float32" } = inputs[input]!;
    const { dtype: madeDType } = outputs[output]!;
    const madeShape = traced.batch.outputShapes[output]!.map(dimensionName);
    if (dtype !== madeDType || String(shape) !== String(madeShape)) {
      throw new Error(
        `The loop's state ${input} is ${dtype} [${shape}], but ${output}, which replaces it, is ${madeDType} [${madeShape}]`,
      );
    }
  }
  const clock = spec.perStep[0];
  if (clock === undefined) throw new Error("A loop needs a per-step input: its length is the number of steps");

  const stateInputs = Object.keys(spec.state);
  // What the body calls `x` comes in from outside under another name, which must be free.
  const outerNames = [...stateInputs.map(initialState), ...spec.perStep.map(stacked)];
  const clash = outerNames.find((name) => name in inputs || name in outputs);
  if (clash !== undefined) throw new Error(`The step calls a tensor ${clash}, a name that the loop needs`);
  const encoder = new GraphEncoder(traced, outerNames);
  const body = encoder.graph("step");
  const iteration = encoder.fresh("iteration");
  const condition = encoder.fresh("condition");
  const goOn = encoder.fresh("go_on");
  const fed = new Map(body.input.map((info) => [info.name, info]));
  const made = new Map(body.output.map((info) => [info.name, info]));

  // Inputs that are not state come from the enclosing graph's scope; a per-step one is cut from its stack first.
  const cuts = spec.perStep.map((name) => ({
    ...bareNode("Gather", [stacked(name), iteration], [name]),
    attribute: [encodeAttribute("axis", { type: "int", value: 0 })],
  }));
  body.node.unshift(...cuts);
  body.node.push(bareNode("Identity", [condition], [goOn]));
  body.input = [
    tensorInfo(iteration, "int64", []),
    tensorInfo(condition, "bool", []),
    ...stateInputs.map((name) => fed.get(name)!),
  ];
  body.output = [
    tensorInfo(goOn, "bool", []),
    ...stateOutputs.map((name) => made.get(name)!),
    ...spec.collect.map((name) => made.get(name)!),
  ];

  const emptyShape = encoder.fresh("empty_shape");
  const always = encoder.fresh("always");
  const stepsVector = encoder.fresh("steps_vector");
  const steps = encoder.fresh("steps_scalar");
  const outer: GraphProto = {
    name: options.name ?? "loop",
    input: Object.entries(inputs).map(([name, { shape, dtype = "float32" }]) => {
      if (spec.perStep.includes(name)) return tensorInfo(name, dtype, [STEPS, ...shape]);
      return tensorInfo(name, dtype, shape);
    }),
    output: [
      ...stateOutputs.map((name) => made.get(name)!),
      ...spec.collect.map((name) => prependDimension(made.get(name)!, STEPS)),
    ],
    initializer: [int64Tensor(emptyShape, [0], []), boolTensor(always, true)],
    node: [
      {
        ...bareNode("Shape", [stacked(clock)], [stepsVector]),
        attribute: [
          encodeAttribute("start", { type: "int", value: 0 }),
          encodeAttribute("end", { type: "int", value: 1 }),
        ],
      },
      bareNode("Reshape", [stepsVector, emptyShape], [steps]),
      {
        ...bareNode("Loop", [steps, always, ...stateInputs.map(initialState)], [...stateOutputs, ...spec.collect]),
        attribute: [{ name: "body", type: attributeType.graph, g: body }],
      },
    ],
  };
  for (const info of outer.input) {
    if (spec.perStep.includes(info.name)) info.name = stacked(info.name);
    else if (stateInputs.includes(info.name)) info.name = initialState(info.name);
  }
  return encode(outer, options);
}

/** The loop's name of the step's per-step input `name`. */
export function stacked(name: string): string {
  return `${name}_per_step`;
}

/** The loop's name of the step's state input `name`. */
export function initialState(name: string): string {
  return `initial_${name}`;
}

function encode(graph: GraphProto, options: EncodeOptions): Uint8Array {
  return encodeModel({
    irVersion: IR_VERSION,
    producerName: "@air-onnx/tracer",
    producerVersion: "0.1.0",
    docString: options.description ?? "",
    opsetImport: [{ domain: "", version: OPSET }],
    graph,
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
  });
}

/** Names the values of one graph and collects its initializers. */
class GraphEncoder {
  readonly #traced: TracedGraph;
  readonly #names = new Map<Value, string>();
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #batchNumbers = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();

  /** @param reserved names that the graph around this one uses */
  constructor(traced: TracedGraph, reserved: readonly string[] = []) {
    this.#traced = traced;
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
      this.#nodes.push(bareNode("Identity", [this.#nameOf(value)], [output]));
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
      return node.op === "Reshape" && i === 1 ? this.#reshapeTarget(input) : this.#nameOf(input);
    });
    while (inputs.at(-1) === "") inputs.pop();
    const outputs = node.outputs.map((output) => this.#nameOf(output));
    this.#nodes.push({
      opType: node.op,
      name: this.fresh(`${node.kernel}/${node.op}`),
      input: inputs,
      output: outputs,
      attribute: Object.entries(node.attributes).map(([name, attribute]) => encodeAttribute(name, attribute)),
    });
  }

  #nameOf(value: Value): string {
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
    this.#initializers.push(constantTensor(name, value));
    return name;
  }

  /** A Reshape's target needs no arithmetic if one dimension alone depends on the batch: -1 means "the rest". */
  #reshapeTarget(value: Value): string {
    const symbolic = value.kind === "constant" ? this.#traced.batch.constants.get(value) : undefined;
    if (!symbolic) return this.#nameOf(value);
    const dims = symbolic.map((dim) => (typeof dim === "number" ? dim : -1));
    if (dims.includes(0) || dims.filter((dim) => dim === -1).length > 1) return this.#nameOf(value);
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
    return this.#once(`${slope}B+${offset}`, (name) => {
      let current = this.#batchSize();
      if (slope !== 1) current = this.#arithmetic("Mul", current, this.#int64([slope]));
      if (offset !== 0) current = this.#arithmetic("Add", current, this.#int64([offset]));
      this.#nodes.push(bareNode("Identity", [current], [name]));
    });
  }

  /** The name of a scalar of `dtype` that holds the function of the batch. */
  #batchScalar(number: BatchFunction, dtype: OnnxDType): string {
    return this.#once(`${dtype} ${JSON.stringify(number)}`, (name) => {
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
      this.#nodes.push(bareNode("Identity", [current], [name]));
    });
  }

  #arithmetic(op: string, a: string, b: string): string {
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
      this.#nodes.push({
        ...bareNode("Shape", [source[0]], [name]),
        attribute: [
          encodeAttribute("start", { type: "int", value: axis }),
          encodeAttribute("end", { type: "int", value: axis + 1 }),
        ],
      });
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
    const known = this.#batchNumbers.get(key);
    if (known !== undefined) return known;
    const name = this.fresh("batch");
    this.#batchNumbers.set(key, name);
    make(name);
    return name;
  }

  /** A name like `base` that nothing has yet. */
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

function dimensionName(dim: BatchNumber): number | string {
  if (typeof dim === "number") return dim;
  if (dim.form === "affine" && dim.slope === 1 && dim.offset === 0) return BATCH;
  return dim.form === "affine" ? `${dim.slope}*${BATCH}+${dim.offset}` : `${dim.slope}/${BATCH}`;
}

function bareNode(opType: string, input: string[], output: string[]): NodeProto {
  return { opType, input, output, name: `${output[0]}/${opType}`, attribute: [] };
}

function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  switch (attribute.type) {
    case "float":
      return { name, type: attributeType.float, f: attribute.value };
    case "int":
      return { name, type: attributeType.int, i: attribute.value };
    case "string":
      return { name, type: attributeType.string, s: new TextEncoder().encode(attribute.value) };
    case "floats":
      return { name, type: attributeType.floats, floats: [...attribute.value] };
    case "ints":
      return { name, type: attributeType.ints, ints: [...attribute.value] };
    default:
      return attribute satisfies never;
  }
}

function tensorInfo(
  name: string,
  dtype: OnnxDType,
  shape: InputSpec["shape"] | readonly (number | string)[],
): ValueInfoProto {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: tensorDataType[dtype], shape: { dim } } } };
}

function prependDimension(info: ValueInfoProto, dimParam: string): ValueInfoProto {
  const { elemType, shape } = info.type.tensorType;
  return { name: info.name, type: { tensorType: { elemType, shape: { dim: [{ dimParam }, ...shape.dim] } } } };
}

function constantTensor(name: string, { dtype, shape, data }: ConstantValue): TensorProto {
  if (dtype === "int64") return int64Tensor(name, shape, data as readonly number[]);
  return {
    name,
    dims: [...shape],
    dataType: tensorDataType[dtype],
    rawData: bytesOf(data as Float32Array | Int32Array | Uint8Array),
  };
}

function int64Tensor(name: string, shape: readonly number[], values: readonly number[]): TensorProto {
  return {
    name,
    dims: [...shape],
    dataType: tensorDataType.int64,
    rawData: bytesOf(BigInt64Array.from(values, BigInt)),
  };
}

function boolTensor(name: string, value: boolean): TensorProto {
  return { name, dims: [], dataType: tensorDataType.bool, rawData: Uint8Array.of(+value) };
}

/** ONNX raw data is little-endian, as are all machines that Node.js and browsers run on. */
function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
