/**
 * The whole recurrence in one call: the encoder, and the step as the body of an ONNX Loop, joined to one model when they
 * are loaded. It needs no file of its own, so nothing is stored, downloaded or checked twice.
 *
 * Beside the fewer calls it saves handing the state back and forth. It cannot let images leave the batch, nor show what
 * happens between the steps: {@link Trajectory} can.
 */
import type { AirConfig } from "./config.js";
import { graphSignatures, type SceneValueName, sceneValueNames, stateNames } from "./graphs.js";
import {
  attribute,
  constant,
  type Field,
  fieldsOf,
  join,
  message,
  node,
  type Pieces,
  readText,
  text,
  valueInfo,
} from "./onnx-message.js";

/** What the scene graph is fed, and returns beside {@link ofAllSteps}, by names that no other graph has. */
export const sceneNames = {
  /** `[maxSteps, B, 3]` and `[maxSteps, B, Z]`: of every step. */
  epsWhere: "scene/eps_where",
  epsWhat: "scene/eps_what",
  /** At most so many steps, one integer. */
  maxSteps: "scene/max_steps",
  /** It stops when R_t = p_1·…·p_t of each image is below the image's number here, `[B]`. */
  stopBelow: "scene/stop_below",
  /** log p(image | empty canvas), `[B]`. */
  emptyLogLikelihood: "scene/empty_log_likelihood",
} as const;

/** The scene graph's name of what the step graph calls `name`: it returns that of all steps, `[steps, B, …]`. */
export function ofAllSteps(name: SceneValueName): string {
  return `scene/${name}`;
}

/** Field numbers of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto. */
const model = { irVersion: 1, graph: 7, opsetImport: 8 } as const;
const graph = { node: 1, name: 2, initializer: 5, input: 11, output: 12 } as const;
const nodeField = { input: 1, output: 2, name: 3, attribute: 5 } as const;
const SUBGRAPH = 6;
const TENSOR_NAME = 8;

/**
 * The scene graph of a model as a serialised ONNX model, with inputs `image` and those of `sceneNames`.
 *
 * @param encoder the serialised encoder graph
 * @param step the serialised step graph
 * @returns undefined if the two cannot be one: if they are written in different operator sets, or the encoder has control
 *   flow. An exporter of this project writes none such
 * @throws {RangeError} if either is not a serialised model
 */
export function sceneGraph(encoder: Uint8Array, step: Uint8Array, config: AirConfig): Uint8Array | undefined {
  const [encoderModel, stepModel] = [fieldsOf(encoder), fieldsOf(step)];
  const head = headerOf(stepModel);
  if (String(headerOf(encoderModel)) !== String(head)) return undefined;
  const encoding = renamedEncoder(fieldsOf(theGraph(encoderModel)));
  if (encoding === undefined) return undefined;

  const { step: signature } = graphSignatures(config);
  const batched = (shape: readonly number[]): (number | string)[] => ["batch", ...shape];
  const initial = (name: string): string => `scene/initial_${name}`;
  const content: Pieces[] = [
    text(graph.name, "scene"),
    ...encoding,
    constant("scene/first_axis", "int64", [1], BigInt64Array.of(0n)),
    constant("scene/one", "float32", [], Float32Array.of(1)),
    constant("scene/true", "bool", [], Uint8Array.of(1)),
    node("Shape", ["image"], ["scene/image_shape"]),
    node("Gather", ["scene/image_shape", "scene/first_axis"], ["scene/batch"]),
    node("Expand", ["scene/one", "scene/batch"], [initial("remaining")]),
    ...stateNames.flatMap((name) => {
      const shape = signature.inputs[name];
      const sides = BigInt64Array.from(shape, BigInt);
      return [
        constant(`scene/sides_${name}`, "int64", [shape.length], sides),
        node("Concat", ["scene/batch", `scene/sides_${name}`], [`scene/shape_${name}`], [attribute("axis", 0)]),
        node("ConstantOfShape", [`scene/shape_${name}`], [initial(name)]),
      ];
    }),
    node(
      "Loop",
      [sceneNames.maxSteps, "scene/true", initial("remaining"), ...stateNames.map(initial)],
      ["scene/last_remaining", ...stateNames.map((name) => `scene/last_${name}`), ...sceneValueNames.map(ofAllSteps)],
      [attribute("body", loopBody(fieldsOf(theGraph(stepModel)), config))],
    ),
    node("Identity", [renamed("log_likelihood")], [sceneNames.emptyLogLikelihood]),

    valueInfo(graph.input, "image", "float32", batched(signature.inputs.image)),
    valueInfo(graph.input, sceneNames.epsWhere, "float32", ["max_steps", ...batched(signature.inputs.eps_where)]),
    valueInfo(graph.input, sceneNames.epsWhat, "float32", ["max_steps", ...batched(signature.inputs.eps_what)]),
    valueInfo(graph.input, sceneNames.maxSteps, "int64", []),
    valueInfo(graph.input, sceneNames.stopBelow, "float32", ["batch"]),
    valueInfo(graph.output, sceneNames.emptyLogLikelihood, "float32", ["batch"]),
    ...sceneValueNames.map((name) =>
      valueInfo(graph.output, ofAllSteps(name), "float32", ["steps", ...batched(signature.outputs[name])]),
    ),
  ];
  return join([...head, ...message(model.graph, content.flat())]);
}

/** The step graph as a Loop's body: it carries the state and R_t, and gives back what scenes are made of. */
function loopBody(step: readonly Field[], config: AirConfig): Pieces {
  const { inputs, outputs } = graphSignatures(config).step;
  const batched = (shape: readonly number[]): (number | string)[] => ["batch", ...shape];
  // A state is carried and given back; an output of a body has one name and one use.
  const given = (name: string): string => `scene/step_${name}`;
  const content: Pieces[] = [
    // What the step takes and is not state or noise, it sees in the graph around: the image and its gates.
    node("Gather", [sceneNames.epsWhere, "scene/iteration"], ["eps_where"], [attribute("axis", 0)]),
    node("Gather", [sceneNames.epsWhat, "scene/iteration"], ["eps_what"], [attribute("axis", 0)]),
    ...step
      .filter(({ number }) => number !== graph.input && number !== graph.output && number !== graph.name)
      .map(({ bytes }) => [bytes]),
    text(graph.name, "step"),
    ...sceneValueNames.map((name) => node("Identity", [name], [given(name)])),
    constant("scene/zero", "float32", [], Float32Array.of(0)),
    node("Sigmoid", ["presence_logit"], ["scene/presence"]),
    node("Mul", ["scene/remaining", "scene/presence"], ["scene/next_remaining"]),
    node("Sub", ["scene/next_remaining", sceneNames.stopBelow], ["scene/to_stop"]),
    node("ReduceMax", ["scene/to_stop"], ["scene/farthest_from_stop"], [attribute("keepdims", 0)]),
    node("GreaterOrEqual", ["scene/farthest_from_stop", "scene/zero"], ["scene/go_on"]),

    valueInfo(graph.input, "scene/iteration", "int64", []),
    valueInfo(graph.input, "scene/condition", "bool", []),
    valueInfo(graph.input, "scene/remaining", "float32", ["batch"]),
    ...stateNames.map((name) => valueInfo(graph.input, name, "float32", batched(inputs[name]))),
    valueInfo(graph.output, "scene/go_on", "bool", []),
    valueInfo(graph.output, "scene/next_remaining", "float32", ["batch"]),
    ...stateNames.map((name) => valueInfo(graph.output, `next_${name}`, "float32", batched(inputs[name]))),
    ...sceneValueNames.map((name) => valueInfo(graph.output, given(name), "float32", batched(outputs[name]))),
  ];
  return content.flat();
}

/** Names that the encoder and the graph around it share. */
const SHARED = ["image", "image_gates"];

/** The encoder's name for `name` in the scene graph: what is within the encoder may be called as things in the step. */
function renamed(name: string): string {
  // An empty name stands for an input that is left out.
  return name === "" || SHARED.includes(name) ? name : `encoder/${name}`;
}

/** The encoder's nodes and constants under names of their own, or undefined for control flow, which has names within. */
function renamedEncoder(encoder: readonly Field[]): Pieces[] | undefined {
  const nodes = encoder.filter(({ number }) => number === graph.node).map(({ value }) => fieldsOf(value));
  const tensors = encoder.filter(({ number }) => number === graph.initializer).map(({ value }) => fieldsOf(value));
  const attributes = nodes.flat().filter(({ number }) => number === nodeField.attribute);
  if (attributes.some(({ value }) => fieldsOf(value).some(({ number }) => number === SUBGRAPH))) return undefined;
  const rename = (fields: readonly Field[], names: readonly number[]): Pieces =>
    fields.flatMap(({ number, value, bytes }) =>
      names.includes(number) ? text(number, renamed(readText(value))) : [bytes],
    );
  return [
    ...tensors.map((tensor) => message(graph.initializer, rename(tensor, [TENSOR_NAME]))),
    ...nodes.map((each) => message(graph.node, rename(each, [nodeField.input, nodeField.output, nodeField.name]))),
  ];
}

/** The versions that a model is written in. */
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
