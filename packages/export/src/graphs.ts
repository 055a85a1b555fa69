/**
 * The encoder, step and decoder of a trained model as ONNX graphs, traced from the same functions that training runs.
 */
import { type AirConfig, type GraphName, graphNames, graphSignatures } from "@air-onnx/core";
import { BATCH, encodeGraph, type InputSpec, type TracedGraph, trace, type WeightType } from "@air-onnx/tracer";
import { graphFunctions, type NamedTensorData } from "@air-onnx/train";

/** Traces one graph, with the parameters it uses as initializers and a symbolic batch. */
export function traceGraph(name: GraphName, config: AirConfig, parameters: NamedTensorData): TracedGraph {
  const inputs = Object.fromEntries(
    Object.entries(graphSignatures(config)[name].inputs).map(([input, shape]): [string, InputSpec] => [
      input,
      { shape: [BATCH, ...shape] },
    ]),
  );
  return trace((tensors) => graphFunctions(tensors, config)[name](tensors), { inputs, weights: parameters });
}

/**
 * All graphs of the model as serialised ONNX files.
 *
 * @param weights type of the stored weights
 * @throws {RangeError} if a parameter is too large for `weights`
 */
export function encodeGraphs(
  config: AirConfig,
  parameters: NamedTensorData,
  weights: WeightType = "float32",
): Record<GraphName, Uint8Array> {
  return Object.fromEntries(
    graphNames.map((name) => [
      name,
      encodeGraph(traceGraph(name, config, parameters), {
        name,
        weights,
        description: `The ${name} of an Attend-Infer-Repeat model; see config.json beside it.`,
      }),
    ]),
  ) as Record<GraphName, Uint8Array>;
}
