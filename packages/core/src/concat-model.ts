/** An ONNX model that joins tensors, with which a runtime moves several of them to or from a device in one transfer. */
import { attribute, integerField, join, messageField, node, textField, valueInfo } from "./onnx-message.js";

/** Field numbers of ModelProto, OperatorSetIdProto and GraphProto. */
const model = { irVersion: 1, graph: 7, opsetImport: 8 } as const;
const OPSET_VERSION = 2;
const graph = { name: 2, input: 11, output: 12 } as const;

/** Name of the input `index` of {@link concatModel}. */
export const concatInput = (index: number): string => `x${index}`;
/** Name of the output of {@link concatModel}. */
export const CONCAT_OUTPUT = "y";

/**
 * Makes a serialised ONNX model (IR version 8, opset 13) whose output is its inputs one after the other. All are float32
 * with one dimension of any size.
 *
 * @param inputs number of inputs
 */
export function concatModel(inputs: number): Uint8Array<ArrayBuffer> {
  const names = Array.from({ length: inputs }, (_, index) => concatInput(index));
  const content = [
    ...node("Concat", names, [CONCAT_OUTPUT], [attribute("axis", 0)]),
    ...textField(graph.name, "concat"),
    ...names.flatMap((name) => valueInfo(graph.input, name, "float32", [`size_${name}`])),
    ...valueInfo(graph.output, CONCAT_OUTPUT, "float32", ["size"]),
  ];
  return join([
    ...integerField(model.irVersion, 8),
    ...messageField(model.opsetImport, integerField(OPSET_VERSION, 13)),
    ...messageField(model.graph, content),
  ]);
}
