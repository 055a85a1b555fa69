/**
 * Traces a tfjs LayersModel: its inputs, outputs and weights keep their names.
 */
import * as tf from "@tensorflow/tfjs";
import { BATCH, type InputSpec } from "./inputs.js";
import { type TracedGraph, trace } from "./trace.js";

/**
 * The model's prediction (not its training) as a graph. A dimension that the model leaves open (null) is the batch if it
 * is the first; any other must be fixed by the model.
 *
 * @param model a built model; it is left as it was
 * @returns inputs and outputs named after the layers they belong to, weights under their own names
 * @throws {Error} if the model leaves a dimension open besides the batch
 * @throws {UnsupportedKernelError} if a layer uses a kernel without a lowering
 * @throws {TracedStateError} if a recurrent layer is stateful
 */
export function traceLayersModel(model: tf.LayersModel): TracedGraph {
  const inputNames = layerNames(model.inputs);
  const outputNames = layerNames(model.outputs);
  const inputs = Object.fromEntries(
    model.inputs.map((input, i) => {
      const name = inputNames[i]!;
      const shape = input.shape.map((dim, axis) => {
        if (dim !== null) return dim;
        if (axis === 0) return BATCH;
        throw new Error(`Input ${name} of the model leaves dimension ${axis} open: give the model a fixed size there`);
      });
      return [name, { shape, dtype: graphDType(input.dtype, name) } satisfies InputSpec];
    }),
  );
  return trace(
    (tensors) => {
      const outputs = model.apply(inputNames.map((name) => tensors[name]!)) as tf.Tensor | tf.Tensor[];
      const list = outputs instanceof tf.Tensor ? [outputs] : outputs;
      return Object.fromEntries(outputNames.map((name, i) => [name, list[i]!]));
    },
    { inputs },
  );
}

/** The names of the layers that make the tensors. A Sequential leaves `model.inputNames`, which should hold them, empty. */
function layerNames(tensors: readonly tf.SymbolicTensor[]): string[] {
  const names: string[] = [];
  for (const { sourceLayer } of tensors) {
    const { name } = sourceLayer;
    names.push(names.includes(name) ? `${name}_${names.length}` : name);
  }
  return names;
}

function graphDType(dtype: tf.DataType, input: string): "float32" | "int32" | "bool" {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new Error(`Input ${input} of the model has type ${dtype}: ONNX graphs hold float32, int32 and bool here`);
}
