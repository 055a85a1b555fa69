/** Leaves out of a graph what computes nothing, and what stops other tools. */
import type { ModelProto, NodeProto, TensorProto } from "@air-onnx/tracer";
import { attributeOf } from "./onnx-parts.js";

/**
 * The same model without Identity nodes, attributes that say what is the default anyway, and constants that another one
 * equals. An Identity stays if it makes an output of the graph.
 *
 * The rest stopped tools: onnxruntime's symbolic shape inference fails on an Identity of a Shape, and ONNX's version converter on
 * `dilations` of an AveragePool.
 */
export function cleaned(model: ModelProto): ModelProto {
  const { graph } = model;
  const outputs = new Set(graph.output.map(({ name }) => name));
  const { initializer, sameAs } = distinct(graph.initializer ?? []);
  const nameOf = (name: string): string => sameAs.get(name) ?? name;
  const node: NodeProto[] = [];
  for (const each of graph.node ?? []) {
    const input = (each.input ?? []).map(nameOf);
    const [output = ""] = each.output;
    if (each.opType === "Identity" && !outputs.has(output)) sameAs.set(output, input[0]!);
    else node.push({ ...withoutDefaults(each), input });
  }
  return { ...model, graph: { ...graph, node, initializer } };
}

function withoutDefaults(node: NodeProto): NodeProto {
  const dilations = node.opType === "AveragePool" ? attributeOf(node, "dilations")?.ints : undefined;
  if (!dilations?.every((step) => step === 1)) return node;
  return { ...node, attribute: node.attribute.filter(({ name }) => name !== "dilations") };
}

/** The constants of which no other is an equal, and the names by which the equals of one are called instead. */
function distinct(constants: readonly TensorProto[]): { initializer: TensorProto[]; sameAs: Map<string, string> } {
  const initializer: TensorProto[] = [];
  const sameAs = new Map<string, string>();
  const known = new Map<string, TensorProto[]>();
  for (const each of constants) {
    const key = `${each.dataType} ${each.dims ?? []} ${each.rawData?.length}`;
    const alike = known.get(key) ?? [];
    known.set(key, alike);
    const equal = each.rawData && alike.find(({ rawData }) => Buffer.compare(rawData, each.rawData) === 0);
    if (equal) sameAs.set(each.name, equal.name);
    else {
      alike.push(each);
      initializer.push(each);
    }
  }
  return { initializer, sameAs };
}
