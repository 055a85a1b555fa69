/**
 * Older operator sets, for engines that do not know the newest. The exporter writes opset 21; this rewrites what older
 * definitions of the operators say differently.
 */
import {
  type ModelProto,
  type NodeProto,
  type Operator,
  operatorVersions,
  type TensorProto,
  tensorDataType,
} from "@air-onnx/tracer";
import { OpsetError } from "./errors.js";
import { attributeOf, attributeProto } from "./onnx-parts.js";

/** Version of the ONNX IR that came with each opset that can be written. */
const irVersions: Readonly<Record<17 | 18 | 19 | 20 | 21, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 };
/** An opset that can be written. */
export type Opset = 17 | 18 | 19 | 20 | 21;
/** The opsets that can be written, rising. */
export const opsets = Object.keys(irVersions).map(Number) as readonly Opset[];

/** Gives an integer constant of the graph; undefined if the value is none. */
type Integers = (name: string | undefined) => number[] | undefined;
/** Rewrites a node for older opsets; undefined if it uses what these do not have. */
type Rewrite = (node: NodeProto, integers: Integers) => NodeProto | undefined;

/** Since opset 18, the axes are an input. */
const axesAsAttribute: Rewrite = (node, integers) => {
  const [data = "", axesName] = node.input;
  if (axesName === undefined) return node;
  const axes = integers(axesName);
  return axes && { ...node, input: [data], attribute: [...node.attribute, attributeProto("axes", axes)] };
};

/** An attribute that came with an opset and may only have its default there. */
const without =
  (name: string, isDefault: (node: NodeProto) => boolean): Rewrite =>
  (node) => {
    if (!attributeOf(node, name)) return node;
    return isDefault(node) ? { ...node, attribute: node.attribute.filter((each) => each.name !== name) } : undefined;
  };

const same: Rewrite = (node) => node;

/**
 * Definitions of operators that are newer than the oldest opset that can be written: the opset of each change, newest
 * first, and how to undo it. `same` marks changes of the types that an operator takes, none of which a graph of this
 * project has. Operators that are not here have not changed since, or are refused.
 */
const changes: Partial<Record<Operator, readonly (readonly [since: number, rewrite: Rewrite])[]>> = {
  AveragePool: [
    [19, without("dilations", (node) => attributeOf(node, "dilations")!.ints!.every((step) => step === 1))],
  ],
  Cast: [
    [21, same],
    [19, without("saturate", (node) => attributeOf(node, "saturate")!.i === 1)],
  ],
  ConstantOfShape: [
    [21, same],
    [20, same],
  ],
  Equal: [[19, same]],
  Flatten: [[21, same]],
  Identity: [
    [21, same],
    [19, same],
  ],
  ReduceL1: [[18, axesAsAttribute]],
  ReduceL2: [[18, axesAsAttribute]],
  ReduceMax: [
    [20, same],
    [18, axesAsAttribute],
  ],
  ReduceMean: [[18, axesAsAttribute]],
  ReduceMin: [
    [20, same],
    [18, axesAsAttribute],
  ],
  ReduceProd: [[18, axesAsAttribute]],
  ReduceSumSquare: [[18, axesAsAttribute]],
  Reshape: [
    [21, same],
    [19, same],
  ],
  Shape: [
    [21, same],
    [19, same],
  ],
  Split: [[18, without("num_outputs", (node) => node.input.length === 2)]],
  Squeeze: [[21, same]],
  Transpose: [[21, same]],
  Unsqueeze: [[21, same]],
};

/** The version of the default operator set that a model uses. */
export function opsetOf({ opsetImport }: ModelProto): number {
  return opsetImport.find(({ domain = "" }) => domain === "")!.version;
}

/**
 * Rewrites a model for an opset.
 *
 * @throws {OpsetError} naming the operator that this opset does not have, or if the model has an older one already
 */
export function withOpset(model: ModelProto, opset: Opset): ModelProto {
  const current = opsetOf(model);
  if (current === opset) return model;
  if (current < opset) {
    throw new OpsetError(`The model is in opset ${current}, which cannot be raised to ${opset}: export it anew`, {
      opset,
      least: current,
    });
  }
  const { graph } = model;
  const constants = new Map((graph.initializer ?? []).map((tensor) => [tensor.name, tensor]));
  const integers: Integers = (name) => integersOf(name === undefined ? undefined : constants.get(name));
  const node = graph.node.map((each) => rewritten(each, opset, integers));
  const read = new Set([...node.flatMap(({ input }) => input ?? []), ...graph.output.map(({ name }) => name)]);
  return {
    ...model,
    irVersion: irVersions[opset],
    opsetImport: [{ domain: "", version: opset }],
    graph: { ...graph, node, initializer: (graph.initializer ?? []).filter(({ name }) => read.has(name)) },
  };
}

function rewritten(node: NodeProto, opset: Opset, integers: Integers): NodeProto {
  const operator = node.opType as Operator;
  const newest = operatorVersions[operator];
  if (newest <= opset) return node;
  let current = operator in changes ? node : undefined;
  for (const [since, rewrite] of changes[operator] ?? []) {
    if (current && since > opset) current = rewrite(current, integers);
  }
  if (!current) {
    throw new OpsetError(`${operator} as the model uses it needs opset ${newest} or newer, not ${opset}`, {
      opset,
      least: newest,
      operator,
    });
  }
  return current;
}

function integersOf(tensor: TensorProto | undefined): number[] | undefined {
  if (tensor?.dataType !== tensorDataType.int64) return undefined;
  return Array.from(new BigInt64Array(Uint8Array.from(tensor.rawData).buffer), Number);
}
