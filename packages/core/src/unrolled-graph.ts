/**
 * The unrolled graph: the encoder and all steps as one ONNX graph without control flow. An export adds to it what makes
 * scenes of the steps (counts, boxes), for programs that have no loop of their own. Runtimes use `sceneGraph` instead, which
 * ends when no image needs another step.
 */
import type { AirConfig } from "./config.js";
import { readNodes, renameValues, writeNodes } from "./graph-nodes.js";
import { type SceneValueName, sceneValueNames, stateNames } from "./graphs.js";
import { join, messageField, type Pieces, textField } from "./onnx-message.js";
import { headerOf, initial, partsOf, type StepValue, sharedName, zeroState } from "./scene-graph.js";

/** Field numbers of ModelProto and GraphProto. */
const MODEL_GRAPH = 7;
const GRAPH_NAME = 2;

/** Names of the values of one step by the output of the step graph that they are. */
type SceneStepNames = Readonly<Record<SceneValueName, string>>;

/** The steps of a model as one graph, and the names of its values. */
export interface UnrolledGraph {
  /** A serialised ONNX model whose graph has nodes and constants alone. It reads the value `image`, `[B, C, S, S]`. */
  readonly model: Uint8Array;
  /** Name of the value log p(image | empty canvas), `[B]`, nats. */
  readonly emptyLogLikelihood: string;
  /**
   * Names of the values of each step by the output of the step graph that they are, `[T]`. They have the shapes of that
   * output, but for `patch`, which is `[B, C·O·O]`.
   */
  readonly steps: readonly SceneStepNames[];
}

/**
 * Joins the encoder and the steps of a model to one graph, at the posterior means.
 *
 * @param encoder the serialised encoder graph
 * @param step the serialised step graph
 * @returns undefined if there can be none, because the graphs use different operator sets, or one has control flow
 * @throws {RangeError} if either is not a serialised model
 */
export function unrolledGraph(encoder: Uint8Array, step: Uint8Array, config: AirConfig): UnrolledGraph | undefined {
  const head = headerOf(step);
  const [encoding, stepping] = [readNodes(encoder), readNodes(step)];
  if (String(headerOf(encoder)) !== String(head) || encoding === undefined || stepping === undefined) return undefined;
  const state = stateNames(config);
  const parts = partsOf(encoding, stepping, state);
  const carried = new Map([["image", "image"], ["image_gates", parts.imageGates], ...state.map(stateBefore)]);
  const content: Pieces[] = [writeNodes(parts.once), ...zeroState(parts.first.nodes, config)];
  const names: readonly StepValue[] = [
    ...new Set([...sceneValueNames, ...state.map((name) => `next_${name}` as const)]),
  ];
  const steps: SceneStepNames[] = [];
  for (let t = 1; t <= config.maxSteps; t++) {
    const own = t === 1 ? parts.first : parts.other;
    const outputs = new Map(names.map((name) => [own.outputs[name]!, `step_${t}/${name}`]));
    const renamed = (name: string): string =>
      carried.get(name) ?? outputs.get(name) ?? (parts.shared.has(name) ? sharedName(name) : `step_${t}/${name}`);
    content.push(writeNodes(renameValues({ nodes: own.nodes, constants: new Map() }, renamed)));
    const values = Object.fromEntries(names.map((name) => [name, renamed(own.outputs[name]!)]));
    steps.push(values as SceneStepNames);
    for (const name of state) carried.set(name, values[`next_${name}`]!);
  }
  const graph = [textField(GRAPH_NAME, "scene"), ...content].flat();
  const model = join([...head, ...messageField(MODEL_GRAPH, graph)]);
  return { model, emptyLogLikelihood: "encoder/log_likelihood", steps };
}

function stateBefore(name: string): [string, string] {
  return [name, initial(name)];
}
