/**
 * The scene graph: all that inference computes of a batch of images as one ONNX model, the encoder and then the steps. It is
 * made from the two graphs when they are loaded. It needs no file of its own, so nothing is stored, downloaded or checked
 * twice.
 *
 * One call replaces a call per step, the state stays inside onnxruntime, and the operations are fewer: the first step has no
 * state yet, there is no noise, and sums with products are products. Each step but the first is the branch of an ONNX If
 * within the step before, so that the steps end when no image needs another. Images that need none can leave the batch
 * before the next step.
 *
 * It gives posterior means and reports nothing between the steps; `TrajectoryRunner` does both.
 */
import type { AirConfig } from "./config.js";
import { type GraphNode, type NodeList, neededOf, readNodes, renameValues, writeNodes } from "./graph-nodes.js";
import { constantTest, fused, withoutZeros } from "./graph-rewriting.js";
import { graphSignatures, type SceneValueName, type StateName, sceneValueNames, stateNames } from "./graphs.js";
import {
  attribute,
  constant,
  type Field,
  fieldsOf,
  join,
  messageField,
  node,
  type Pieces,
  textField,
  valueInfo,
} from "./onnx-message.js";

/** Inputs and outputs of the scene graph, besides those of {@link stepOutput}. No other graph uses these names. */
export const sceneGraphNames = {
  /** Threshold of each image, `[B]`: it needs no step after R_t = p_1·…·p_t has fallen below it. */
  stopBelow: "scene/stop_below",
  /** Number of each image's row, `[B]`, float32: 0, 1, … */
  rows: "scene/rows",
  /** Output log p(image | empty canvas), `[B]`, nats. */
  emptyLogLikelihood: "scene/empty_log_likelihood",
} as const;

/** The numbers per image that the output `numbers` of a step holds, in this order. */
export const stepNumbers = ["presence_logit", "kl_where", "kl_what", "log_likelihood", "row"] as const;
/**
 * Outputs of each step, all over the B′ images that were in the batch at that step: `numbers`, `[5 · B′]`, see
 * {@link stepNumbers}, and outputs of the step graph, `[B′, …]`. Empty if the step was not run.
 */
export const stepOutputNames = ["numbers", "next_z_where", "next_z_what", "patch", "next_canvas"] as const;

/** Name of an output of a step. */
export type StepOutputName = (typeof stepOutputNames)[number];

/** Name of the scene graph's output `name` of step `step`, which is 1 for the first. */
export function stepOutput(step: number, name: StepOutputName): string {
  return `scene/${step}/${name}`;
}

/** Most steps that the graph is made for. Each is a part of it, so many steps would take long to open. */
const MOST_STEPS = 8;

/** Field numbers of ModelProto and GraphProto. */
const model = { irVersion: 1, graph: 7, opsetImport: 8 } as const;
const graph = { name: 2, input: 11, output: 12 } as const;

/**
 * Makes the scene graph of a model as a serialised ONNX model. Its inputs are `image` and those of `sceneGraphNames`.
 *
 * @param encoder the serialised encoder graph
 * @param step the serialised step graph
 * @param narrows whether images that need no further step leave the batch
 * @returns the model; undefined if there can be none, because the model looks for more than 8 objects, its graphs use
 *   different operator sets, or one has control flow. The exporter of this project writes no such graphs
 * @throws {RangeError} if either is not a serialised model
 */
export function sceneGraph(
  encoder: Uint8Array,
  step: Uint8Array,
  config: AirConfig,
  narrows: boolean,
): Uint8Array | undefined {
  const head = headerOf(step);
  if (String(headerOf(encoder)) !== String(head) || config.maxSteps > MOST_STEPS) return undefined;
  const [encoding, stepping] = [readNodes(encoder), readNodes(step)];
  if (encoding === undefined || stepping === undefined) return undefined;
  const parts = partsOf(encoding, stepping, stateNames(config));
  const { inputs } = graphSignatures(config).step;
  const content: Pieces[] = [
    textField(graph.name, "scene"),
    writeNodes(parts.once),
    ...(narrows && config.maxSteps > 2 ? [constant("scene/no_bools", "bool", [0], new Uint8Array())] : []),
    ...(config.maxSteps > 1 ? [constant("scene/false", "bool", [], Uint8Array.of(0))] : []),
    constant("scene/zero", "float32", [], Float32Array.of(0)),
    ...allSteps(parts, config, narrows),
    node("Identity", ["encoder/log_likelihood"], [sceneGraphNames.emptyLogLikelihood]),
    valueInfo(graph.input, "image", "float32", ["batch", ...inputs.image]),
    valueInfo(graph.input, sceneGraphNames.stopBelow, "float32", ["batch"]),
    valueInfo(graph.input, sceneGraphNames.rows, "float32", ["batch"]),
    valueInfo(graph.output, sceneGraphNames.emptyLogLikelihood, "float32", ["batch"]),
    ...outputInfos(config),
  ];
  return join([...head, ...messageField(model.graph, content.flat())]);
}

/** Name of an output of the step graph that scenes, or further steps, are made of. */
export type StepValue = SceneValueName | `next_${StateName}`;

/** Nodes of a step, and the names that its outputs have in them: {@link sceneValueNames}, and the next state. */
interface StepNodes extends NodeList {
  readonly outputs: Readonly<Record<SceneValueName, string>> & Readonly<Record<string, string>>;
}

/** An encoder and a step, taken apart for one graph of many steps. */
export interface SceneParts {
  /** What a step takes over from the step before. */
  readonly state: readonly StateName[];
  /** What is computed once: the encoder, and what steps need that depends on the image or on constants alone. */
  readonly once: NodeList;
  /** Name in `once` of the input `image_gates` of the steps. */
  readonly imageGates: string;
  /** Values of `once` that the steps read by their name there, such as the weights. */
  readonly shared: ReadonlySet<string>;
  /** The first step, whose state is zero, and any other. */
  readonly first: StepNodes;
  readonly other: StepNodes;
}

/**
 * Takes the nodes of an encoder and a step apart: what is computed once, the first step, and any other.
 *
 * @param encoder nodes of the encoder graph
 * @param step nodes of the step graph
 * @param state what a step takes over from the step before
 */
export function partsOf(encoder: NodeList, step: NodeList, state: readonly StateName[]): SceneParts {
  const values = [...sceneValueNames, ...state.map((name) => `next_${name}`)];
  const named = Object.fromEntries(values.map((name) => [name, name])) as StepNodes["outputs"];
  const noiseless = withFlatPatch(withZeros({ ...step, outputs: named }, ["eps_where", "eps_what"]));
  const fusedStep = fused(noiseless, Object.values(noiseless.outputs));
  const other = { ...neededOf(fusedStep, Object.values(noiseless.outputs)), outputs: noiseless.outputs };

  const isConstant = constantTest(other);
  const readsGates = other.nodes.filter(({ inputs }) => inputs.includes("image_gates"));
  const isOnce = (each: GraphNode): boolean =>
    each.outputs.every(isConstant) ||
    (each.op === "Add" &&
      readsGates.length === 1 &&
      each === readsGates[0] &&
      each.inputs.every((name) => name === "image_gates" || isConstant(name)));
  const onceNodes = other.nodes.filter(isOnce);
  const gates = onceNodes.find(({ inputs }) => inputs.includes("image_gates"))?.outputs[0];
  // The steps read the sum as their image gates, because images can leave the batch.
  const asGates = (name: string): string => (name === gates ? "image_gates" : name);
  const rest = {
    ...other,
    nodes: other.nodes
      .filter((each) => !onceNodes.includes(each))
      .map((each) => ({ ...each, inputs: each.inputs.map(asGates) })),
  };
  const shared = new Set([...other.constants.keys(), ...onceNodes.flatMap(({ outputs }) => outputs)]);
  const renamedEncoder = renameValues(encoder, (name) => (name === "image" ? name : `encoder/${name}`));
  const ofSteps = renameValues({ nodes: onceNodes, constants: other.constants }, (name) =>
    name === "image_gates" ? "encoder/image_gates" : sharedName(name),
  );
  const all = {
    nodes: [...renamedEncoder.nodes, ...ofSteps.nodes],
    constants: new Map([...renamedEncoder.constants, ...ofSteps.constants]),
  };
  const imageGates = gates === undefined ? "encoder/image_gates" : sharedName(gates);
  const first = withZeros(rest, state);
  const read = [...first.nodes, ...rest.nodes].flatMap(({ inputs }) => inputs).filter((name) => shared.has(name));
  const kept = [imageGates, "encoder/log_likelihood", ...read.map(sharedName)];
  return { state, once: neededOf(fused(all, kept), kept), imageGates, shared, first, other: rest };
}

/**
 * The step whose patch is `[B, C·O·O]`. That is what the decoder's last product makes, and giving it another shape would copy
 * it.
 */
function withFlatPatch(step: StepNodes): StepNodes {
  const maker = step.nodes.find(({ op, outputs }) => op === "Reshape" && outputs[0] === step.outputs.patch);
  const before = step.nodes.find(({ outputs }) => outputs[0] === maker?.inputs[0]);
  if (before?.op === "Sigmoid") return { ...step, outputs: { ...step.outputs, patch: before.outputs[0]! } };
  const flatten: GraphNode = {
    op: "Flatten",
    inputs: [step.outputs.patch],
    outputs: ["scene/flat_patch"],
    attributes: [attribute("axis", 1)],
  };
  return { ...step, nodes: [...step.nodes, flatten], outputs: { ...step.outputs, patch: "scene/flat_patch" } };
}

/** Name, in a graph of many steps, of a value that all steps read. */
export function sharedName(name: string): string {
  return `step/${name}`;
}

function withZeros(step: StepNodes, zeros: readonly string[]): StepNodes {
  const { nameOf, ...list } = withoutZeros(step, zeros);
  const outputs = Object.fromEntries(
    Object.entries(step.outputs).map(([name, value]) => [name, nameOf(value)]),
  ) as StepNodes["outputs"];
  return { ...neededOf(list, Object.values(outputs)), outputs };
}

/** What a step takes over from the step before, the state and more. */
const CARRIED_BESIDE_STATE = ["image", "image_gates", "remaining", "stop_below", "rows"] as const;
type CarriedName = StateName | (typeof CARRIED_BESIDE_STATE)[number];
/** Names of the values that a step takes over: those of the state that there are, and all others. */
type Carried = Readonly<Partial<Record<StateName, string>>> &
  Readonly<Record<(typeof CARRIED_BESIDE_STATE)[number], string>>;

/** What the nodes of a step have made, by name. */
interface StepScope {
  readonly content: readonly Pieces[];
  /** Shapes of the constants of no images that the nodes read. */
  readonly empty: readonly (readonly number[])[];
  readonly carried: Carried;
  /** Which images need another step, and whether any does. */
  readonly goesOn: string;
  readonly anyGoesOn: string;
}

/**
 * The nodes of one step, with names that keep their values apart from those of other steps.
 *
 * @param narrows whether to say which images go on
 * @param suffix ends the names of the step's outputs
 */
function stepNodes(
  step: number,
  own: StepNodes,
  parts: SceneParts,
  carried: Carried,
  narrows: boolean,
  suffix: string,
): StepScope {
  const prefix = `${step}`;
  const local = (name: string): string => `${prefix}/scene/${name}`;
  const isCarried = (name: string): name is CarriedName => name in carried;
  const nameOfOutput = (name: StepOutputName): string => `${stepOutput(step, name)}${suffix}`;
  const outputNames = new Map<string, string>();
  for (const name of stepOutputNames) if (name !== "numbers") outputNames.set(own.outputs[name], nameOfOutput(name));
  const renamed = (name: string): string => {
    if (isCarried(name)) return carried[name]!;
    const asOutput = outputNames.get(name);
    if (asOutput !== undefined) return asOutput;
    return parts.shared.has(name) ? sharedName(name) : `${prefix}/${name}`;
  };
  const value = (name: StepValue): string => renamed(own.outputs[name]!);
  const numbers = stepNumbers.map((name) => (name === "row" ? carried.rows : value(name)));
  const state = Object.fromEntries(parts.state.map((name) => [name, value(`next_${name}`)]));
  const remaining = carried.remaining === "" ? local("presence") : local("remaining");
  const content = [
    writeNodes(renameValues({ nodes: own.nodes, constants: new Map() }, renamed)),
    node("Concat", numbers, [nameOfOutput("numbers")], [attribute("axis", 0)]),
    node("Sigmoid", [value("presence_logit")], [local("presence")]),
    ...(carried.remaining === "" ? [] : [node("Mul", [carried.remaining, local("presence")], [remaining])]),
    ...(narrows ? [node("GreaterOrEqual", [remaining, carried.stop_below], [local("goes_on")])] : []),
    node("Sub", [remaining, carried.stop_below], [local("to_stop")]),
    node("ReduceMax", [local("to_stop")], [local("farthest_from_stop")], [attribute("keepdims", 0)]),
    node("GreaterOrEqual", [local("farthest_from_stop"), "scene/zero"], [local("any_goes_on")]),
  ];
  const after = { ...carried, ...state, remaining };
  return { content, empty: [], carried: after, goesOn: local("goes_on"), anyGoesOn: local("any_goes_on") };
}

/** The nodes of all steps. */
function allSteps(parts: SceneParts, config: AirConfig, narrows: boolean): Pieces[] {
  const before = {
    ...Object.fromEntries(parts.state.map((name) => [name, initial(name)])),
    image: "image",
    image_gates: parts.imageGates,
    remaining: "",
    stop_below: sceneGraphNames.stopBelow,
    rows: sceneGraphNames.rows,
  };
  let scope = stepNodes(1, parts.first, parts, before, narrows, "");
  const content = [...zeroState(parts.first.nodes, config), ...scope.content];
  const empty = new Map<string, Pieces>();
  for (let step = 2; step <= config.maxSteps; step++) {
    scope = conditionalStep(step, scope, parts, config, narrows);
    content.push(...scope.content);
    for (const shape of scope.empty) {
      empty.set(emptyName(shape), constant(emptyName(shape), "float32", [0, ...shape], new Float32Array()));
    }
  }
  return [...empty.values(), ...content];
}

/** A step that is run if any image needs it: an If, whose other branch returns no images. */
function conditionalStep(
  step: number,
  before: StepScope,
  parts: SceneParts,
  config: AirConfig,
  narrows: boolean,
): StepScope {
  const reads = new Set([...parts.other.nodes.flatMap(({ inputs }) => inputs), ...Object.values(parts.other.outputs)]);
  const carriedNames: readonly CarriedName[] = [...parts.state, ...CARRIED_BESIDE_STATE];
  const needed = carriedNames.filter((name) => ["remaining", "stop_below", "rows"].includes(name) || reads.has(name));
  const shapes = shapesOf(config);
  const narrowing = narrows ? needed : [];
  const narrowed = Object.fromEntries(narrowing.map((name) => [name, `${step}/scene/from/${name}`]));
  const inner = stepNodes(step, parts.other, parts, { ...before.carried, ...narrowed }, narrows, "/run");
  // Values that the branch makes; the rest is the same as before it.
  const made = step === config.maxSteps ? [] : needed.filter((name) => inner.carried[name] !== before.carried[name]);
  const outer = (name: string): string => `${step}/scene/after/${name}`;
  const returned = stepOutputNames.map((name) => ({
    from: `${stepOutput(step, name)}/run`,
    to: stepOutput(step, name),
    shape: shapes[name],
  }));
  const carried: { -readonly [Name in keyof Carried]: Carried[Name] } = { ...before.carried };
  for (const name of made) {
    const from = inner.carried[name]!;
    const output = returned.find((each) => each.from === from) ?? { from, to: outer(name), shape: shapes[name]! };
    if (!returned.includes(output)) returned.push(output);
    carried[name] = output.to;
  }
  const isSplit = narrows && step < config.maxSteps;
  const infos = (fieldsFrom: (each: (typeof returned)[number]) => string): Pieces[] =>
    returned.map((each) => valueInfo(graph.output, fieldsFrom(each), "float32", [`batch${step}`, ...each.shape]));
  const noOutput = ({ to }: (typeof returned)[number]): string => `${to}/not_run`;
  const run: Pieces[] = [
    textField(graph.name, `step${step}`),
    ...narrowing.map((name) =>
      node("Compress", [before.carried[name]!, before.goesOn], [narrowed[name]!], [attribute("axis", 0)]),
    ),
    ...inner.content,
    ...infos(({ from }) => from),
    ...(isSplit ? [valueInfo(graph.output, inner.goesOn, "bool", [`batch${step}`])] : []),
    valueInfo(graph.output, inner.anyGoesOn, "bool", []),
  ];
  const notRun: Pieces[] = [
    textField(graph.name, `no_step${step}`),
    ...returned.map((each) => node("Identity", [emptyName(each.shape)], [noOutput(each)])),
    ...(isSplit ? [node("Identity", ["scene/no_bools"], [`${outer("goes_on")}/not_run`])] : []),
    node("Identity", ["scene/false"], [`${outer("any_goes_on")}/not_run`]),
    ...infos(noOutput),
    ...(isSplit ? [valueInfo(graph.output, `${outer("goes_on")}/not_run`, "bool", [`batch${step}`])] : []),
    valueInfo(graph.output, `${outer("any_goes_on")}/not_run`, "bool", []),
  ];
  const outputs = [...returned.map(({ to }) => to), ...(isSplit ? [outer("goes_on")] : []), outer("any_goes_on")];
  const branches = [attribute("then_branch", run.flat()), attribute("else_branch", notRun.flat())];
  return {
    content: [node("If", [before.anyGoesOn], outputs, branches)],
    empty: returned.map(({ shape }) => shape),
    carried,
    goesOn: outer("goes_on"),
    anyGoesOn: outer("any_goes_on"),
  };
}

/** Shapes, without the batch, of the outputs of a step and of what it takes over. */
function shapesOf(config: AirConfig): Record<StepOutputName, readonly number[]> & Record<string, readonly number[]> {
  const { inputs, outputs } = graphSignatures(config).step;
  const patch = [outputs.patch.reduce((product, side) => product * side, 1)];
  return { ...outputs, ...inputs, patch, numbers: [], remaining: [], stop_below: [], rows: [] };
}

/** Name of the constant of no images of this shape, for outputs of steps that are not run. */
function emptyName(shape: readonly number[]): string {
  return ["scene/empty", ...shape].join("_");
}

/** Nodes that make the state before the first step, as far as its nodes read it; see {@link initial}. */
export function zeroState(nodes: readonly GraphNode[], config: AirConfig): Pieces[] {
  const inputs: Readonly<Record<string, readonly number[]>> = graphSignatures(config).step.inputs;
  const read = stateNames(config).filter((name) => nodes.some((each) => each.inputs.includes(name)));
  if (read.length === 0) return [];
  return [
    constant("scene/first_axis", "int64", [1], BigInt64Array.of(0n)),
    node("Shape", ["image"], ["scene/image_shape"]),
    node("Gather", ["scene/image_shape", "scene/first_axis"], ["scene/batch"]),
    ...read.flatMap((name) => [
      constant(`scene/sides_${name}`, "int64", [inputs[name]!.length], BigInt64Array.from(inputs[name]!, BigInt)),
      node("Concat", ["scene/batch", `scene/sides_${name}`], [`scene/shape_${name}`], [attribute("axis", 0)]),
      node("ConstantOfShape", [`scene/shape_${name}`], [initial(name)]),
    ]),
  ];
}

/** Name of the value that is `name` of the state before the first step. */
export function initial(name: string): string {
  return `scene/initial_${name}`;
}

/** Types of the outputs of all steps; a step that is not run has no images. */
function outputInfos(config: AirConfig): Pieces[] {
  const shapes = shapesOf(config);
  return Array.from({ length: config.maxSteps }, (_, i) => i + 1).flatMap((step) =>
    stepOutputNames.map((name) =>
      valueInfo(graph.output, stepOutput(step, name), "float32", [`${name}${step}`, ...shapes[name]]),
    ),
  );
}

/** The fields of a model that give its IR version and its operator sets. */
export function headerOf(serialised: Uint8Array): Pieces {
  const wanted: readonly number[] = [model.irVersion, model.opsetImport];
  return fieldsOf(serialised)
    .filter(({ number }: Field) => wanted.includes(number))
    .map(({ bytes }) => bytes);
}
