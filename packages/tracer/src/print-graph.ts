/**
 * A traced graph as text, one line for each value, as JAX prints a jaxpr.
 */
import { GraphEncoder } from "./encode/graph-encoder.js";
import { dimensionName } from "./encode/protos.js";
import type { Attribute, ConstantValue, Node, Value } from "./graph/ir.js";
import type { BatchNumber } from "./graph/symbolic-batch.js";
import type { OnnxDType } from "./onnx/schema.js";
import type { TracedGraph } from "./trace.js";

/** Constants of more elements are printed as their smallest and largest. */
const LISTED_ELEMENTS = 8;

/**
 * The graph line by line: its inputs and weights, its nodes in order, its outputs.
 *
 * ```text
 * input x:float32[batch,4]
 * weight w:float32[4,3]
 * Gemm:float32[batch,3] = Gemm(x, w) {transA=0, transB=0}
 * y:float32[batch,3] = Softmax(Gemm) {axis=1}
 * output y
 * ```
 *
 * Values have the names that `encodeGraph` gives them. A dimension that depends on the batch is printed as a function of
 * it, or as `?` if it is neither a·batch + b nor a/batch. Unnamed constants stand where they are used: `0.5:float32[]`,
 * `[0,1]:int64[2]`, and as their range where they are long, `(-1…1):float32[96,96]`.
 */
export function printGraph(traced: TracedGraph): string {
  const { graph, inputs } = traced;
  const encoder = new GraphEncoder(traced);
  encoder.graph("");

  const nameWithType = (value: Value): string => `${encoder.nameOf(value)}:${typeOf(value, traced)}`;
  const reference = (value: Value | undefined): string => {
    if (value === undefined) return "_";
    return value.kind === "constant" && value.name === undefined
      ? `${constantText(value, traced)}:${typeOf(value, traced)}`
      : encoder.nameOf(value);
  };
  const line = ({ op, inputs, outputs, attributes }: Node): string =>
    `${outputs.map(nameWithType).join(", ")} = ${op}(${inputs.map(reference).join(", ")})${attributesText(attributes)}`;

  return [
    ...Object.entries(inputs).map(
      ([name, { dtype = "float32", shape }]) => `input ${name}:${typeText(dtype, shape.map(String))}`,
    ),
    ...weightsOf(traced).map((weight) => `weight ${nameWithType(weight)}`),
    ...graph.nodes.map(line),
    ...Object.entries(graph.outputs).map(([name, value]) => {
      const source = reference(value);
      return source === name ? `output ${name}` : `output ${name} = ${source}`;
    }),
  ].join("\n");
}

/** The named constants, in the order in which the graph uses them. */
function weightsOf({ graph }: TracedGraph): readonly ConstantValue[] {
  const used = [...graph.nodes.flatMap(({ inputs }) => inputs), ...Object.values(graph.outputs)];
  return [...new Set(used)].filter(
    (value): value is ConstantValue => value?.kind === "constant" && value.name !== undefined,
  );
}

function typeOf(value: Value, { inputs, batch }: TracedGraph): string {
  if (value.kind === "input") return typeText(value.dtype, inputs[value.name]!.shape.map(String));
  const symbolic = batch.shapes.get(value) ?? value.shape;
  return typeText(value.dtype, symbolic.map(dimensionText));
}

const typeText = (dtype: OnnxDType, dims: readonly string[]): string => `${dtype}[${dims}]`;
const dimensionText = (dim: BatchNumber | undefined): string => (dim === undefined ? "?" : String(dimensionName(dim)));

function constantText(value: ConstantValue, { batch }: TracedGraph): string {
  const { data, dtype, shape } = value;
  const symbolic = batch.constants.get(value);
  const number = (each: number): string => (dtype === "float32" ? float32Text(each) : String(each));
  if (symbolic) {
    const texts = symbolic.map((each) => (typeof each === "number" ? number(each) : String(dimensionName(each))));
    return shape.length === 0 ? texts[0]! : `[${texts}]`;
  }
  if (shape.length === 0) return number(data[0]!);
  if (data.length <= LISTED_ELEMENTS) return `[${Array.from(data, number)}]`;
  let [smallest, largest] = [data[0]!, data[0]!];
  for (const each of data) {
    smallest = Math.min(smallest, each);
    largest = Math.max(largest, each);
  }
  return `(${number(smallest)}…${number(largest)})`;
}

/** The shortest decimal that is the float32 `value`. */
function float32Text(value: number): string {
  if (Object.is(value, -0)) return "-0";
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

function attributesText(attributes: Readonly<Record<string, Attribute>>): string {
  const texts = Object.entries(attributes).map(([name, { type, value }]) => {
    if (type === "string") return `${name}=${JSON.stringify(value)}`;
    return `${name}=${typeof value === "number" ? value : `[${value}]`}`;
  });
  return texts.length === 0 ? "" : ` {${texts.join(", ")}}`;
}
