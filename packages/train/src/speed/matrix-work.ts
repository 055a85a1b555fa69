/** The work of a traced graph that its rate is computed from: matrix products and convolutions. */
import type { Node, TracedGraph } from "@air-onnx/tracer";

/**
 * Floating-point operations of all matrix products and convolutions in one run of a graph: two for each multiply-add.
 */
export function matrixWork({ graph }: TracedGraph): number {
  return graph.nodes.reduce((sum, node) => sum + 2 * multiplyAdds(node), 0);
}

function multiplyAdds({ op, inputs, outputs, attributes }: Node): number {
  const elements = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);
  const [first, weights] = inputs;
  const made = elements(outputs[0]?.shape ?? []);
  switch (op) {
    case "Gemm":
      return made * first!.shape[attributes.transA?.value === 1 ? 0 : 1]!;
    case "MatMul":
      return made * first!.shape.at(-1)!;
    // The weights are [output channels, input channels of a group, …].
    case "Conv":
      return made * (elements(weights!.shape) / weights!.shape[0]!);
    // The weights are [input channels, output channels of a group, …].
    case "ConvTranspose":
      return elements(first!.shape) * (elements(weights!.shape) / weights!.shape[0]!);
    default:
      return 0;
  }
}
