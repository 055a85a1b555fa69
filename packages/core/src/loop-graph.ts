/**
 * The loop graph: the whole recurrence as one ONNX model, with the encoder and, as the body of an ONNX Loop, the step. It
 * is made from the two graphs when they are loaded. It needs no file of its own, so nothing is stored, downloaded or
 * checked twice.
 *
 * One call replaces a call per step, and the state stays inside onnxruntime. But images cannot leave the batch, and
 * nothing can be reported between the steps; {@link TrajectoryRunner} does both.
 */
import type { AirConfig } from "./config.js";
import { graphSignatures, type SceneValueName, sceneValueNames, stateNames } from "./graphs.js";
import {
  attribute,
  constant,
  type Field,
  fieldsOf,
  join,
  messageField,
  node,
  type Pieces,
  readText,
  textField,
  valueInfo,
} from "./onnx-message.js";

/** Names of the loop graph's inputs and outputs, besides those of {@link ofAllSteps}. No other graph uses them. */
export const loopNames = {
  /** Noise of z_where for every step, `[maxSteps, B, 3]`. */
  epsWhere: "loop/eps_where",
  /** Noise of z_what for every step, `[maxSteps, B, Z]`. */
  epsWhat: "loop/eps_what",
  /** Most steps, one integer. */
  maxSteps: "loop/max_steps",
  /** Threshold of each image, `[B]`. The loop stops when R_t = p_1·…·p_t is below the threshold for every image. */
  stopBelow: "loop/stop_below",
  /** Output log p(image | empty canvas), `[B]`, nats. */
  emptyLogLikelihood: "loop/empty_log_likelihood",
} as const;

/** Name of the loop graph's output that holds the step graph's output `name` for all steps, `[steps, B, …]`. */
export function ofAllSteps(name: SceneValueName): string {
  return `loop/${name}`;
}

/** Field numbers of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto. */
const model = { irVersion: 1, graph: 7, opsetImport: 8 } as const;
const graph = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const nodeField = { input: 1, output: 2, name: 3, attribute: 5 } as const;
const SUBGRAPH = 6;
const TENSOR_NAME = 8;

/**
 * Makes the loop graph of a model as a serialised ONNX model. Its inputs are `image` and those of `loopNames`.
 *
 * @param encoder the serialised encoder graph
 * @param step the serialised step graph
 * @returns the model; undefined if the graphs cannot be joined, because they use different operator sets or the encoder
 *   has control flow. The exporter of this project writes no such graphs
 * @throws {RangeError} if either is not a serialised model
 */
export function loopGraph(encoder: Uint8Array, step: Uint8Array, config: AirConfig): Uint8Array | undefined {
  const [encoderModel, stepModel] = [fieldsOf(encoder), fieldsOf(step)];
  const head = headerOf(stepModel);
  if (String(headerOf(encoderModel)) !== String(head)) return undefined;
  const encoding = renamedEncoder(fieldsOf(theGraph(encoderModel)));
  if (encoding === undefined) return undefined;

  const { step: signature } = graphSignatures(config);
  const batched = (shape: readonly number[]): (number | string)[] => ["batch", ...shape];
  const initial = (name: string): string => `loop/initial_${name}`;
  const content: Pieces[] = [
    textField(graph.name, "loop"),
    ...encoding,
    constant("loop/first_axis", "int64", [1], BigInt64Array.of(0n)),
    constant("loop/one", "float32", [], Float32Array.of(1)),
    constant("loop/true", "bool", [], Uint8Array.of(1)),
    node("Shape", ["image"], ["loop/image_shape"]),
    node("Gather", ["loop/image_shape", "loop/first_axis"], ["loop/batch"]),
    node("Expand", ["loop/one", "loop/batch"], [initial("remaining")]),
    ...stateNames.flatMap((name) => {
      const shape = signature.inputs[name];
      const sides = BigInt64Array.from(shape, BigInt);
      return [
        constant(`loop/sides_${name}`, "int64", [shape.length], sides),
        node("Concat", ["loop/batch", `loop/sides_${name}`], [`loop/shape_${name}`], [attribute("axis", 0)]),
        node("ConstantOfShape", [`loop/shape_${name}`], [initial(name)]),
      ];
    }),
    node(
      "Loop",
      [loopNames.maxSteps, "loop/true", initial("remaining"), ...stateNames.map(initial)],
      ["loop/last_remaining", ...stateNames.map((name) => `loop/last_${name}`), ...sceneValueNames.map(ofAllSteps)],
      [attribute("body", loopBody(fieldsOf(theGraph(stepModel)), config))],
    ),
    node("Identity", [renamed("log_likelihood")], [loopNames.emptyLogLikelihood]),

    valueInfo(graph.input, "image", "float32", batched(signature.inputs.image)),
    valueInfo(graph.input, loopNames.epsWhere, "float32", ["max_steps", ...batched(signature.inputs.eps_where)]),
    valueInfo(graph.input, loopNames.epsWhat, "float32", ["max_steps", ...batched(signature.inputs.eps_what)]),
    valueInfo(graph.input, loopNames.maxSteps, "int64", []),
    valueInfo(graph.input, loopNames.stopBelow, "float32", ["batch"]),
    valueInfo(graph.output, loopNames.emptyLogLikelihood, "float32", ["batch"]),
    ...sceneValueNames.map((name) =>
      valueInfo(graph.output, ofAllSteps(name), "float32", ["steps", ...batched(signature.outputs[name])]),
    ),
  ];
  return join([...head, ...messageField(model.graph, content.flat())]);
}

/** Makes a Loop's body of the step graph. It carries the state and R_t, and returns the values that scenes are made of. */
function loopBody(step: readonly Field[], config: AirConfig): Pieces {
  const { inputs, outputs } = graphSignatures(config).step;
  const batched = (shape: readonly number[]): (number | string)[] => ["batch", ...shape];
  // Some values are both carried state and returned, but an output of a body can serve only one purpose: copy them.
  const returned = (name: string): string => `loop/step_${name}`;
  const content: Pieces[] = [
    // The body sees the image and its gates, the step's other inputs, in the graph around it.
    node("Gather", [loopNames.epsWhere, "loop/iteration"], ["eps_where"], [attribute("axis", 0)]),
    node("Gather", [loopNames.epsWhat, "loop/iteration"], ["eps_what"], [attribute("axis", 0)]),
    ...step
      .filter(({ number }) => number !== graph.input && number !== graph.output && number !== graph.name)
      .map(({ bytes }) => [bytes]),
    textField(graph.name, "step"),
    ...sceneValueNames.map((name) => node("Identity", [name], [returned(name)])),
    constant("loop/zero", "float32", [], Float32Array.of(0)),
    node("Sigmoid", ["presence_logit"], ["loop/presence"]),
    node("Mul", ["loop/remaining", "loop/presence"], ["loop/next_remaining"]),
    node("Sub", ["loop/next_remaining", loopNames.stopBelow], ["loop/to_stop"]),
    node("ReduceMax", ["loop/to_stop"], ["loop/farthest_from_stop"], [attribute("keepdims", 0)]),
    node("GreaterOrEqual", ["loop/farthest_from_stop", "loop/zero"], ["loop/go_on"]),

    valueInfo(graph.input, "loop/iteration", "int64", []),
    valueInfo(graph.input, "loop/condition", "bool", []),
    valueInfo(graph.input, "loop/remaining", "float32", ["batch"]),
    ...stateNames.map((name) => valueInfo(graph.input, name, "float32", batched(inputs[name]))),
    valueInfo(graph.output, "loop/go_on", "bool", []),
    valueInfo(graph.output, "loop/next_remaining", "float32", ["batch"]),
    ...stateNames.map((name) => valueInfo(graph.output, `next_${name}`, "float32", batched(inputs[name]))),
    ...sceneValueNames.map((name) => valueInfo(graph.output, returned(name), "float32", batched(outputs[name]))),
  ];
  return content.flat();
}

/** Names of the encoder's values that keep their names in the loop graph. */
const SHARED = ["image", "image_gates"];

/** Name in the loop graph of the encoder's value `name`. A prefix keeps it apart from values of the same name in the step. */
function renamed(name: string): string {
  // An empty name stands for an optional input that is absent.
  return name === "" || SHARED.includes(name) ? name : `encoder/${name}`;
}

/** Renames the encoder's nodes and constants. Undefined if it has control flow, whose subgraphs would need renaming too. */
function renamedEncoder(encoder: readonly Field[]): Pieces[] | undefined {
  const nodes = encoder.filter(({ number }) => number === graph.node).map(({ value }) => fieldsOf(value));
  const tensors = encoder.filter(({ number }) => number === graph.initializer).map(({ value }) => fieldsOf(value));
  const attributes = nodes.flat().filter(({ number }) => number === nodeField.attribute);
  if (attributes.some(({ value }) => fieldsOf(value).some(({ number }) => number === SUBGRAPH))) return undefined;
  const rename = (fields: readonly Field[], names: readonly number[]): Pieces =>
    fields.flatMap(({ number, value, bytes }) =>
      names.includes(number) ? textField(number, renamed(readText(value))) : [bytes],
    );
  return [
    ...tensors.map((tensor) => messageField(graph.initializer, rename(tensor, [TENSOR_NAME]))),
    ...nodes.map((each) => messageField(graph.node, rename(each, [nodeField.input, nodeField.output, nodeField.name]))),
  ];
}

/** The fields of a model that give its IR version and its operator sets. */
function headerOf(fields: readonly Field[]): Pieces {
  return fields
    .filter(({ number }) => number === model.irVersion || number === model.opsetImport)
    .map(({ bytes }) => bytes);
}

function theGraph(fields: readonly Field[]): Uint8Array {
  const found = fields.find(({ number }) => number === model.graph);
  if (!found) throw new RangeError("Not an ONNX model: it has no graph");
  return found.value;
}
